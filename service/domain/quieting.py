"""Whether a card speaks again after a clinician answered it: a pure judgement over what stood then and stands now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.domain.decision import Decision
from service.domain.protocol import Band
from service.domain.quiet_rules import Quieting, Until, Who
from service.domain.terms import Modifier

#: Found anew, these speak whatever was answered before.
PRESSING = (Modifier.NEUROLOGICAL, Modifier.SEVERE_ANAEMIA)
_DEPTHS = tuple(Band)


@dataclass(frozen=True, slots=True)
class Standing:
    """What stood when a card was said, as far as it can make the card speak again.

    `hazards` name the orders that are not safe, `marks` the results that could answer the question.
    """

    pressing: frozenset[str] = frozenset()
    band: Band | None = None
    hazards: frozenset[str] = frozenset()
    plan: str | None = None
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """One clinician's answer to one card, what stood when the card was shown, and by whom it was seen."""

    at: datetime
    accepted: bool
    then: Standing
    system: str | None = None
    reason: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a card speaks, and why."""

    speaks: bool
    because: str


def standing(decision: Decision, table: Quieting) -> Standing:
    """Return what stands now, its hazards and results named by resource."""
    evidence = decision.evidence
    plan = next((option for option, _ in decision.schedules if option.recommended), None)
    return Standing(
        pressing=frozenset(modifier.value for modifier in PRESSING if modifier in decision.modifiers),
        band=evidence.band,
        # A draft that is signed, or a draft of something else, is another hazard.
        hazards=frozenset(f"{e.course.value}|{e.resource}|{e.concept.id}" for e in decision.unsafe),
        plan=plan.regimen.id if plan else None,
        marks=frozenset(
            f"{result.resource}|{result.taken.earliest}|{result.shown}"
            for result in evidence.record.results
            if result.analyte in table.results
        ),
    )


def judge(answers: Iterable[tuple[Answer, Standing]], now: datetime, user: str | None, table: Quieting) -> Verdict:
    """Return whether a card speaks; the newest answer that concerns this user decides.

    Each answer comes with what stands now, its names made as those of the answer's standing were.
    """
    known = [
        (answer, stands, table.rule(answer.reason, answer.system, accepted=answer.accepted))
        for answer, stands in answers
    ]
    mine = [each for each in known if each[2].who is Who.EVERYONE or each[0].user == user]
    if not mine:
        return Verdict(speaks=True, because="nobody answered")
    answer, stands, rule = max(mine, key=lambda each: each[0].at)
    if (raised := _raised(answer.then, stands)) is not None:
        return Verdict(speaks=True, because=raised)
    if Until.NEW_RESULT in rule.until and stands.marks - answer.then.marks:
        return Verdict(speaks=True, because="a new result")
    if Until.OTHER_PLAN in rule.until and stands.plan is not None and stands.plan != answer.then.plan:
        return Verdict(speaks=True, because="another plan")
    if now - answer.at >= timedelta(days=rule.days):
        return Verdict(speaks=True, because="its time is over")
    return Verdict(speaks=False, because="accepted" if answer.accepted else answer.reason or "overridden")


def _raised(then: Standing, now: Standing) -> str | None:
    """Return the new finding that raises severity, if there is one."""
    new = now.pressing - then.pressing
    if new:
        return f"new: {', '.join(sorted(new))}"
    if _depth(now.band) < _depth(then.band):
        return "a lower band"
    return "an order that is not safe" if now.hazards - then.hazards else None


def _depth(band: Band | None) -> int:
    """Return the place of a band, 0 the most deficient; no result is no deficiency."""
    return _DEPTHS.index(band or Band.UNLIKELY)
