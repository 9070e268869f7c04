"""Which plan: what stops it, the row that fits, then the modifiers in their order; decisions, section 5.

The choice looks at a Situation and at nothing else, so that every situation there is can be enumerated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.modifiers import Modifiers
from service.domain.protocol import Choice, Drug, Protocol, Regimen, Step
from service.domain.situation import CHANGING, STOPS, UNJUDGED, Situation, row_key
from service.domain.situation import NEUROLOGICAL as NEUROLOGICAL
from service.domain.situation import PREVENTION as PREVENTION
from service.domain.situation import ROWS as ROWS
from service.domain.situation import SEVERE_ANAEMIA as SEVERE_ANAEMIA
from service.domain.terms import Duration, Mechanism, Modifier, Route, Status


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """One complete plan: regimen, route, and its steps in order with what follows.

    A situation has one plan, so an option is told apart by identity: cheap to look things up by.
    """

    regimen: Regimen
    route: Route
    steps: tuple[Step, ...]
    drugs: tuple[tuple[str, Route], ...]
    recommended: bool
    bridge_to: Regimen | None = None
    off_label: bool = False
    then_words: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The options, the recommended first, or why there is none."""

    options: tuple[Option, ...]
    none_because: str | None
    duration: Duration | None
    row: str | None
    replaces_therapy: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """What the stages work from: the protocol, the situation and the drugs."""

    protocol: Protocol
    situation: Situation
    drugs: tuple[Drug, ...]

    def forbidden(self, drug: str) -> bool:
        """Return whether Leber optic neuropathy forbids a drug."""
        return any(d.id == drug and d.not_with_leber for d in self.drugs)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step from the row's choices to those that are left, in their order."""

    says: str
    fits: Callable[[Situation], bool]
    changes: Callable[[Ground, list[Choice]], list[Choice]]


class Need(NamedTuple):
    """All of a patient that a plan rests on: without a situation treatment does not start now."""

    situation: Situation | None
    duration: Duration | None
    unjudged: tuple[str, ...]


def need_of(evidence: Evidence, assessment: Assessment, found: Modifiers) -> Need:
    """Return what a plan rests on in a patient whose evidence and status are known."""
    situation = situation_of(evidence, assessment, found) if assessment.start_now else None
    return Need(situation, duration_of(evidence, assessment), found.unjudged)


def recommend(protocol: Protocol, need: Need, drugs: Mapping[str, Drug]) -> Plan:
    """Return the plan of a protocol; it is empty, with the reason, when none may be offered."""
    if need.situation is None:
        return Plan((), None, need.duration, None)
    planned = choose(protocol, need.situation, tuple(drugs.values()))
    because = planned.none_because
    if because is UNJUDGED:
        because = f"{UNJUDGED}: {', '.join(need.unjudged)}"
    return Plan(planned.options, because, need.duration, planned.row, planned.replaces_therapy)


def situation_of(evidence: Evidence, assessment: Assessment, found: Modifiers) -> Situation:
    """Return what the choice of a plan may look at in a patient who is to be treated now."""
    therapy = evidence.therapy
    return Situation(
        mechanism=assessment.mechanism,
        unlikely=assessment.status is Status.UNLIKELY,
        prevention=assessment.prevention,
        treated_elsewhere=assessment.rule.id == "K8p",
        extent_unknown=any(a.cause.extent_unknown for a in assessment.causes[:1]),
        modifiers=CHANGING.intersection(found.present),
        anticoagulated=bool(found.anticoagulated),
        unjudged=bool(found.unjudged),
        injected=therapy.injected,
        by_mouth_or_nose=therapy.by_mouth_or_nose,
        form_unknown=therapy.form_unknown,
    )


def duration_of(evidence: Evidence, assessment: Assessment) -> Duration | None:
    """Return how long treatment lasts, by the deciding cause."""
    if not assessment.causes:
        return None
    cause = assessment.causes[0].cause
    if evidence.neurological and cause.duration_with_neurology is not None:
        return cause.duration_with_neurology
    return cause.duration


