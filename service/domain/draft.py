"""Orders that are not signed yet, as far as they could be read, and whether one is of our own plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum, auto

from service.domain.decision import Decision
from service.domain.orders import MICROGRAMS, Order, every_days
from service.domain.record import Exposure, Form, Unreadable
from service.domain.terms import Analyte, Role, Route

_FORMS = {
    Route.INTRAMUSCULAR: Form.INJECTION,
    Route.SUBCUTANEOUS: Form.INJECTION,
    Route.ORAL: Form.ORAL,
    Route.NASAL: Form.NASAL,
}


class Stage(StrEnum):
    """Where in the work the orders are looked at."""

    SELECT = auto()
    SIGN = auto()
    REFILL = auto()


@dataclass(frozen=True, slots=True)
class Draft:
    """One unsigned order: each medicine it names, and what a record of medicines does not keep.

    `unit` is the unit of mass in which its dose is said, `replaces` names the orders it takes the place of, `group`
    the plan it belongs to. One without an id (`can_change` is false) cannot be named to the client. `unread` says
    which elements could not be read.
    """

    name: str
    medicines: tuple[Exposure, ...]
    route: Route | None = None
    unit: str | None = None
    dosages: int = 0
    counted: bool = False
    group: str | None = None
    replaces: frozenset[str] = frozenset()
    selected: bool = True
    can_change: bool = True
    unread: tuple[str, ...] = ()

    @property
    def b12(self) -> Exposure | None:
        """Return the cobalamin that is ordered, if there is one."""
        return next((e for e in self.medicines if Role.COBALAMIN in e.concept.roles), None)

    @property
    def bounded(self) -> bool:
        """Return whether the order ends by itself, by a date or after so many doses."""
        return self.counted or any(e.end is not None for e in self.medicines)

    @property
    def content(self) -> str:
        """Return what is ordered, the same words for the same order: not when, and for nobody."""
        return "|".join(
            f"{e.concept.id},{e.form.value},{self.route},{e.dose and e.dose.value},{e.every_days},{_length(e)}"
            for e in self.medicines
        )


@dataclass(frozen=True, slots=True)
class Drafts:
    """All unsigned orders of a session: medicines, the tests that are asked for, and what could not be read."""

    orders: tuple[Draft, ...] = ()
    tests: frozenset[Analyte] = frozenset()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def cobalamins(self) -> tuple[Draft, ...]:
        """Return the drafts of B12."""
        return tuple(draft for draft in self.orders if draft.b12 is not None)


def is_ours(draft: Draft, decision: Decision) -> bool:
    """Return whether a draft is an order that is proposed today, or was when the chart was opened.

    Systems give drafts ids of their own and may drop others: it is known by drug, route, dose, interval and length.
    """
    b12 = draft.b12
    return b12 is not None and any(_is(order, draft, b12) for order in _proposed(decision))


def runs_beside(exposure: Exposure, draft: Exposure, today: date) -> bool:
    """Return whether an order on record runs at the same time as a draft would."""
    begins, ends = draft.start or today, draft.end or date.max
    return (exposure.start or date.min) <= ends and (exposure.end or date.max) >= begins


def _proposed(decision: Decision) -> Iterator[Order]:
    for _, dated in decision.schedules:
        yield from dated.orders
    for offer in decision.offers:
        if offer.dated is not None:
            yield from offer.dated.orders


def _is(order: Order, draft: Draft, b12: Exposure) -> bool:
    timing = order.step.timing
    if not draft.dosages:
        # Some systems keep nothing of a suggestion but the product's name, which is worded as nobody else words it.
        return b12.text == order.product.text
    length = _length(b12)
    return (
        order.drug == b12.concept.id
        and _FORMS[order.route] is b12.form
        and draft.route in (order.route, None)
        and every_days(timing.frequency, Decimal(timing.period), timing.unit) == b12.every_days
        and (b12.dose is None or _within(b12.dose.value, order))
        and length is not None
        and length <= order.days
    )


def _within(dose: Decimal, order: Order) -> bool:
    micrograms = MICROGRAMS[order.step.unit]
    return order.step.low * micrograms <= dose <= (order.step.high or order.step.low) * micrograms


def _length(exposure: Exposure) -> int | None:
    """Return how many days an order covers, both ends included; None when it has no end."""
    if exposure.end is None or exposure.start is None:
        return None
    return (exposure.end - exposure.start).days + 1
