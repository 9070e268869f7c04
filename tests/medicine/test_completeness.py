"""Completeness is proved, not sampled: every situation a plan can be chosen in, under every shipped protocol.

The safety rules are written from the decisions, not from the code: each says what no option may be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations, product

import pytest

from service.domain.orders import schedule
from service.domain.protocol import Book, Protocol, Step
from service.domain.recommend import Option, Plan, choose
from service.domain.situation import CHANGING, Situation
from service.domain.terms import Mechanism, Modifier, PhaseName, Route
from service.knowledge.load import load
from tests.medicine.regimens import MICROGRAMS
from tests.vignettes import PROTOCOLS, TODAY

ALL_MODIFIERS = tuple(
    frozenset(some) for size in range(len(CHANGING) + 1) for some in combinations(sorted(CHANGING), size)
)
#: Mechanisms with the causes whose extent may be unknown: resections and gastrectomies coded without it.
MECHANISMS = (
    *((mechanism, False) for mechanism in Mechanism),
    (Mechanism.ILEAL_RESECTION, True),
    (Mechanism.MALABSORPTION, True),
)
#: Surgery that calls for prevention is one of these, or stands behind a cause that comes first.
PREVENTABLE = frozenset(
    {
        Mechanism.TRANSPORT_METABOLIC,
        Mechanism.AUTOIMMUNE_GASTRITIS,
        Mechanism.GASTRIC_RESECTION,
        Mechanism.ILEAL_RESECTION,
        Mechanism.MALABSORPTION,
    }
)
PREVENTED = ({"prevention": True}, {"prevention": True, "unlikely": True})
#: K8p: autoimmune gastritis on record, B12 normal, no therapy here.
ELSEWHERE = ({"treated_elsewhere": True}, {"treated_elsewhere": True, "prevention": True})
THERAPY = ({}, {"injected": True}, {"by_mouth_or_nose": True}, {"form_unknown": True})


def situations() -> Iterator[Situation]:
    """Every situation in which treatment starts now; prevention only without therapy on record."""
    for (mechanism, extent), found, thinned, unjudged in product(
        MECHANISMS, ALL_MODIFIERS, (False, True), (False, True)
    ):
        cases = [*THERAPY]
        if mechanism in PREVENTABLE:
            cases += PREVENTED
        if mechanism is Mechanism.AUTOIMMUNE_GASTRITIS:
            cases += ELSEWHERE
        for case in cases:
            yield Situation(
                mechanism=mechanism,
                extent_unknown=extent,
                modifiers=found,
                anticoagulated=thinned,
                unjudged=unjudged,
                **case,
            )


@cache
def book() -> Book:
    return load().book


@pytest.fixture(scope="module", params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return book().protocols[request.param]


# What no option may be. Each rule: whom it is about, and what breaks it.

CYANOCOBALAMIN = "cyanocobalamin"
Broken = Callable[[Situation, Plan, Protocol], bool]


def _drugs(plan: Plan) -> set[str]:
    return {drug for option in plan.options for drug, _ in option.drugs} | {o.regimen.drug for o in plan.options}


def _muscle_now(option: Option) -> bool:
    """An injection into muscle before INR and platelets are in range."""
    waits = ["in range" in (step.begins_if or "") for step in option.steps]
    first_wait = waits.index(True) if True in waits else len(waits)
    return any(route is Route.INTRAMUSCULAR for _, route in option.drugs[:first_wait])


def _has(situation: Situation, *modifiers: Modifier) -> bool:
    return any(modifier in situation.modifiers for modifier in modifiers)


def _unlike_the_diet(plan: Plan, protocol: Protocol) -> bool:
    """The maintenance after a forced repletion is not that of the dietary row's recommended option."""
    row = protocol.table["dietary"]
    if not row.choices:
        return any(phase is PhaseName.MAINTENANCE for o in plan.options for phase in (s.phase for s in o.steps))
    return any(
        route.injected
        for option in plan.options[:1]
        for step, (_, route) in zip(option.steps, option.drugs, strict=True)
        if step.phase is PhaseName.MAINTENANCE
    )


