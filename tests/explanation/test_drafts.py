"""`b12-cds explain` of a request about orders: each unsigned order, what is wrong with it, and what was looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from service.cli import main
from service.domain.checks import _ALWAYS, _OTHERS, _UNLESS_OURS, looks_for
from service.explanation import schema
from tests.orders.kit import (
    HYDROXO,
    LISINOPRIL,
    LOW,
    TABLETS,
    Json,
    draft,
    drafts,
    facts,
    injection,
    posted,
    request,
    service,
    tablets,
)
from tests.vignettes import TODAY

PERNICIOUS = facts(conditions=["pernicious_anaemia"], labs=LOW)
SLIP = draft(HYDROXO, route="intramuscular", dose=(1, "ug"), every=(1, "d"))


def explained(folder: Path, hook: str, *words: str, patient: Any = PERNICIOUS, **context: Json | list[str]) -> str:
    file = folder / "request.json"
    file.write_text(json.dumps(request(hook, patient, **context)), encoding="utf-8")
    ended = CliRunner().invoke(
        main, ["explain", str(file), "--protocol", "uk-ng239", "--date", TODAY.isoformat(), *words]
    )
    assert ended.exit_code == 0, ended.output
    return ended.output


def trace(folder: Path, hook: str, **context: Any) -> Any:
    said = json.loads(explained(folder, hook, "--json", **context))
    Draft202012Validator(json.loads(schema.COMMITTED.read_text(encoding="utf-8"))).validate(said)
    return said["drafts"]


def test_a_person_reads_what_is_wrong_with_each_draft_and_what_was_looked_for_in_vain(tmp_path: Path) -> None:
    said = explained(tmp_path, "order-sign", draftOrders=drafts(SLIP, draft(LISINOPRIL, name="other")))

    assert "What is wrong with the unsigned orders" in said
    assert "MedicationRequest/request-123: hydroxocobalamin" in said
    assert "FOUND dose (warning, change): the dose is far from every printed one" in said
    assert "looked for and not found: allergy, leber, bleeding" in said
    assert said.startswith("[warning]")


def test_a_program_reads_the_same(tmp_path: Path) -> None:
    (seen,) = trace(tmp_path, "order-sign", draftOrders=drafts(SLIP))

    assert (seen["resource"], seen["proposed"]) == ("MedicationRequest/request-123", False)
    assert "dose" in [found["kind"] for found in seen["found"]]
    assert not {found["kind"] for found in seen["found"]} & set(seen["notFound"])


def test_an_order_as_proposed_is_put_to_the_hazards_alone(tmp_path: Path) -> None:
    card = posted(service("uk-ng239"), request("patient-view", PERNICIOUS))["cards"][0]
    ours = [action["resource"] | {"id": "kept"} for action in card["suggestions"][0]["actions"]]

    seen = trace(tmp_path, "order-sign", draftOrders=drafts(*ours))

    assert all(each["proposed"] for each in seen)
    assert [each["notFound"] for each in seen] == [["allergy", "leber", "bleeding", "unjudged"]] * len(seen)


def test_an_order_that_was_not_selected_is_told_as_passed_over(tmp_path: Path) -> None:
    both = drafts(injection(), tablets(TABLETS, name="second"))

    first, second = trace(tmp_path, "order-select", draftOrders=both, selections=["MedicationRequest/request-123"])

    assert (first["passedOver"], second["passedOver"]) == (None, "it was not selected")
    assert second["found"] == second["notFound"] == []


def test_a_refill_is_explained_too(tmp_path: Path) -> None:
    assert trace(tmp_path, "medication-refill", medications=drafts(SLIP))[0]["found"]


def test_what_has_no_drafts_says_nothing_of_them(tmp_path: Path) -> None:
    assert "unsigned orders" not in explained(tmp_path, "patient-view")


@pytest.mark.parametrize("check", [*_ALWAYS, *_UNLESS_OURS, *_OTHERS])
def test_every_check_is_named_for_what_it_looks_for(check: Any) -> None:
    assert looks_for(check).value.replace("-", "_") == check.__name__.strip("_")
