"""The story is read whole or says what is missing; what could make a plan unsafe is never left out in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.domain.terms import Status
from service.fhir.reading import OtherPatient
from service.smart.client import FhirError, NotThere, Refused, Unreachable
from service.smart.story import Shelf, Story, story_of
from tests.smart.charted import PATIENT, TODAY, chart
from tests.smart.patients import using

Json = dict[str, Any]


class Chart:
    """A FHIR server that holds one chart; some types of it may fail."""

    def __init__(self, resources: list[Json], failing: dict[str, Exception] | None = None) -> None:
        self.resources, self.failing = resources, failing or {}
        self.asked: list[str] = []

    def read(self, reference: str) -> Json:
        self.asked.append(reference)
        kind, _, name = reference.partition("/")
        self._fail(kind)
        found = next((r for r in self.resources if (r["resourceType"], r["id"]) == (kind, name)), None)
        if found is None:
            raise NotThere("not there")
        return found

    def search(self, url: str) -> Json:
        self.asked.append(url)
        kind, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self._fail(kind)
        assert query["patient"] == [PATIENT]
        codes = {tuple(pair.split("|")) for pair in query.get("code", [""])[0].split(",") if pair}
        found = [r for r in self.resources if r["resourceType"] == kind and (not codes or codes & _codes(r))]
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in found]}

    def _fail(self, kind: str) -> None:
        if kind in self.failing:
            raise self.failing[kind]


def _codes(resource: Json) -> set[tuple[str, str]]:
    return {(c["system"], c["code"]) for c in resource.get("code", {}).get("coding", ())}


def told(resources: list[Json] | None = None, failing: dict[str, Exception] | None = None) -> Story:
    return story_of(Chart(resources or chart(), failing), PATIENT, using(), "uk-ng239", TODAY)


def test_the_chart_is_read_by_the_same_searches_that_the_service_asks_for() -> None:
    server = Chart(chart())

    story = story_of(server, PATIENT, using(), "uk-ng239", TODAY)

    kinds = {url.partition("?")[0].partition("/")[0] for url in server.asked}
    assert {"Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance", "Procedure"} <= kinds
    assert story.decision.assessment.status is Status.CONFIRMED
    assert story.decision.plan.row == "autoimmune-gastritis"
    assert story.patient["id"] == PATIENT
    assert "B12 deficiency confirmed" in story.headline


def test_a_resource_is_had_again_as_it_was_sent() -> None:
    sent = next(r for r in chart() if r["id"] == "tablets-before")

    assert told().original("MedicationRequest/tablets-before") == sent


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance"])
@pytest.mark.parametrize("error", [Refused("no"), Unreachable("no"), NotThere("no")], ids=lambda e: type(e).__name__)
def test_without_what_a_safe_plan_needs_there_is_no_story(kind: str, error: FhirError) -> None:
    with pytest.raises(FhirError):
        told(failing={kind: error})


@pytest.mark.parametrize(("kind", "words"), [("Procedure", "procedures"), ("FamilyMemberHistory", "family history")])
def test_what_else_is_not_given_is_said(kind: str, words: str) -> None:
    story = told(failing={kind: Refused("no")})

    assert story.decision.evidence.record.unchecked == (words,)


def test_a_server_that_does_not_answer_is_no_server_without_procedures() -> None:
    with pytest.raises(Unreachable):
        told(failing={"Procedure": Unreachable("no")})


def test_another_patients_resource_is_refused() -> None:
    foreign = [{**r, "subject": {"reference": "Patient/somebody"}} if r["id"] == "b12-0" else r for r in chart()]

    with pytest.raises(OtherPatient):
        told(foreign)


def test_a_medicine_that_an_order_refers_to_is_read() -> None:
    resources = chart()
    order = next(r for r in resources if r["id"] == "tablets-before")
    medication = {"resourceType": "Medication", "id": "m1", "code": order.pop("medicationCodeableConcept")}
    order["medicationReference"] = {"reference": "Medication/m1"}

    assert [e.resource for e in told([*resources, medication]).decision.evidence.therapy.all] == [
        "MedicationRequest/tablets-before"
    ]
    missing = told(resources)
    assert missing.decision.evidence.record.unchecked != ()


def test_a_story_is_kept_for_a_page_and_made_anew_when_it_is_old_or_wanted_so() -> None:
    now, story, made = [0.0], told(), []

    def make() -> Story:
        made.append(1)
        return story

    shelf = Shelf(seconds=20, most=2, clock=lambda: now[0])
    had: Callable[..., Story] = shelf.had
    had("a", make)
    had("a", make)
    assert len(made) == 1
    had("a", make, anew=True)
    assert len(made) == 2
    now[0] = 21.0
    had("a", make)
    assert len(made) == 3
    had("b", make)
    had("c", make)
    had("a", make)
    assert len(made) == 6, "the oldest gave way"
