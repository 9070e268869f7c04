"""Which plan: the row that fits, then the modifiers in their order; decisions, section 5."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.modifiers import Modifiers
from service.domain.protocol import Choice, Drug, Protocol, Regimen, Row, Step
from service.domain.terms import Duration, Mechanism, Modifier, Route, Status

NEUROLOGICAL, SEVERE_ANAEMIA, PREVENTION = "neurological", "severe-anaemia", "prevention"
#: The keys a protocol's table must have: every patient falls on one.
ROWS = (
    NEUROLOGICAL,
    SEVERE_ANAEMIA,
    PREVENTION,
    *(m.value for m in Mechanism if m is not Mechanism.TRANSPORT_METABOLIC),
)


@dataclass(frozen=True, slots=True)
class Option:
    """One complete plan: regimen, route, and its steps in order with what follows."""

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
class _Situation:
    """All that the choice looks at."""

    evidence: Evidence
    assessment: Assessment
    modifiers: Modifiers
    drugs: Mapping[str, Drug]

    @property
    def protocol(self) -> Protocol:
        return self.evidence.protocol

    @property
    def forced(self) -> bool:
        """Return whether only an injection will do."""
        moved = self.evidence.therapy.by_mouth_or_nose
        return Modifier.NEUROLOGICAL in self.modifiers or Modifier.SEVERE_ANAEMIA in self.modifiers or moved


def recommend(evidence: Evidence, assessment: Assessment, found: Modifiers, drugs: Mapping[str, Drug]) -> Plan:
    """Return the plan for a patient; it is empty, with the reason, when none may be offered."""
    if not assessment.start_now:
        return Plan((), None, duration_of(evidence, assessment), None)
    now = _Situation(evidence, assessment, found, drugs)
    stop = _forbidden(now)
    if stop is not None:
        return Plan((), stop, duration_of(evidence, assessment), None)
    key = row_key(assessment, found)
    row = now.protocol.table[key]
    choices, because = _chosen(now, key, row)
    options = [o for c in choices if (o := _option(now, key, c)) is not None]
    if not options:
        because = because or "bleeding risk leaves no route"
        return Plan((), because, duration_of(evidence, assessment), key)
    first, *others = _without_repeats(options)
    return Plan(
        options=(replace(first, recommended=True), *others),
        none_because=None,
        duration=duration_of(evidence, assessment),
        row=key,
        replaces_therapy=evidence.therapy.by_mouth_or_nose,
    )


def duration_of(evidence: Evidence, assessment: Assessment) -> Duration | None:
    """Return how long treatment lasts, by the deciding cause."""
    if not assessment.causes:
        return None
    cause = assessment.causes[0].cause
    if evidence.neurological and cause.duration_with_neurology is not None:
        return cause.duration_with_neurology
    return cause.duration


def row_key(assessment: Assessment, found: Modifiers) -> str:
    """Return the first row of the table that fits; with `unlikely` only prevention does."""
    mechanism = assessment.mechanism
    pressing = Modifier.NEUROLOGICAL in found or Modifier.SEVERE_ANAEMIA in found
    if assessment.prevention and assessment.rule.id == "K8p" and not pressing:
        return PREVENTION
    if assessment.status is not Status.UNLIKELY:
        if Modifier.NEUROLOGICAL in found:
            return NEUROLOGICAL
        if Modifier.SEVERE_ANAEMIA in found:
            return SEVERE_ANAEMIA
        if mechanism is Mechanism.AUTOIMMUNE_GASTRITIS:
            return mechanism.value
    return PREVENTION if assessment.prevention else mechanism.value


def _forbidden(now: _Situation) -> str | None:
    if Modifier.COBALAMIN_ALLERGY in now.modifiers:
        return "cobalamin or cobalt allergy on record"
    if now.assessment.mechanism is Mechanism.TRANSPORT_METABOLIC:
        return "a transport or metabolic disorder is for a specialist"
    if now.modifiers.unjudged:
        return "a hazard on record could not be judged: " + ", ".join(now.modifiers.unjudged)
    if now.evidence.therapy.injected:
        return "already on injections"
    if now.evidence.therapy.form_unknown:
        return "how the B12 on record is given is not known"
    return None


def _chosen(now: _Situation, key: str, row: Row) -> tuple[list[Choice], str | None]:
    """Return the row's choices after therapy, adherence, pregnancy and Leber; and why none is left."""
    leber = Modifier.LEBER in now.modifiers
    if leber and now.protocol.leber is not None:
        if key == PREVENTION:
            return [], "Leber optic neuropathy: no product for prevention"
        return [Choice(now.protocol.leber)], None
    if row.none_because is not None:
        return [], row.none_because
    unknown_extent = any(a.cause.extent_unknown for a in now.assessment.causes[:1])
    choices = [c for c in row.choices if unknown_extent or not c.extent_unknown_only]
    if now.evidence.therapy.by_mouth_or_nose:
        choices = [c for c in choices if c.regimen.injected]
        if not choices:
            return [], "already on B12 by mouth or nose, and the protocol has no injection for this cause"
    forbidden = listed_forbidden(now.drugs)
    return _adapted(now, choices), f"Leber optic neuropathy: no {forbidden}" if leber else None


