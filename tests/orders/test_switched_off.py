"""A check of unsigned orders is switched off like any rule: in the file at the start, and while the service runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import flask.testing
import pytest

from service.app import create_app
from service.clients.offers import rule_ids
from service.control import LOOK_SECONDS
from service.domain.faults import Kind
from service.evaluate import shipped
from service.knowledge.strict_yaml import KnowledgeError
from service.settings import Settings
from tests.vignettes import TODAY

from .kit import HYDROXO, LISINOPRIL, LOW, Json, draft, drafts, facts, posted, request

PERNICIOUS = facts(conditions=["pernicious_anaemia"], labs=LOW)
ON = {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30}
#: Whom tablets may be offered at a refill, and who is due for tests.
STABLE = facts(conditions=["coeliac"], on_b12=ON, labs=[["hb", 138, "g/L"]])
DUE = facts(conditions=["pernicious_anaemia"], on_b12=ON | {"months": 6})
#: Two things are wrong with it: a thousandth of the dose, and given every day.
FAULTY = draft(HYDROXO, route="intramuscular", dose=(1, "ug"), every=(1, "d"))


class _OnOneDay(Settings):
    def today(self) -> Any:
        return TODAY


def started(file: Path, text: str) -> flask.testing.FlaskClient:
    file.write_text(text, encoding="utf-8")
    given: dict[str, Any] = {"protocol": "uk-ng239", "authentication": "off", "control": file}
    return create_app(_OnOneDay(**given), shipped()).test_client()


def changed(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    time.sleep(LOOK_SECONDS + 0.05)


def found(http: flask.testing.FlaskClient, hook: str = "order-sign", *orders: Json) -> list[str]:
    """What is told to be wrong with the orders, and that something is said exactly then."""
    name = "medications" if hook == "medication-refill" else "draftOrders"
    answer = posted(http, request(hook, PERNICIOUS, **{name: drafts(*(orders or (FAULTY,)))}))
    read = answer["extension"]["org.b12-cds.drafts"]["read"]
    kinds = [kind for each in read for kind in each.get("findings", ())]
    assert bool(kinds) == bool(answer["cards"])
    return kinds


def refill_cards(http: flask.testing.FlaskClient, patient: Any) -> int:
    order = draft(HYDROXO, route="intramuscular", dose=(1, "mg"), every=(3, "mo"))
    return len(posted(http, request("medication-refill", patient, medications=drafts(order)))["cards"])


def test_a_check_that_is_off_in_the_file_says_nothing_and_the_others_go_on(tmp_path: Path) -> None:
    file = tmp_path / "control.yaml"
    all_on = found(started(file, "rules-off: []\n"))

    assert "dose" in all_on
    assert found(started(file, "rules-off: [order-dose]\n")) == [kind for kind in all_on if kind != "dose"]
    assert found(started(file, f"rules-off: [{', '.join(f'order-{kind}' for kind in all_on)}]\n")) == []


def test_an_answer_says_which_checks_were_off_where_they_would_have_spoken(tmp_path: Path) -> None:
    http = started(tmp_path / "control.yaml", "rules-off: [order-dose, order-leber]\n")

    said = posted(http, request("order-sign", PERNICIOUS, draftOrders=drafts(FAULTY)))
    plain = posted(http, request("order-sign", PERNICIOUS, draftOrders=drafts(draft(LISINOPRIL))))

    assert said["extension"]["org.b12-cds.switched-off"] == {"rules": ["order-dose"]}
    assert "org.b12-cds.switched-off" not in plain["extension"]


def test_a_check_goes_off_and_on_while_the_service_runs(tmp_path: Path) -> None:
    file = tmp_path / "control.yaml"
    http = started(file, "rules-off: []\n")
    before = found(http)

    changed(file, "rules-off: [order-dose]\n")
    assert "dose" not in found(http)
    assert "dose" not in found(http, "medication-refill")
    changed(file, "rules-off: []\n")
    assert found(http) == before


@pytest.mark.parametrize(("rule", "patient"), [("refill-offer", STABLE), ("refill-monitoring", DUE)])
def test_a_card_of_a_refill_goes_off(tmp_path: Path, rule: str, patient: Any) -> None:
    file = tmp_path / "control.yaml"
    http = started(file, "rules-off: []\n")
    before = refill_cards(http, patient)

    changed(file, f"rules-off: [{rule}]\n")

    assert refill_cards(http, patient) == before - 1


@pytest.mark.parametrize("kind", Kind)
def test_every_check_has_an_id_to_be_switched_off_by(kind: Kind) -> None:
    assert f"order-{kind.value}" in rule_ids()


def test_a_misspelt_check_is_refused_at_the_start_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"control\.yaml:2: .*did you mean order-duplicate"):
        started(tmp_path / "control.yaml", "rules-off:\n  - order-duplicat\n")
