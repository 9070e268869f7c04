"""The checks have teeth: each way of being wrong is seen in an answer that was right."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest

from tests.vignettes import vignette

from .ask import Answer, answer, chart_of, created
from .expect import departures

Spoil = Callable[[Answer], object]
OFFERED = {"regimen": "UK-ORAL-MALABS", "recommended": True, "duration": "lifelong", "phases": []}


def spoilt(name: str, spoil: Spoil) -> list[str]:
    """Departures of a right answer after it was spoilt."""
    told = vignette(name)
    chart = chart_of(told)
    given = deepcopy(answer(chart, "uk-ng239", told.today))
    assert departures(told, "uk-ng239", given, chart) == []
    spoil(given)
    return departures(told, "uk-ng239", given, chart)


@pytest.mark.parametrize(
    ("name", "spoil", "seen"),
    [
        ("V42", lambda a: a.update(status="unlikely"), "status is"),
        ("V42", lambda a: a.update(startNow=False), "startNow is"),
        ("V42", lambda a: a["causes"].clear(), "the first cause is"),
        ("V42", lambda a: a["causes"][0].update(id="pregnancy"), "the cause is pregnancy"),
        ("V29", lambda a: a["causes"][0].update(certainty="possible"), "the cause is possible"),
        ("V55", lambda a: a["causes"].pop(), "does not name dietary"),
        ("V42", lambda a: a["modifiers"].clear(), "modifiers are"),
        ("V42", lambda a: a["options"].clear(), "recommends nothing"),
        ("V41", lambda a: a["options"][0].update(recommended=False), "recommends nothing"),
        ("V41", lambda a: a["options"][1].update(recommended=True), "exactly one"),
        ("V41", lambda a: a["options"][1].update(regimen="UK-ORAL-MALABS"), "are right"),
        ("V42", lambda a: a["options"][0].update(duration="lifelong"), "lasts lifelong"),
        ("V42", lambda a: a["options"][0]["phases"].pop(), "not followed by"),
        ("V42", lambda a: a["options"][0]["phases"][-1]["dose"].update(low=1), "not followed by"),
        ("V42", lambda a: a["notices"].clear(), "does not say"),
        ("V42", lambda a: a["cards"].clear(), "no card would create the order"),
        ("V42", lambda a: a["causes"][0].update(basis=["Condition/of-nobody"]), "not in the chart"),
        ("V42", lambda a: a["cards"][0].update(summary="x" * 140), "140"),
        ("V39", lambda a: a["options"][0].update(duration="lifelong"), "must never be: lifelong"),
        ("V65", lambda a: a["options"][0].update(drug="cyanocobalamin"), "must never be: cyanocobalamin"),
        ("V27", lambda a: a["options"].append({"route": "oral"} | OFFERED), "where no plan is right"),
    ],
)
def test_a_spoilt_answer_is_seen(name: str, spoil: Spoil, seen: str) -> None:
    words = spoilt(name, spoil)

    assert any(seen in each for each in words), words


def test_an_order_where_no_plan_is_right_is_seen() -> None:
    told = vignette("V23")
    orders = created(answer(chart_of(told), "uk-ng239"), "MedicationRequest")
    suggestion = {"actions": [{"type": "create", "resource": orders[0]}]}

    def order(given: Answer) -> None:
        given["cards"].append({"summary": "an order", "suggestions": [suggestion]})

    assert any("medication order" in each for each in spoilt("V27", order))
