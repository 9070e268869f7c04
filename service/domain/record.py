"""The patient as seen now: findings that remember the resource they were read from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, StrEnum, auto
from functools import lru_cache, partial
from operator import attrgetter
from typing import NamedTuple

from service.domain.terms import Analyte, Certainty, Role


class When(NamedTuple):
    """A FHIR date of any precision, as the first and the last day it can mean."""

    earliest: date
    latest: date


class Measure(NamedTuple):
    """A measured value in a unit the rules compare in; a comparator makes some questions undecidable."""

    value: Decimal
    unit: str
    comparator: str = ""

    def below(self, limit: Decimal) -> bool | None:
        """Return whether every value this can be is < limit; None when that cannot be decided."""
        match self.comparator:
            case "":
                return self.value < limit
            case "<":
                return True if self.value <= limit else None
            case "<=":
                return True if self.value < limit else None
            case _:
                return False if self.value >= limit else None

    def at_most(self, limit: Decimal) -> bool | None:
        """Return whether every value this can be is <= limit; None when that cannot be decided."""
        match self.comparator:
            case "":
                return self.value <= limit
            case "<" | "<=":
                return True if self.value <= limit else None
            case ">":
                return False if self.value >= limit else None
            case _:
                return False if self.value > limit else None

    def above(self, limit: Decimal) -> bool | None:
        """Return whether every value this can be is > limit; None when that cannot be decided."""
        return _negate(self.at_most(limit))

    def at_least(self, limit: Decimal) -> bool | None:
        """Return whether every value this can be is >= limit; None when that cannot be decided."""
        return _negate(self.below(limit))


def _negate(answer: bool | None) -> bool | None:
    return None if answer is None else not answer


class Flag(Enum):
    """The laboratory's own reading of a result."""

    LOW = auto()
    NORMAL = auto()
    HIGH = auto()


@dataclass(frozen=True, slots=True)
class Concept:
    """What a code in a record is: an id, a name people read, and what it means to the rules."""

    id: str
    title: str
    roles: frozenset[Role] = frozenset()
    cause: str | None = None
    certainty: Certainty = Certainty.ESTABLISHED
    form: str | None = None
    trust: str = "verified"


class Finding(NamedTuple):
    """One fact from the record and the resource it was read from (`Type/id`)."""

    concept: Concept
    resource: str
    when: When | None


class Problem(NamedTuple):
    """A Condition that was not refuted: whether it is there now, how sure, and since when."""

    concept: Concept
    resource: str
    onset: When | None
    ended: When | None
    active: bool
    certain: bool
    remission: bool = False
    text_only: bool = False


class Result(NamedTuple):
    """One laboratory result; `shown` is value and unit as the laboratory printed them."""

    analyte: Analyte
    resource: str
    taken: When
    shown: str
    measure: Measure | None = None
    positive: bool | None = None
    flag: Flag | None = None
    range_low: Decimal | None = None
    range_high: Decimal | None = None


#: A result of its parts, in their order: most of a chart are results, and a named tuple's own way takes twice as long.
result_of: Callable[[tuple[object, ...]], Result] = partial(tuple.__new__, Result)


class Form(StrEnum):
    """How a medicine gets into the patient, as far as the record tells."""

    INJECTION = auto()
    ORAL = auto()
    NASAL = auto()
    OTHER = auto()
    UNKNOWN = auto()


class Course(StrEnum):
    """Where a medicine order stands."""

    ACTIVE = auto()
    ENDED = auto()
    DRAFT = auto()
    GIVEN = auto()


class Exposure(NamedTuple):
    """A medicine ordered, taken or given; an open end is None while the course is active.

    The dose is one dose of a cobalamin, compared in one unit of mass; None where the record does not say it in one.
    `as_antidote` tells that its words, not its dose, say that it was given against a poison.
    """

    concept: Concept
    resource: str
    course: Course
    form: Form
    start: date | None
    end: date | None
    every_days: Decimal | None = None
    systemic: bool = True
    text: str = ""
    dose: Measure | None = None
    as_antidote: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A resource that mattered and could not be used, and why; `concept` when it is known what it was."""

    resource: str
    why: str
    analyte: Analyte | None = None
    hazard: bool = False
    withdrawn: bool = False
    when: When | None = None


_resource = attrgetter("resource")


@dataclass(frozen=True, slots=True)
class Record:
    """Everything the decision may look at; findings newest first, nothing lost."""

    patient: str | None = None
    birth: When | None = None
    deceased: bool = False
    black_ethnicity: bool = False
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()
    procedures: tuple[Finding, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    allergies: tuple[Finding, ...] = ()
    states: tuple[Finding, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    unchecked: tuple[str, ...] = ()
    _by_analyte: dict[Analyte, tuple[Result, ...]] = field(default_factory=dict, compare=False, repr=False)
    counted: dict[object, tuple[Result, ...]] = field(default_factory=dict, compare=False, repr=False)
    """The results in date, once they were asked for: `results.in_date`."""
    _by_role: dict[Role, list[Problem]] = field(default_factory=dict, compare=False, repr=False)
    _by_medicine: dict[str, list[Exposure]] = field(default_factory=dict, compare=False, repr=False)

    def of(self, analyte: Analyte) -> tuple[Result, ...]:
        """Return the results of one test, newest first."""
        return self._by_analyte.get(analyte, ())

    def active_problems(self, role: Role) -> Sequence[Problem]:
        """Return the problems that are there now and have this role."""
        return self._by_role.get(role, ())

    def of_medicine(self, concept: str) -> Sequence[Exposure]:
        """Return the exposures to one medicine, by its concept's id."""
        return self._by_medicine.get(concept, ())


def record_of(
    results: Iterable[Result],
    problems: tuple[Problem, ...] = (),
    exposures: tuple[Exposure, ...] = (),
    **rest: object,
) -> Record:
    """Return a record whose results are sorted so that the order of a Bundle never matters."""
    ordered = sorted(results, key=_resource)
    # By the last day that it can be of, then the first.
    ordered.sort(key=lambda result: result.taken[::-1], reverse=True)
    grouped: defaultdict[Analyte, list[Result]] = defaultdict(list)
    for result in ordered:
        grouped[result.analyte].append(result)
    by_analyte = {analyte: tuple(group) for analyte, group in grouped.items()}
    by_role: dict[Role, list[Problem]] = {}
    for problem in problems:
        if problem.active:
            for role in problem.concept.roles:
                by_role.setdefault(role, []).append(problem)
    by_medicine: dict[str, list[Exposure]] = {}
    for exposure in exposures:
        by_medicine.setdefault(exposure.concept.id, []).append(exposure)
    return Record(
        results=tuple(ordered),
        problems=problems,
        exposures=exposures,
        _by_analyte=by_analyte,
        _by_role=by_role,
        _by_medicine=by_medicine,
        **rest,  # type: ignore[arg-type]
    )


@lru_cache(maxsize=4096)
def months_before(day: date, months: int) -> date:
    """Return the same day so many months earlier, or that month's last day."""
    month = day.year * 12 + day.month - 1 - months
    year, month = divmod(month, 12)
    return _clamped(year, month + 1, day.day)


def months_after(day: date, months: int) -> date:
    """Return the same day so many months later, or that month's last day."""
    return months_before(day, -months)


def _clamped(year: int, month: int, day: int) -> date:
    following = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), following - timedelta(days=1))
