"""The renderer is tested too: a chart that lies would make every vignette lie."""

from __future__ import annotations

import json
from datetime import date
from typing import Literal

import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.vignettes import TODAY, Vignette, vignette, vignettes

from .codes import ATTRIBUTABLE, Choice, table
from .facts import Facts
from .hook_request import of_type, patient_view
from .noise import noise
from .render import born, bundle, bundle_of, ways
from .resources import Resource, months_before


def resources(facts: Facts, nth: int = 0) -> list[Resource]:
    return [entry["resource"] for entry in bundle(facts, TODAY, Choice.nth(nth))["entry"]]


@pytest.mark.parametrize("told", vignettes(), ids=lambda told: told.id)
def test_every_chart_in_every_way_is_valid_fhir(told: Vignette) -> None:
    for nth in range(ways(told.facts, told.today)):
        chart = bundle(told.facts, told.today, Choice.nth(nth))

        Bundle.model_validate_json(json.dumps(chart))


@pytest.mark.parametrize("told", vignettes(), ids=lambda told: told.id)
def test_ids_are_unique_and_every_reference_resolves(told: Vignette) -> None:
    chart = bundle(told.facts, told.today, Choice.seeded(7))
    ids = [f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in chart["entry"]]

    assert len(ids) == len(set(ids))
    assert all(
        entry["resource"].get("subject", entry["resource"].get("patient", {"reference": "Patient/patient-1"}))
        == {"reference": "Patient/patient-1"}
        for entry in chart["entry"]
    )


def test_the_same_seed_draws_the_same_chart() -> None:
    facts = vignette("V58").facts

    assert bundle(facts, TODAY, Choice.seeded(3)) == bundle(facts, TODAY, Choice.seeded(3))


def test_running_through_the_ways_shows_every_code_for_neurology() -> None:
    facts = Facts(age=40, neuro=True)
    seen = {json.dumps(each["code"]) for nth in range(ways(facts, TODAY)) for each in resources(facts, nth)[1:]}

    assert len(seen) == sum(len(table("conditions")[fact]) for fact in ATTRIBUTABLE)


def test_what_is_not_said_is_not_in_the_chart() -> None:
    assert [each["resourceType"] for each in resources(Facts())] == ["Patient"]
    assert "birthDate" not in resources(Facts())[0]


def test_a_fact_without_a_verified_code_is_text_only() -> None:
    symptom = resources(Facts(age=40, symptoms=("fatigue",)))[1]

    assert symptom["code"] == {"text": "fatigue"}


def test_nitrous_oxide_misuse_names_both_the_habit_and_the_gas() -> None:
    codes = {
        coding["code"]
        for each in resources(Facts(age=20, n2o="recreational_current"))[1:]
        for coding in each["code"]["coding"]
    }

    assert codes == {"70340006", "F18.10", "218704008"}


@pytest.mark.parametrize(
    ("birthday", "birth"),
    [("today", date(2010, 11, 22)), ("tomorrow", date(2009, 11, 23)), (None, date(2010, 6, 22))],
)
def test_a_birthday_falls_on_the_day_it_is_said_to(birthday: Literal["today", "tomorrow"] | None, birth: date) -> None:
    assert born(Facts(age=16, birthday=birthday), TODAY) == birth


def test_a_month_ago_keeps_the_day_where_there_is_one() -> None:
    assert months_before(date(2026, 3, 31), 1) == date(2026, 2, 28)
    assert months_before(date(2026, 11, 22), 4) == date(2026, 7, 22)
    assert months_before(date(2026, 1, 15), 1) == date(2025, 12, 15)


def test_noise_is_thirty_resources_or_more_that_are_valid_and_never_about_b12() -> None:
    made = noise(TODAY, seed=1)
    relevant = {code for units in table("laboratory").values() for codes in units.values() for code in codes}

    assert len(made) >= 30
    assert len({each["id"] for each in made}) == len(made)
    Bundle.model_validate_json(json.dumps(bundle_of(made)))
    assert not relevant & {coding["code"] for each in made for coding in each.get("code", {}).get("coding", ())}


def test_a_hook_request_sorts_the_chart_by_key() -> None:
    chart = bundle(vignette("V23").facts, TODAY, Choice.nth(0))
    keys = {"patient": of_type("Patient"), "results": of_type("Observation"), "allergies": of_type("Allergy")}
    prefetch = patient_view(chart, keys)["prefetch"]

    assert prefetch["patient"]["resourceType"] == "Patient"
    assert prefetch["results"]["total"] == 4
    assert prefetch["allergies"]["entry"] == []
