"""The published schema of `evaluate --json` is true: of the committed file, of every answer, and of nothing more."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from cds_hooks import wire
from service import contract_schema
from service.evaluate import shipped
from tests.medicine.ask import Answer, answer, chart_of
from tests.vignettes import PROTOCOLS, vignette, vignettes

Change = Callable[[Any], None]


@cache
def published() -> Draft202012Validator:
    committed = json.loads(contract_schema.COMMITTED.read_text(encoding="utf-8"))
    return Draft202012Validator(committed, format_checker=Draft202012Validator.FORMAT_CHECKER)


def broken(given: Answer) -> list[str]:
    return [f"{fault.json_path}: {fault.message}" for fault in published().iter_errors(given)]


def test_the_committed_schema_is_what_the_code_writes() -> None:
    assert contract_schema.COMMITTED.read_text(encoding="utf-8") == contract_schema.written(shipped().book), (
        "run python -m service.contract_schema"
    )


def test_the_committed_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(published().schema)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_answer_to_a_vignette_is_as_the_schema_says(protocol: str) -> None:
    faults = {told.id: broken(answer(chart_of(told), protocol, told.today)) for told in vignettes()}

    assert {name: found for name, found in faults.items() if found} == {}


def test_the_vignettes_show_every_part_of_the_contract() -> None:
    """What no answer ever holds would be validated by nobody."""
    seen: set[str] = set()
    for told in vignettes():
        for protocol in PROTOCOLS:
            seen.update(_places(answer(chart_of(told), protocol, told.today)))

    assert {
        "causes.basis",
        "modifiers",
        "options.phases.timing.boundsDuration.value",
        "options.phases.timing.boundsRange.low.value",
        "options.phases.timing.count",
        "options.phases.timing.periodMax",
        "options.phases.condition",
        "unreadable.why",
        "cards.suggestions.actions.resource.status",
        "cards.overrideReasons.code",
        "cards.extension.org.b12-cds.assessment.resources",
        "cards.extension.org.b12-cds.assessment.ruleSet",
    } <= seen


def _places(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _places(child, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for child in value:
            yield from _places(child, path)
    elif value is not None:
        yield path


def put(value: Any, *path: str | int) -> Change:
    def change(given: Any) -> None:
        for step in path[:-1]:
            given = given[step]
        given[path[-1]] = value

    return change


def without(*path: str | int) -> Change:
    def change(given: Any) -> None:
        for step in path[:-1]:
            given = given[step]
        del given[path[-1]]

    return change


PHASE = ("options", 0, "phases", 0)
RESOURCE = ("cards", 0, "suggestions", 0, "actions", 0, "resource")
FAULTS: dict[str, Change] = {
    "a member of its own": put(1, "extra"),
    "no status": without("status"),
    "an unknown status": put("no_data", "status"),
    "an unknown rule": put("K99", "rule"),
    "an unknown mechanism": put("pernicious-anaemia", "causes", 0, "mechanism"),
    "an unknown certainty": put("sure", "causes", 0, "certainty"),
    "an unknown modifier": put(["tired"], "modifiers"),
    "startNow in words": put("yes", "startNow"),
    "an unknown notice": put(["workup-everything"], "notices"),
    "a conflict without its number": put(["conflict-"], "notices"),
    "a notice said twice": put(["plan", "plan"], "notices"),
    "an unknown route": put("intravenous", "options", 0, "route"),
    "an unknown drug": put("methylcobalamin", "options", 0, "drug"),
    "an unknown duration": put("forever", "options", 0, "duration"),
    "an option without phases": put([], "options", 0, "phases"),
    "an unknown phase": put("loading", *PHASE, "name"),
    "a unit that is not UCUM": put("mcg", *PHASE, "dose", "unit"),
    "no dose at all": put(0, *PHASE, "dose", "low"),
    "a period in a unit of people": put("week", *PHASE, "timing", "periodUnit"),
    "a date in another order": put("22/11/2026", "date"),
    "a day that does not exist": put("2026-02-30", "date"),
    "three cards": put([{}, {}, {}], "cards"),
    "a summary of 140 characters": put("x" * 140, "cards", 0, "summary"),
    "suggestions without a behaviour": without("cards", 0, "selectionBehavior"),
    "an empty list of links": put([], "cards", 0, "links"),
    "an order that is active already": put("active", *RESOURCE, "status"),
    "an order that is no proposal": put("order", *RESOURCE, "intent"),
    "a resource of another kind": put("Patient", *RESOURCE, "resourceType"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_schema_refuses_a_wrong_answer(fault: str) -> None:
    good = answer(chart_of(vignette("V23")), "us-aafp")
    bad = copy.deepcopy(good)
    FAULTS[fault](bad)

    assert broken(good) == []
    assert broken(bad) != []


@pytest.mark.parametrize(
    ("definition", "element"), [("card", wire.Card), ("suggestion", wire.Suggestion), ("coding", wire.Coding)]
)
def test_the_schema_knows_the_members_of_the_wire_types(definition: str, element: type[msgspec.Struct]) -> None:
    described = set(published().schema["$defs"][definition]["properties"])
    never_sent = {"suggestion": {"extension", "actionSelectionBehavior"}}.get(definition, set())

    assert described == {field.name for field in msgspec.structs.fields(element)} - never_sent
