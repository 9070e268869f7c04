"""What can be wrong with an unsigned order, how urgent it is and what puts it right; and one order, looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto

from service.domain.decision import Decision
from service.domain.doses import printed
from service.domain.draft import Draft, Drafts, Stage
from service.domain.orders import MICROGRAMS
from service.domain.pace import Change
from service.domain.protocol import Book, Investigation
from service.domain.recommend import Option
from service.domain.record import Exposure, Form
from service.domain.terms import Analyte, Modifier, Route

_SWAPPED = {"mg": "ug", "ug": "mg"}


class Kind(StrEnum):
    """What can be wrong with a draft, the most pressing first: one card each."""

    ALLERGY = "allergy"
    LEBER = "leber"
    BLEEDING = "bleeding"
    DOSE = "dose"
    ROUTE = "route"
    SMALL_DOSE = "small-dose"
    DUPLICATE = "duplicate"
    BESIDE = "beside"
    FREQUENCY = "frequency"
    NO_END = "no-end"
    FOLIC_ACID = "folic-acid"
    FOLIC_ACID_UNTESTED = "folic-acid-untested"
    UNJUDGED = "unjudged"
    PRESSURE = "pressure"
    ORAL_SERVES = "oral-serves"
    NOT_KNOWN = "not-known"
    NO_LEVEL = "no-level"
    UNTESTED = "untested"


class Urgency(IntEnum):
    """How urgent a finding is, the most urgent the highest."""

    INFO = auto()
    WARNING = auto()
    CRITICAL = auto()


class Remedy(StrEnum):
    """What puts a draft right: it goes, the plan takes its place or stands beside it, it changes, or tests are sent."""

    REMOVE = auto()
    REPLACE = auto()
    CHANGE = auto()
    STOP = auto()
    ADD = auto()
    TEST = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one draft, and its remedy; `why` adds what is particular to this patient."""

    kind: Kind
    draft: Draft
    urgency: Urgency
    remedy: Remedy
    why: str = ""
    change: Change | None = None
    stops: tuple[Exposure, ...] = ()
    tests: tuple[Investigation, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One draft looked at."""

    decision: Decision
    drafts: Drafts
    book: Book
    stage: Stage
    draft: Draft

    @property
    def options(self) -> tuple[Option, ...]:
        """Return the options of the plan that is offered to this patient."""
        return tuple(option for option, _ in self.decision.schedules)

    @property
    def into_muscle(self) -> bool:
        """Return whether it is an injection that is not said to go under the skin."""
        return self.is_injected and self.draft.route is not Route.SUBCUTANEOUS

    @property
    def is_injected(self) -> bool:
        """Return whether it is an injection."""
        return self.draft.b12 is not None and self.draft.b12.form is Form.INJECTION

    @property
    def pressing(self) -> bool:
        """Return whether neurology or severe anaemia presses."""
        found = self.decision.modifiers
        return Modifier.NEUROLOGICAL in found or Modifier.SEVERE_ANAEMIA in found

    def otherwise(self) -> Remedy:
        """Return what becomes of a draft that must not be signed."""
        return Remedy.REPLACE if self.decision.schedules else Remedy.REMOVE

    def found(
        self,
        kind: Kind,
        urgency: Urgency,
        remedy: Remedy,
        why: str = "",
        *,
        change: Change | None = None,
        stops: tuple[Exposure, ...] = (),
        tests: tuple[Investigation, ...] = (),
    ) -> Finding:
        """Return a finding on this draft; one with several dosages is not changed in part."""
        if remedy is Remedy.CHANGE and self.draft.dosages > 1:
            remedy, change = self.otherwise(), None
        return Finding(kind, self.draft, urgency, remedy, why, change, stops, tests)

    def tests(self, wanted: Iterable[Analyte]) -> tuple[Investigation, ...]:
        """Return the tests that answer a question and are not asked for in this session already."""
        asked = set(wanted) - self.drafts.tests
        return tuple(i for i in self.book.investigations if not asked.isdisjoint(i.analytes))


def other_unit(draft: Draft, b12: Exposure, book: Book) -> str | None:
    """Return the unit in which the number of a dose is one that regimens print."""
    other = _SWAPPED.get(draft.unit or "")
    if other is None or b12.dose is None:
        return None
    doses = [*printed(book, b12.concept.id, injected=b12.form is Form.INJECTION)]
    meant = b12.dose.value / MICROGRAMS[draft.unit or ""] * MICROGRAMS[other]
    return other if doses and min(doses) <= meant <= max(doses) else None
