"""Every vignette through the whole pipeline, under each protocol it names, in every way of coding it."""

from __future__ import annotations

import pytest

from tests.chart.render import ways
from tests.vignettes import Protocol, Vignette, vignettes

from .ask import answer, chart_of
from .expect import departures

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
