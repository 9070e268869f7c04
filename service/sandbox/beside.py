"""One patient under two guidelines: the same parts of both answers, and which of them differ."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.sandbox.demo import cause
from service.sandbox.ehr import Exchange
from service.sandbox.views import words
from service.sandbox.wire import Json

NOTHING = "nothing"
UNITS = {"ug": "micrograms", "d": "day", "wk": "week", "mo": "month", "a": "year", "h": "hour"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the answer, as the chosen guideline has it and as the other; each in lines."""

    name: str
    one: tuple[str, ...]
    other: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the two say different things."""
        return self.one != self.other


def beside(one: Exchange, other: Exchange) -> tuple[Part, ...]:
    """The parts of two answers beside each other, those that differ first."""
    first, second = dict(_parts(one)), dict(_parts(other))
    parts = [Part(name, first[name], second[name]) for name in first]
    return tuple(sorted(parts, key=lambda part: not part.differs))


def _parts(answer: Exchange) -> Iterator[tuple[str, tuple[str, ...]]]:
    said = answer.assessment
    options = [*(said.get("options") or ())]
    yield "Status", (str(said.get("status")).replace("-", " "),)
    yield "Rule", (str(said.get("rule") or NOTHING),)
    yield "Cause", (cause(said),)
    yield "Start now", ("yes" if said.get("startNow") else "no",)
    yield "Recommended", tuple(line for o in options if o.get("recommended") for line in _option(o)) or (NOTHING,)
    others = tuple(_heading(o) for o in options if not o.get("recommended"))
    yield "Also possible", others or (NOTHING,)
    yield "Orders proposed", tuple(_orders(answer)) or (NOTHING,)
    yield "Cards", tuple(f"{card.get('indicator')}: {card.get('summary')}" for card in answer.cards) or (NOTHING,)


def _heading(option: Json) -> str:
    parts = (option.get("drug"), option.get("route"), option.get("duration"), option.get("regimen"))
    return ", ".join(str(part) for part in parts if part)


def _option(option: Json) -> Iterator[str]:
    yield _heading(option)
    for phase in option.get("phases") or ():
        dose, timing = phase.get("dose") or {}, phase.get("timing") or {}
        low, high = dose.get("low"), dose.get("high")
        amount = f"{low} to {high}" if high not in (None, low) else f"{low}"
        bounds: Json = timing.get("boundsDuration") or {}
        long = f"for {_of(bounds.get('value'), bounds.get('code'))}" if bounds else str(phase.get("condition") or "")
        unit = UNITS.get(str(dose.get("unit")), str(dose.get("unit", "")))
        yield " ".join(f"{phase.get('name')}: {amount} {unit}, {_often(timing)} {long}".split())


def _often(timing: Json) -> str:
    times, period = timing.get("frequency", 1), _of(timing.get("period", 1), timing.get("periodUnit"))
    return f"{'' if times == 1 else f'{times} times '}every {period.removeprefix('1 ')}"


def _of(number: object, unit: object) -> str:
    word = UNITS.get(str(unit), str(unit))
    return f"{number} {word}{'' if number == 1 else 's'}"


def _orders(answer: Exchange) -> Iterator[str]:
    for card in answer.cards:
        for suggestion in card.get("suggestions") or ():
            if suggestion.get("isRecommended") or card.get("selectionBehavior") == "any":
                for action in suggestion.get("actions") or ():
                    resource: Json = action.get("resource") or {}
                    yield words(resource.get("medicationCodeableConcept") or resource.get("code"))