def listed_forbidden(drugs: Mapping[str, Drug]) -> str:
    """Return the names of the cobalamins that Leber optic neuropathy forbids."""
    return ", ".join(drug.title for drug in drugs.values() if drug.not_with_leber)


def _adapted(now: _Situation, choices: list[Choice]) -> list[Choice]:
    if Modifier.ADHERENCE in now.modifiers or Modifier.SWALLOWING in now.modifiers:
        choices = sorted(choices, key=lambda c: not c.regimen.injected)
    if Modifier.PREGNANCY in now.modifiers or Modifier.BREASTFEEDING in now.modifiers:
        swaps = now.protocol.pregnancy_swaps
        choices = [
            replace(
                c,
                regimen=swaps.get(c.regimen.id, c.regimen),
                then=swaps.get(c.then.id, c.then) if c.then else None,
            )
            for c in choices
        ]
    if Modifier.LEBER in now.modifiers:
        choices = [c for c in choices if not now.drugs[c.regimen.drug].not_with_leber]
    return choices


def _option(now: _Situation, key: str, choice: Choice) -> Option | None:
    """Return the option for a choice by a route that is safe, a tablet that bridges to it, or None."""
    regimen = choice.regimen
    steps, drugs, words = _steps(now, key, choice)
    plain = Option(regimen, regimen.routes[0], steps, drugs, recommended=False, then_words=words)
    if not regimen.injected:
        return plain
    subcutaneous = Route.SUBCUTANEOUS in regimen.routes
    if Modifier.BLEEDING_RISK not in now.modifiers:
        by_pressure = bool(now.modifiers.anticoagulated) and regimen.drug in now.protocol.subcutaneous_first
        return _rerouted(plain, Route.SUBCUTANEOUS) if by_pressure and subcutaneous else plain
    if now.forced:
        if subcutaneous:
            return _rerouted(plain, Route.SUBCUTANEOUS)
        off_label = Route.SUBCUTANEOUS in regimen.off_label
        return replace(_rerouted(plain, Route.SUBCUTANEOUS), off_label=True) if off_label else None
    return _bridged(now, plain) or (_rerouted(plain, Route.SUBCUTANEOUS) if _no_tablet(now) and subcutaneous else None)


def _no_tablet(now: _Situation) -> bool:
    return now.protocol.bridge is None


def _bridged(now: _Situation, injection: Option) -> Option | None:
    bridge = now.protocol.bridge
    leber = Modifier.LEBER in now.modifiers
    if bridge is None or (leber and now.drugs[bridge.drug].not_with_leber):
        return None
    until = "until INR and platelets are in range, then the injection"
    tablets = tuple(replace(s, ends_when=until) for s in bridge.repletion)
    later = tuple(replace(s, begins_if=s.begins_if or "once INR and platelets are in range") for s in injection.steps)
    drugs = tuple((bridge.drug, bridge.routes[0]) for _ in tablets) + injection.drugs
    return Option(bridge, bridge.routes[0], tablets + later, drugs, recommended=False, bridge_to=injection.regimen)


def _rerouted(option: Option, route: Route) -> Option:
    drugs = tuple((drug, route if by.injected else by) for drug, by in option.drugs)
    return replace(option, route=route, drugs=drugs)


def _steps(
    now: _Situation, key: str, choice: Choice
) -> tuple[tuple[Step, ...], tuple[tuple[str, Route], ...], str | None]:
    """Return the steps with what follows them, the drug and route of each, and words where no step can say it."""
    regimen, after, words = choice.regimen, choice.then, None
    if key in (NEUROLOGICAL, SEVERE_ANAEMIA) and now.assessment.mechanism is Mechanism.DIETARY:
        # Neurology and severe anaemia force the repletion only; the diet decides what follows.
        after, words = _dietary_maintenance(now, after)
    if after is None and words is None:
        return regimen.steps, tuple((regimen.drug, regimen.routes[0]) for _ in regimen.steps), None
    first = regimen.repletion
    # What follows begins as the first regimen hands over, not as its own tablets would.
    handover = None if first and first[-1].bounded else next((s.begins_if for s in regimen.maintenance), None)
    later = tuple(replace(step, begins_if=handover) for step in after.maintenance) if after else ()
    drugs = [(regimen.drug, regimen.routes[0]) for _ in first]
    drugs += [(after.drug, after.routes[0]) for _ in later if after]
    return first + later, tuple(drugs), words


def _dietary_maintenance(now: _Situation, after: Regimen | None) -> tuple[Regimen | None, str | None]:
    """Return what follows in a dietary deficiency: the maintenance of the dietary row's first choice, or words."""
    if Modifier.LEBER in now.modifiers and now.protocol.leber is not None:
        return after, None
    row = now.protocol.table[Mechanism.DIETARY.value]
    if row.none_because is not None:
        return None, row.then_words
    first = next(iter(_adapted(now, list(row.choices))), None)
    return (first.then or first.regimen if first else after), None


def _without_repeats(options: list[Option]) -> list[Option]:
    """Keep a bridging tablet only when it is recommended, and no regimen twice."""
    kept = [o for place, o in enumerate(options) if place == 0 or o.bridge_to is None]
    return list({o.regimen.id: o for o in reversed(kept)}.values())[::-1]
