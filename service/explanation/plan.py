"""Why this plan: the stops, the rows and the stages of the choice, walked again with the functions that chose."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.decision import Decision
from service.domain.protocol import Book, Choice, Regimen
from service.domain.recommend import STAGES, Ground, Option, offered, option_of, situation_of
from service.domain.situation import ROW_RULES, STOPS, Situation
from service.domain.terms import Modifier, Route
from service.explanation.facts import Sources
from service.explanation.trace import Considered, PlanSeen, StageDone, Tried


def plan(decision: Decision, book: Book, sources: Sources) -> PlanSeen:
    """Return how the plan was chosen, or where the choice stopped."""
    chosen = decision.plan
    duration = chosen.duration.value if chosen.duration else None
    if not decision.assessment.start_now:
        return _nothing(None, duration)
    situation = situation_of(decision.evidence, decision.assessment, decision.modifiers)
    stops = tuple(_until_one_fits((s.says, s.fits(situation), None) for s in STOPS))
    if stops[-1].fits:
        return _nothing(chosen.none_because, duration, stops)
    ground = Ground(decision.protocol, situation, tuple(book.drugs.values()))
    rows = tuple(_until_one_fits((r.says, r.fits(situation), r.key or situation.mechanism.value) for r in ROW_RULES))
    key = rows[-1].row or ""
    stages, left, fate = _walked(ground, key)
    return PlanSeen(
        stops=stops,
        rows=rows,
        row=key,
        row_because=decision.protocol.table[key].why or decision.protocol.table[key].none_because,
        stages=stages,
        options=tuple(_considered(decision, ground, key, left, fate, sources)),
        none_because=chosen.none_because,
        duration=duration,
    )


def _nothing(because: str | None, duration: str | None, stops: tuple[Tried, ...] = ()) -> PlanSeen:
    return PlanSeen(
        stops=stops,
        rows=(),
        row=None,
        row_because=None,
        stages=(),
        options=(),
        none_because=because,
        duration=duration,
    )


def _until_one_fits(tried: Iterator[tuple[str, bool, str | None]]) -> Iterator[Tried]:
    for says, fits, row in tried:
        yield Tried(says=says, fits=fits, row=row)
        if fits:
            return


def _walked(ground: Ground, key: str) -> tuple[tuple[StageDone, ...], list[Choice], dict[str, tuple[Regimen, str]]]:
    """Return what each stage changed, the choices left, and why each of the others was dropped."""
    table = list(ground.protocol.table[key].choices)
    choices = offered(ground, key)
    fate = {
        c.regimen.id: (c.regimen, "Leber optic neuropathy has a regimen of its own")
        for c in table
        if c.regimen not in [left.regimen for left in choices]
    }
    done = []
    for stage in STAGES:
        if not stage.fits(ground.situation):
            continue
        after = stage.changes(ground, choices)
        before, left = [c.regimen.id for c in choices], [c.regimen.id for c in after]
        fate |= {c.regimen.id: (c.regimen, stage.says) for c in choices if c.regimen.id not in left}
        if before != left:
            done.append(StageDone(says=stage.says, before=tuple(before), after=tuple(left)))
        choices = after
    return tuple(done), choices, fate


def _considered(
    decision: Decision,
    ground: Ground,
    key: str,
    left: list[Choice],
    fate: dict[str, tuple[Regimen, str]],
    sources: Sources,
) -> Iterator[Considered]:
    """Yield every regimen that was considered: those on the card in their order, then those that are not."""
    told = {option.regimen.id: option for option, _ in decision.schedules}
    bridged = {option.bridge_to.id for option in told.values() if option.bridge_to}
    for place, option in enumerate(told.values()):
        yield _outcome(
            option.regimen,
            "offered" if place else "recommended",
            _because(option, place, decision, ground.situation),
            option.route,
            sources,
        )
    for choice in left:
        regimen = choice.regimen
        if regimen.id not in told:
            kept = option_of(ground, key, choice)
            if regimen.id in bridged:
                yield _outcome(regimen, "later", "follows the tablets that bridge to it", None, sources)
            elif kept is None:
                yield _outcome(regimen, "dropped", "bleeding risk leaves no route", None, sources)
            elif kept.bridge_to is not None:
                yield _outcome(regimen, "dropped", "tablets stand first, and need no bridge", None, sources)
            else:
                yield _outcome(regimen, "dropped", "no product on the protocol's list can give it", None, sources)
    for regimen, because in fate.values():
        if regimen.id not in told:
            yield _outcome(regimen, "dropped", because, None, sources)


def _outcome(regimen: Regimen, outcome: str, because: str, route: Route | None, sources: Sources) -> Considered:
    return Considered(
        regimen=regimen.id,
        title=regimen.title,
        outcome=outcome,
        because=because,
        route=route.value if route else None,
        cite=sources.of(regimen.cite),
    )


def _because(option: Option, place: int, decision: Decision, situation: Situation) -> str:
    row = decision.protocol.table[decision.plan.row or ""]
    usual = row.choices[0].regimen.id if row.choices else None
    if option.bridge_to is not None:
        words = f"bleeding risk: tablets bridge to {option.bridge_to.id}"
    elif Modifier.LEBER in situation.modifiers and decision.protocol.leber is option.regimen:
        words = "the protocol's one answer to Leber optic neuropathy"
    elif option.regimen.id == usual:
        words = "the row's first choice" if not place else "the row's first choice, ranked lower by a modifier"
    elif not place:
        words = "the first choice that the modifiers leave"
    else:
        words = "the row's next choice"
    if option.route is not option.regimen.routes[0]:
        words += f"; {option.route.value} because {_rerouted(situation)}"
    return words


def _rerouted(situation: Situation) -> str:
    if Modifier.BLEEDING_RISK in situation.modifiers:
        return "bleeding risk forbids muscle"
    return "an anticoagulant is on record"