@lru_cache(maxsize=4096)
def choose(protocol: Protocol, situation: Situation, drugs: tuple[Drug, ...]) -> Plan:
    """Return the plan for a situation in which treatment starts now; duration is the cause's and not said here."""
    stop = next((s for s in STOPS if s.fits(situation)), None)
    if stop is not None:
        return Plan((), stop.says, None, None)
    key = row_key(situation)
    ground = Ground(protocol, situation, drugs)
    choices = offered(ground, key)
    for stage in STAGES:
        if stage.fits(situation):
            choices = stage.changes(ground, choices)
    options = without_repeats([o for c in choices if (o := option_of(ground, key, c)) is not None])
    if not options:
        return Plan((), none_because(ground, key), None, key)
    first, *others = options
    return Plan((replace(first, recommended=True), *others), None, None, key, situation.by_mouth_or_nose)


def offered(ground: Ground, key: str) -> list[Choice]:
    """Return the choices to begin with: the row's, or the protocol's one answer to Leber optic neuropathy."""
    if Modifier.LEBER in ground.situation.modifiers and ground.protocol.leber is not None:
        return [] if key == PREVENTION else [Choice(ground.protocol.leber)]
    return list(ground.protocol.table[key].choices)


def none_because(ground: Ground, key: str) -> str:
    """Return why no option is left."""
    situation, protocol = ground.situation, ground.protocol
    row, leber = protocol.table[key], Modifier.LEBER in situation.modifiers
    if leber and protocol.leber is not None:
        if key == PREVENTION:
            return "Leber optic neuropathy: no product for prevention"
    elif row.none_because is not None:
        return row.none_because
    elif situation.by_mouth_or_nose and not any(c.regimen.injected for c in row.choices):
        return "already on B12 by mouth or nose, and the protocol has no injection for this cause"
    elif leber:
        bleeding = "; bleeding risk: nothing into muscle" if Modifier.BLEEDING_RISK in situation.modifiers else ""
        return f"Leber optic neuropathy: no {', '.join(d.title for d in ground.drugs if d.not_with_leber)}{bleeding}"
    return "bleeding risk leaves no route"


def _of_the_extent(_: Ground, choices: list[Choice]) -> list[Choice]:
    return [c for c in choices if not c.extent_unknown_only]


def _injections_only(_: Ground, choices: list[Choice]) -> list[Choice]:
    return [c for c in choices if c.regimen.injected]


def _injections_first(_: Ground, choices: list[Choice]) -> list[Choice]:
    return sorted(choices, key=lambda c: not c.regimen.injected)


def _swapped(ground: Ground, choices: list[Choice]) -> list[Choice]:
    swaps = ground.protocol.pregnancy_swaps
    return [
        replace(
            c,
            regimen=swaps.get(c.regimen.id, c.regimen),
            then=swaps.get(c.then.id, c.then) if c.then else None,
        )
        for c in choices
    ]


def _allowed(ground: Ground, choices: list[Choice]) -> list[Choice]:
    return [c for c in choices if not ground.forbidden(c.regimen.drug)]


#: What changes a row's choices whatever the row, in the order of decisions, section 5.
ADAPTING: tuple[Stage, ...] = (
    Stage("tablets may not be taken or swallowed reliably: injections first", lambda s: s.unsure, _injections_first),
    Stage("pregnant or breastfeeding: the dietary dose is too small", lambda s: s.expecting, _swapped),
    Stage("forbidden in Leber optic neuropathy", lambda s: Modifier.LEBER in s.modifiers, _allowed),
)
STAGES: tuple[Stage, ...] = (
    Stage("only while the extent of the resection is unknown", lambda s: not s.extent_unknown, _of_the_extent),
    Stage(
        "already on B12 by mouth or nose: only an injection is a change",
        lambda s: s.by_mouth_or_nose,
        _injections_only,
    ),
    *ADAPTING,
)