SAFETY: dict[str, Broken] = {
    "a cobalamin or cobalt allergy: no B12 at all": lambda s, plan, p: (
        _has(s, Modifier.COBALAMIN_ALLERGY) and bool(plan.options)
    ),
    "a transport or metabolic disorder is for a specialist: none": lambda s, plan, p: (
        s.mechanism is Mechanism.TRANSPORT_METABOLIC and bool(plan.options)
    ),
    "a hazard that cannot be judged: none": lambda s, plan, p: s.unjudged and bool(plan.options),
    "who is on injections gets no new plan": lambda s, plan, p: s.injected and bool(plan.options),
    "who may be on injections gets no new plan": lambda s, plan, p: s.form_unknown and bool(plan.options),
    "Leber optic neuropathy: no cyanocobalamin by any route, in any step": lambda s, plan, p: (
        _has(s, Modifier.LEBER) and CYANOCOBALAMIN in _drugs(plan)
    ),
    "Leber optic neuropathy under a US protocol: LABEL-HYDROXO, and none for prevention": lambda s, plan, p: (
        _has(s, Modifier.LEBER)
        and p.id != "uk-ng239"
        and bool(plan.options)
        and (plan.row == "prevention" or {o.regimen.id for o in plan.options} != {"LABEL-HYDROXO"})
    ),
    "bleeding risk: nothing into muscle before INR and platelets are in range": lambda s, plan, p: (
        _has(s, Modifier.BLEEDING_RISK) and any(_muscle_now(o) for o in plan.options)
    ),
    "bleeding risk without need of an injection: a tablet, never a needle, where the protocol has tablets": (
        lambda s, plan, p: (
            _has(s, Modifier.BLEEDING_RISK)
            and not _has(s, Modifier.NEUROLOGICAL, Modifier.SEVERE_ANAEMIA)
            and not s.by_mouth_or_nose
            and p.id != "us-label"
            and any(o.route.injected for o in plan.options)
        )
    ),
    "hydroxocobalamin deep under the skin is off-label, and said": lambda s, plan, p: any(
        o.route is Route.SUBCUTANEOUS and o.regimen.drug == "hydroxocobalamin" and not o.off_label for o in plan.options
    ),
    "neurology and severe anaemia force injections": lambda s, plan, p: (
        _has(s, Modifier.NEUROLOGICAL, Modifier.SEVERE_ANAEMIA)
        and not s.unlikely
        and any(not o.route.injected for o in plan.options)
    ),
    "neurology has the neurological row, severe anaemia alone its own": lambda s, plan, p: (
        plan.row is not None
        and not s.unlikely
        and _has(s, Modifier.NEUROLOGICAL, Modifier.SEVERE_ANAEMIA)
        and plan.row != ("neurological" if _has(s, Modifier.NEUROLOGICAL) else "severe-anaemia")
    ),
    "with B12 deficiency unlikely only prevention fits": lambda s, plan, p: (
        s.unlikely and bool(plan.options) and plan.row != "prevention"
    ),
    "pregnancy and breastfeeding: never the dietary tablet dose": lambda s, plan, p: (
        _has(s, Modifier.PREGNANCY, Modifier.BREASTFEEDING)
        and any(step.low * MICROGRAMS[step.unit] < 1000 and not route.injected for step, route in _given(plan))
    ),
    "who is on B12 by mouth or nose is moved to an injection, and the old is replaced": lambda s, plan, p: (
        s.by_mouth_or_nose
        and bool(plan.options)
        and (not plan.replaces_therapy or any(not o.route.injected for o in plan.options))
    ),
    "tablets in doubt: the injection is recommended where the row has one": lambda s, plan, p: (
        _has(s, Modifier.ADHERENCE, Modifier.SWALLOWING)
        and not _has(s, Modifier.BLEEDING_RISK)
        and bool(plan.options)
        and not plan.options[0].route.injected
        and any(c.regimen.injected for c in p.table[plan.row or ""].choices)
    ),
    "anticoagulated under a US protocol: injected cyanocobalamin goes deep under the skin": lambda s, plan, p: (
        s.anticoagulated
        and p.id != "uk-ng239"
        and any(
            drug == CYANOCOBALAMIN and route is Route.INTRAMUSCULAR
            for o in plan.options
            if o.bridge_to is None
            for drug, route in o.drugs
        )
    ),
    "twice a year by injection never stands alone": lambda s, plan, p: any(
        o.regimen.id == "UK-HYDROXO-DIET-6M" for o in plan.options
    ),
    "the row of prevention is for prevention": lambda s, plan, p: not s.prevention and plan.row == "prevention",
    "a diet forced to injections is maintained as a diet": lambda s, plan, p: (
        s.mechanism is Mechanism.DIETARY
        and plan.row in ("neurological", "severe-anaemia")
        and not _has(s, Modifier.LEBER, Modifier.ADHERENCE, Modifier.SWALLOWING)
        and _unlike_the_diet(plan, p)
    ),
}


