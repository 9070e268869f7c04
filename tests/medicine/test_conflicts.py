"""Where guidelines differ, for whom it is said, and that a line is one line: C1 to C16 of the reference."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache

import pytest

from service.domain.conflicts import disputed
from service.evaluate import evaluate, shipped
from service.knowledge.load import load
from tests.vignettes import PROTOCOLS, vignettes

from .ask import Answer, answer, chart_of
from .test_workup import detail, lab, patient

BOOK = load().book


@cache
def answers() -> dict[tuple[str, str], Answer]:
    return {
        (told.id, protocol): answer(chart_of(told), protocol, told.today)
        for told in vignettes()
        for protocol in PROTOCOLS
    }


def lines(given: Answer) -> list[str]:
    """The conflict lines of an answer's first card."""
    said = given["cards"][0]["detail"] if given["cards"] else ""
    topics = {f"- {c.topic[:1].upper()}{c.topic[1:]}: ": c.id for c in BOOK.conflicts}
    return [line for line in said.splitlines() if any(line.startswith(topic) for topic in topics)]


def named(given: Answer) -> set[str]:
    return {notice for notice in given["notices"] if notice.startswith("conflict-")}


def test_each_conflict_is_said_for_some_patient() -> None:
    said: dict[str, list[str]] = defaultdict(list)
    for (name, _), given in answers().items():
        for notice in named(given):
            said[notice].append(name)

    assert set(said) == {f"conflict-{conflict.id.lower()}" for conflict in BOOK.conflicts}


def test_on_a_card_each_conflict_that_matters_has_one_line_that_can_be_read() -> None:
    for (name, protocol), given in answers().items():
        if given["cards"]:
            assert len(lines(given)) == len(named(given)), (name, protocol)
            assert all(len(line) <= 330 for line in lines(given)), lines(given)


def test_a_line_says_what_the_others_would_do_and_never_repeats_the_protocol_that_is_followed() -> None:
    for (name, protocol), given in answers().items():
        for line in lines(given):
            voices = [who for who in (*PROTOCOLS, "SPC", "BSH") if f"{who}: " in line or f"{who} and" in line]
            assert protocol not in voices, (name, line)


def test_those_who_agree_are_named_together() -> None:
    said = detail(patient(age=62, procedures=["total_gastrectomy"], labs=[lab("b12", 100, "ng/L", 5)]))

    assert "us-aafp: cyanocobalamin monthly (V); us-label: cyanocobalamin monthly (V)" not in said
    assert "us-aafp and us-label: cyanocobalamin monthly (V)." in said


LOW = [lab("b12", 100, "ng/L", 5)]
RANGED = [{"analyte": "b12", "value": 100, "unit": "ng/L", "range_low": 200}]


@pytest.mark.parametrize("protocol", ["us-aafp", "us-label"])
def test_100_or_1000_micrograms_is_said_with_every_injection_of_cyanocobalamin(protocol: str) -> None:
    """C2."""
    for facts in ({"procedures": ["total_gastrectomy"]}, {"conditions": ["numb_feet"]}):
        assert "conflict-c2" in named(patient(protocol, age=62, labs=RANGED, **facts))


def test_100_or_1000_micrograms_is_not_said_with_tablets() -> None:
    """C2."""
    assert "conflict-c2" not in named(patient("us-aafp", age=62, labs=LOW))


def test_the_licence_begins_hydroxocobalamin_otherwise_than_the_formulary() -> None:
    """C3: the SPC's words on the card of the protocol that follows the BNF, and only with that course."""
    said = detail(patient(age=62, conditions=["pernicious_anaemia"], labs=LOW))

    assert "SPC: 250 to 1000 micrograms on alternate days for 1 to 2 weeks, then 250 weekly (V)." in said
    assert "conflict-c3" not in named(patient(age=62, conditions=["pernicious_anaemia", "numb_feet"], labs=LOW))
    assert "conflict-c3" not in named(patient("us-aafp", age=62, conditions=["pernicious_anaemia"], labs=LOW))


def test_b12_is_not_repeated_and_intervals_are_not_swapped_as_soon_as_an_injection_is_planned() -> None:
    """C11 and C12."""
    injected = named(patient("us-aafp", age=62, procedures=["total_gastrectomy"], labs=LOW))
    tablets = named(patient("us-aafp", age=62, labs=LOW))

    assert {"conflict-c11", "conflict-c12"} <= injected
    assert not {"conflict-c11", "conflict-c12"} & tablets


def test_treatment_does_not_wait_for_a_cause_and_the_one_voice_that_waits_is_called_obsolete() -> None:
    """C13."""
    said = detail(patient(age=62, labs=LOW))

    assert "BSH: do not delay (V); SPC: wait for a megaloblastic marrow (obsolete) (V)." in said
    assert "conflict-c13" not in named(patient(age=62, conditions=["pernicious_anaemia"], labs=LOW))


def test_nothing_waits_while_nothing_is_to_be_started() -> None:
    """C13."""
    assert "conflict-c13" not in named(patient(age=62, labs=[lab("b12", 250, "ng/L", 5)]))


def test_whom_to_test_is_said_to_differ_before_any_b12_is_known_and_not_after() -> None:
    """C14."""
    at_risk = {"age": 60, "conditions": ["glossitis_coded"], "medicines": [{"name": "metformin", "months": 60}]}

    assert "BC: without symptoms, consider supplements untested (V)." in detail(patient(**at_risk))
    assert "conflict-c14" not in named(patient(**at_risk, labs=LOW))


def test_a_protocol_without_a_line_is_no_other_view_of_what_is_low() -> None:
    """C10: with a B12 that both protocols with lines call low, the label's silence is no difference."""
    assert "conflict-c10" not in named(patient(age=62, labs=LOW))
    assert "conflict-c10" in named(patient(age=62, labs=[lab("b12", 165, "ng/L", 5)]))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"conditions": ["megaloblastic_anaemia"], "labs": [lab("b12", 480, "ng/L", 5)]}, True),
        ({"labs": [lab("b12", 480, "ng/L", 5), lab("mma", 0.6, "umol/L", 5)]}, True),
        ({"labs": [lab("b12", 480, "ng/L", 5), lab("hcy", 20, "umol/L", 5)]}, True),
        ({"conditions": ["glossitis_coded"], "labs": [lab("b12", 480, "ng/L", 5)]}, True),
        ({"labs": [lab("b12", 480, "ng/L", 5)]}, False),
        ({"conditions": ["glossitis_coded"], "labs": LOW}, False),
    ],
)
def test_what_laboratory_values_settle_is_said_where_they_are_normal_and_the_patient_is_not(
    facts: dict[str, object], said: bool
) -> None:
    """C16."""
    assert ("conflict-c16" in named(patient(age=48, **facts))) is said


def test_a_conflict_tells_the_explanation_why_it_matters() -> None:
    told = next(each for each in vignettes() if each.id == "B439")
    chart = json.dumps(chart_of(told)).encode()
    decided = evaluate(chart, protocol="us-aafp", today=told.today, using=shipped()).decision
    why = disputed(decided.evidence, decided.assessment, decided.modifiers, decided.plan, BOOK)

    assert {conflict.id: reasons for conflict, reasons in why}["C9"] == ("the plan is subcutaneous",)
    assert {conflict.id: reasons for conflict, reasons in why}["C1"] == ("the mechanism is autoimmune-gastritis",)
