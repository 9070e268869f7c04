"""What a clinician may change: within what the protocol prints and the patient can have, and never otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from service.domain.decision import Decision
from service.domain.terms import Modifier, Route
from service.fhir.gate import check
from service.smart.calendar import plan
from service.smart.choice import Choice, Chosen, Field, Refusal, allowed, bases, maintenance_of, refused, regimens_of
from service.smart.drafts import drafts_of
from tests.smart.patients import all_decided, book, first, with_a_plan

#: A decision is large: what breaks a property is told as found, not made smaller.
FOUND = (Phase.explicit, Phase.generate)
#: Months between injections in maintenance, as the sources print them for each drug, typed by hand.
PRINTED = {
    ("uk-ng239", "hydroxocobalamin"): {2, 3, 6},
    ("us-aafp", "cyanocobalamin"): {1, 2},
    ("us-aafp", "hydroxocobalamin"): {1},
    ("us-label", "cyanocobalamin"): {1},
    ("us-label", "hydroxocobalamin"): {1},
}
PRODUCTS = sorted({p.id for protocol in book().protocols.values() for p in protocol.products})
REGIMENS = sorted({r.id for protocol in book().protocols.values() for r in regimens_of(protocol)})
#: Most wishes are for one thing: a choice of five that all fit by chance would never be found.
choices = st.tuples(
    st.sampled_from([None] * 30 + [*REGIMENS, "NO-SUCH"]),
    st.sampled_from([None] * 4 + [*Route]),
    st.sampled_from([None] * 14 + [*PRODUCTS, "no-such"]),
    st.sampled_from([None] * 8 + [-400, -1, 0, 0, 1, 7, 30, 60, 95, 400]),
    st.sampled_from([None] * 6 + [*range(14)]),
)


def made(decision: Decision, choice: Choice) -> Chosen:
    found = allowed(decision, book(), choice)
    assert isinstance(found, Chosen), found
    return found


def why_not(decision: Decision, choice: Choice) -> tuple[Refusal, ...]:
    found = allowed(decision, book(), choice)
    assert isinstance(found, tuple)
    return found


def test_choosing_nothing_is_the_recommended_plan_itself() -> None:
    for decision in with_a_plan():
        assert made(decision, Choice()).dated is bases(decision)[0].dated


def test_choosing_what_is_proposed_already_changes_nothing() -> None:
    for decision in with_a_plan():
        base = bases(decision)[0]
        order = base.dated.orders[0]
        choice = Choice(base.option.regimen.id, base.option.route, order.product.id, decision.evidence.today)

        assert made(decision, choice).dated is base.dated


@settings(max_examples=1500, phases=FOUND)
@given(st.integers(0, len(with_a_plan()) - 1), choices)
def test_no_choice_outside_the_protocol_ever_yields_a_plan(number: int, wished: tuple[object, ...]) -> None:
    decision = with_a_plan()[number]
    regimen, route, product, days, months = wished
    today = decision.evidence.today
    start = today + timedelta(days=days) if isinstance(days, int) else None
    choice = Choice(regimen, route, product, start, months)  # type: ignore[arg-type]

    found = allowed(decision, book(), choice)

    if isinstance(found, tuple):
        assert found
        assert all(refusal.says and book().sources[refusal.cite.source] for refusal in found)
        return
    assert _outside(decision, found, choice) == ""


def _outside(decision: Decision, found: Chosen, choice: Choice) -> str:
    """Where a plan is not inside its protocol, or nothing; told in words, since a decision is long to print."""
    try:
        _inside(decision, found, choice)
    except AssertionError as error:
        return str(error) or "outside"
    return ""


def _inside(decision: Decision, found: Chosen, choice: Choice) -> None:
    """By the modifiers, the regimens and the printed intervals alone, not by the code that chose."""
    option, orders = found.option, found.dated.orders
    offered = {o.regimen.id: o for o in decision.plan.options}
    offered |= {o.option.regimen.id: o.option for o in decision.offers if o.option is not None}
    assert option.regimen.id in offered
    hazards = decision.modifiers
    assert Modifier.COBALAMIN_ALLERGY not in hazards
    assert not hazards.unjudged
    for order in orders:
        assert not (Modifier.LEBER in hazards and book().drugs[order.drug].not_with_leber)
        assert not (Modifier.BLEEDING_RISK in hazards and order.route is Route.INTRAMUSCULAR)
        assert order.product.drug == order.drug
        assert order.route in order.product.routes
        assert order.product in decision.protocol.products or order.product.id in {
            p.id for p in decision.protocol.products
        }
        own = offered[option.regimen.id]
        by_source = {(drug, by) for drug, by in own.drugs} | {(option.regimen.drug, r) for r in option.regimen.routes}
        assert (order.drug, order.route) in by_source
        assert order.start >= decision.evidence.today
        timing = order.step.timing
        if timing.unit == "mo" and order.route.injected:
            printed = PRINTED[decision.protocol.id, order.drug]
            assert {timing.period, timing.period_max or timing.period} <= printed
    doses = {(s.low, s.high, s.unit) for s in option.steps}
    assert doses == {(s.low, s.high, s.unit) for s in offered[option.regimen.id].steps}
    if orders and (Modifier.NEUROLOGICAL in hazards or Modifier.SEVERE_ANAEMIA in hazards):
        assert orders[0].start == decision.evidence.today
    if choice.months is not None:
        step = maintenance_of(option)
        assert step is not None
        assert (step.timing.period, step.timing.period_max) in {(choice.months, None)}


@settings(max_examples=80, phases=FOUND)
@given(st.integers(0, len(with_a_plan()) - 1), choices)
def test_whatever_is_chosen_its_drafts_pass_the_gate(number: int, wished: tuple[object, ...]) -> None:
    decision = with_a_plan()[number]
    regimen, route, product, days, months = wished
    start = decision.evidence.today + timedelta(days=days) if isinstance(days, int) else None
    for choice in (
        Choice(None, route, None, start, months),  # type: ignore[arg-type]
        Choice(regimen, None, product),  # type: ignore[arg-type]
    ):
        found = allowed(decision, book(), choice)
        if isinstance(found, Chosen):
            calendar = plan(found.dated, decision, book())
            drafts = drafts_of(decision, book(), found, calendar, "p1")

            assert [problem for draft in drafts for problem in check(draft)] == []
            assert all(len(c.doses) == c.order.doses for c in calendar.courses)


def test_hydroxocobalamin_may_be_every_two_or_every_three_months_and_not_monthly() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")

    for months in (2, 3):
        step = maintenance_of(made(decision, Choice(months=months)).option)
        assert step is not None
        assert step.text == f"1 mg every {months} months"
    (refusal,) = why_not(decision, Choice(months=1))
    assert (refusal.field, refusal.cite.source) == (Field.INTERVAL, "BNF-hydroxo")
    assert "every 2 to 3 months" in refusal.says


def test_cyanocobalamin_injections_may_be_monthly_or_every_two_months_and_not_every_three() -> None:
    decision = first("us-aafp", "US-IM-TRAD")

    assert made(decision, Choice(months=2)).dated.orders[-1].step.text == "1000 micrograms every 2 months"
    (refusal,) = why_not(decision, Choice(months=3))
    assert refusal.cite.source == "OB12-intro"


def test_with_neurology_the_interval_stays_as_it_is_printed() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-NEURO")

    assert refused(decision, book(), Choice(months=2), Field.INTERVAL) is None
    assert refused(decision, book(), Choice(months=3), Field.INTERVAL) is not None


def test_with_neurology_the_first_dose_is_not_put_off() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-NEURO")

    (refusal,) = why_not(decision, Choice(start=decision.evidence.today + timedelta(days=1)))

    assert (refusal.field, refusal.cite.source) == (Field.START, "BSH-2014")


def test_a_later_start_moves_every_date_of_the_plan() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")
    week = timedelta(days=7)

    later = made(decision, Choice(start=decision.evidence.today + week)).dated
    assert [o.start - week for o in later.orders] == [o.start for o in bases(decision)[0].dated.orders]
    assert (later.orders[0].doses, later.orders[0].quantity) == (
        bases(decision)[0].dated.orders[0].doses,
        bases(decision)[0].dated.orders[0].quantity,
    )


@pytest.mark.parametrize(("days", "source"), [(-1, "B12CDS-DESIGN"), (120, "NG239-SPS")])
def test_a_start_in_the_past_or_after_the_review_is_refused(days: int, source: str) -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")

    (refusal,) = why_not(decision, Choice(start=decision.evidence.today + timedelta(days=days)))

    assert (refusal.field, refusal.cite.source) == (Field.START, source)


def test_under_the_skin_is_off_label_for_hydroxocobalamin_and_licensed_for_cyanocobalamin() -> None:
    british, american = first("uk-ng239", "UK-HYDROXO-STD"), first("us-aafp", "US-IM-TRAD")

    (refusal,) = why_not(british, Choice(route=Route.SUBCUTANEOUS))
    assert "off-label" in refusal.says
    assert {o.route for o in made(american, Choice(route=Route.SUBCUTANEOUS)).dated.orders} == {Route.SUBCUTANEOUS}


def test_a_bleeding_risk_keeps_every_injection_out_of_the_muscle() -> None:
    risky = [d for d in with_a_plan() if Modifier.BLEEDING_RISK in d.modifiers]

    for decision in risky:
        for base in bases(decision):
            found = allowed(decision, book(), Choice(base.option.regimen.id, Route.INTRAMUSCULAR))
            assert isinstance(found, tuple)
    assert len(risky) > 3


def test_another_drug_is_refused_with_its_reason() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")

    (refusal,) = why_not(decision, Choice(product="uk-cyanocobalamin-1000-tablet"))

    assert (refusal.field, refusal.cite.source) == (Field.PRODUCT, "BNF-hydroxo")
    assert "another drug" in refusal.says


def test_a_tablet_that_cannot_give_the_dose_whole_is_refused() -> None:
    decision = first("uk-ng239", "UK-ORAL-DIET")

    (refusal,) = why_not(decision, Choice(product="uk-cyanocobalamin-1000-tablet"))

    assert "whole" in refusal.says


def test_tablets_for_pernicious_anaemia_are_refused_with_the_protocols_own_reason() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")
    assert decision.plan.row == "autoimmune-gastritis"

    (refusal,) = why_not(decision, Choice("UK-ORAL-MALABS"))

    assert "injections for life" in refusal.says
    assert refusal.cite == decision.protocol.cite


def test_where_the_decision_has_no_plan_no_choice_makes_one() -> None:
    without = [d for d in all_decided() if not bases(d)]

    for decision in without:
        for regimen in (None, *REGIMENS):
            assert isinstance(allowed(decision, book(), Choice(regimen)), tuple)
    assert len(without) > 50


def test_without_a_plan_there_is_nothing_to_change_and_it_says_why() -> None:
    allergic = next(d for d in all_decided() if Modifier.COBALAMIN_ALLERGY in d.modifiers and d.plan.none_because)

    for choice in (Choice(), Choice("UK-HYDROXO-STD"), Choice(months=2)):
        (refusal,) = why_not(allergic, choice)
        assert "allergy" in refusal.says


def test_every_interval_that_may_be_chosen_is_one_that_the_protocol_calls_usual_for_the_drug() -> None:
    from service.domain.intervals import usual_interval
    from service.smart.choice import printed

    for decision in with_a_plan():
        for base in bases(decision):
            known, step = printed(base.option, book()), maintenance_of(base.option)
            if known is None or step is None:
                continue
            drug = next(d for s, (d, _) in zip(base.option.steps, base.option.drugs, strict=True) if s is step)
            usual = usual_interval(decision.protocol, drug, decision.assessment.mechanism)
            assert usual is not None
            assert min(known.months) >= usual.shortest
            assert max(known.months) <= usual.longest


def test_two_wishes_that_are_both_refused_are_both_told() -> None:
    decision = first("uk-ng239", "UK-HYDROXO-STD")

    found = why_not(decision, Choice(route=Route.SUBCUTANEOUS, months=1, start=date(2000, 1, 1)))

    assert [refusal.field for refusal in found] == [Field.ROUTE, Field.START, Field.INTERVAL]


def test_nobody_who_has_died_is_given_a_plan_or_a_test() -> None:
    from dataclasses import replace

    from service.domain.decision import decide

    alive = first("uk-ng239", "UK-HYDROXO-STD")
    record = replace(alive.evidence.record, deceased=True)
    dead = decide(record, alive.protocol, book(), alive.evidence.today)

    assert bases(dead) == ()
    (refusal,) = why_not(dead, Choice())
    assert refusal.field is Field.PLAN
    assert drafts_of(dead, book(), None, None, "p1") == ()