def _given(plan: Plan) -> Iterator[tuple[Step, Route]]:
    for option in plan.options:
        for step, (_, route) in zip(option.steps, option.drugs, strict=True):
            yield step, route


def _one_or_because(plan: Plan) -> bool:
    """Exactly one option is recommended and stands first, or there is none and it is said why."""
    if not plan.options:
        return bool(plan.none_because)
    return [o.recommended for o in plan.options] == [True] + [False] * (len(plan.options) - 1)


@cache
def chosen(name: str) -> tuple[tuple[Situation, Plan], ...]:
    """The plan of every situation under a protocol; the cache of the service would only grow."""
    drugs = tuple(book().drugs.values())
    return tuple((s, choose.__wrapped__(book().protocols[name], s, drugs)) for s in situations())


def test_every_situation_has_one_recommended_option_or_says_why_there_is_none(
    protocol: Protocol, record_property: Callable[[str, object], None]
) -> None:
    plans = chosen(protocol.id)
    wrong = [(s, plan) for s, plan in plans if not _one_or_because(plan)]
    offered = sum(bool(plan.options) for _, plan in plans)
    record_property(
        "count", f"completeness, {protocol.id}: {len(plans):,} situations, {offered:,} with a plan, each other says why"
    )

    assert wrong[:3] == []
    assert len(plans) > 100_000


def test_no_option_breaks_a_safety_rule(protocol: Protocol) -> None:
    broken = Counter(
        name for s, plan in chosen(protocol.id) for name, breaks in SAFETY.items() if breaks(s, plan, protocol)
    )

    assert broken == {}


def test_a_product_can_give_every_option(protocol: Protocol) -> None:
    distinct = {(o.regimen.id, o.route, o.steps, o.drugs): o for _, plan in chosen(protocol.id) for o in plan.options}

    assert [o for o in distinct.values() if schedule(o, protocol, TODAY, pregnant=False) is None] == []
    assert len(distinct) > 3


def test_every_row_of_the_table_is_the_one_somewhere(protocol: Protocol) -> None:
    used: Counter[str | None] = Counter(plan.row for _, plan in chosen(protocol.id))

    assert set(protocol.table) - set(used) == set()


def test_every_choice_of_every_row_is_recommended_somewhere(protocol: Protocol) -> None:
    recommended = {(plan.row, plan.options[0].regimen.id) for _, plan in chosen(protocol.id) if plan.options}
    listed = {(key, choice.regimen.id) for key, row in protocol.table.items() for choice in row.choices}
    offered = {(plan.row, o.regimen.id) for _, plan in chosen(protocol.id) for o in plan.options}

    assert {(key, row.choices[0].regimen.id) for key, row in protocol.table.items() if row.choices} <= recommended
    assert listed <= offered


def test_each_safety_rule_would_see_a_plan_that_breaks_it() -> None:
    seen = {
        name
        for name, breaks in SAFETY.items()
        for protocol in book().protocols.values()
        if any(breaks(s, plan, protocol) for s in _plain() for plan in _careless(protocol))
    }

    assert set(SAFETY) - seen == set()


def _plain() -> Iterator[Situation]:
    """Patients with one thing to mind each."""
    for mechanism in (Mechanism.DIETARY, Mechanism.UNDETERMINED, Mechanism.TRANSPORT_METABOLIC):
        yield from (Situation(mechanism, modifiers=frozenset({modifier})) for modifier in CHANGING)
        for flag in ("unlikely", "anticoagulated", "unjudged", "injected", "by_mouth_or_nose", "form_unknown"):
            yield Situation(mechanism, **{flag: True})


def _careless(protocol: Protocol) -> Iterator[Plan]:
    """Each regimen of a protocol by each of its routes, on any row, whoever the patient is."""
    choices = [choice for row in protocol.table.values() for choice in row.choices]
    regimens = {r.id: r for c in choices for r in (c.regimen, c.then) if r}
    for regimen, row in product(regimens.values(), ("neurological", "prevention", "dietary", "undetermined")):
        for route in (*regimen.routes, *regimen.off_label):
            drugs = tuple((regimen.drug, route) for _ in regimen.steps)
            yield Plan((Option(regimen, route, regimen.steps, drugs, recommended=True),), None, None, row)