def option_of(ground: Ground, key: str, choice: Choice) -> Option | None:
    """Return the option for a choice by a route that is safe, a tablet that bridges to it, or None."""
    regimen, situation = choice.regimen, ground.situation
    steps, drugs, words = _steps(ground, key, choice)
    plain = Option(regimen, regimen.routes[0], steps, drugs, recommended=False, then_words=words)
    if not regimen.injected:
        return plain
    subcutaneous = Route.SUBCUTANEOUS in regimen.routes
    if Modifier.BLEEDING_RISK not in situation.modifiers:
        by_pressure = situation.anticoagulated and regimen.drug in ground.protocol.subcutaneous_first
        return _rerouted(plain, Route.SUBCUTANEOUS) if by_pressure and subcutaneous else plain
    if situation.forced:
        if subcutaneous:
            return _rerouted(plain, Route.SUBCUTANEOUS)
        off_label = Route.SUBCUTANEOUS in regimen.off_label
        return replace(_rerouted(plain, Route.SUBCUTANEOUS), off_label=True) if off_label else None
    no_tablet = ground.protocol.bridge is None
    return _bridged(ground, plain) or (_rerouted(plain, Route.SUBCUTANEOUS) if no_tablet and subcutaneous else None)


_BLEEDING_OVER = "once the bleeding risk is gone (INR and platelets in range)"


def _bridged(ground: Ground, injection: Option) -> Option | None:
    bridge = ground.protocol.bridge
    leber = Modifier.LEBER in ground.situation.modifiers
    if bridge is None or (leber and ground.forbidden(bridge.drug)):
        return None
    until = "until the bleeding risk is gone (INR and platelets in range), then the injection"
    tablets = tuple(replace(s, ends_when=until) for s in bridge.repletion)
    later = tuple(replace(s, begins_if=s.begins_if or _BLEEDING_OVER) for s in injection.steps)
    drugs = tuple((bridge.drug, bridge.routes[0]) for _ in tablets) + injection.drugs
    return Option(bridge, bridge.routes[0], tablets + later, drugs, recommended=False, bridge_to=injection.regimen)


def _rerouted(option: Option, route: Route) -> Option:
    drugs = tuple((drug, route if by.injected else by) for drug, by in option.drugs)
    return replace(option, route=route, drugs=drugs)


def _steps(
    ground: Ground, key: str, choice: Choice
) -> tuple[tuple[Step, ...], tuple[tuple[str, Route], ...], str | None]:
    """Return the steps with what follows them, the drug and route of each, and words where no step can say it."""
    regimen, after, words = choice.regimen, choice.then, None
    if key in (NEUROLOGICAL, SEVERE_ANAEMIA) and ground.situation.mechanism is Mechanism.DIETARY:
        # Neurology and severe anaemia force the repletion only; the diet decides what follows.
        after, words = _dietary_maintenance(ground, after)
    if after is None and words is None:
        return regimen.steps, tuple((regimen.drug, regimen.routes[0]) for _ in regimen.steps), None
    first = regimen.repletion
    # What follows begins as the first regimen hands over, not as its own tablets would.
    handover = None if first and first[-1].bounded else next((s.begins_if for s in regimen.maintenance), None)
    later = tuple(replace(step, begins_if=handover) for step in after.maintenance) if after else ()
    drugs = [(regimen.drug, regimen.routes[0]) for _ in first]
    drugs += [(after.drug, after.routes[0]) for _ in later if after]
    return first + later, tuple(drugs), words


def _dietary_maintenance(ground: Ground, after: Regimen | None) -> tuple[Regimen | None, str | None]:
    """Return what follows in a dietary deficiency: the maintenance of the dietary row's first choice, or words."""
    if Modifier.LEBER in ground.situation.modifiers and ground.protocol.leber is not None:
        return after, None
    row = ground.protocol.table[Mechanism.DIETARY.value]
    if row.none_because is not None:
        return None, row.then_words
    choices = list(row.choices)
    for stage in ADAPTING:
        if stage.fits(ground.situation):
            choices = stage.changes(ground, choices)
    first = next(iter(choices), None)
    return (first.then or first.regimen if first else after), None


def without_repeats(options: list[Option]) -> list[Option]:
    """Keep a bridging tablet only when it is recommended, and no regimen twice."""
    kept = [o for place, o in enumerate(options) if place == 0 or o.bridge_to is None]
    return list({o.regimen.id: o for o in reversed(kept)}.values())[::-1]
