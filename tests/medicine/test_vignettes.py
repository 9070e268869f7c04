"""Every vignette through the whole pipeline, under each protocol it names, in every way of coding it."""

from __future__ import annotations

import pytest

from tests.chart.hook_request import of_type, patient_view
from tests.chart.render import ways
from tests.vignettes import Protocol, Vignette, vignettes

from .ask import Answer, answer, chart_of
from .expect import departures

KEYS = {
    "patient": of_type("Patient"),
    "results": of_type("Observation"),
    "problems": of_type("Condition", "AllergyIntolerance", "FamilyMemberHistory"),
    "procedures": of_type("Procedure"),
    "orders": of_type("MedicationRequest"),
    "medicines": of_type("MedicationStatement", "MedicationAdministration"),
}
QUESTIONS = [(told, protocol) for told in vignettes() for protocol in told.expect.under]


@pytest.mark.parametrize(("told", "protocol"), QUESTIONS, ids=[f"{told.id}-{protocol}" for told, protocol in QUESTIONS])
def test_a_vignette_is_answered_as_it_should_be(told: Vignette, protocol: Protocol) -> None:
    chart = chart_of(told)

    assert departures(told, protocol, answer(chart, protocol, told.today), chart) == []


@pytest.mark.parametrize(("told", "protocol"), QUESTIONS, ids=[f"{told.id}-{protocol}" for told, protocol in QUESTIONS])
def test_the_answer_does_not_depend_on_which_codes_the_chart_uses(told: Vignette, protocol: Protocol) -> None:
    wrong = {}
    for nth in range(1, ways(told.facts, told.today)):
        chart = chart_of(told, nth)
        wrong[nth] = departures(told, protocol, answer(chart, protocol, told.today), chart)

    assert not any(wrong.values()), {nth: words for nth, words in wrong.items() if words}


@pytest.mark.parametrize("told", vignettes(), ids=lambda told: told.id)
def test_a_hook_request_gets_the_answer_of_its_bundle(told: Vignette) -> None:
    chart = chart_of(told)
    request = patient_view(chart, KEYS)
    protocol = next(iter(told.expect.under))

    assert without_ids(answer(request, protocol, told.today)) == without_ids(answer(chart, protocol, told.today))


def without_ids(given: Answer) -> Answer:
    """The answer but for what names the call itself."""
    return {**given, "cards": [card["summary"] for card in given["cards"]]}
