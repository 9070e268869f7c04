"""From a plan to orders that can be signed today: dates, doses, volumes; decisions, section 6."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from math import ceil

from service.domain.protocol import Product, Protocol, Step, Timing
from service.domain.recommend import Option
from service.domain.record import months_after
from service.domain.terms import PhaseName, Route

#: What one unit of a dose is in micrograms.
MICROGRAMS = {"ug": Decimal(1), "mg": Decimal(1000), "g": Decimal(1000000)}
_DAYS = {"d": 1, "wk": 7}
_DAYS_A_MONTH = 30


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """One step, dated, with the product that gives it; amounts are in the product's own unit.

    `first_after` is how long after the last dose of the course before it the first is due, where that is not at once.
    A schedule is made once a day and kept, so an order is told apart by identity: cheap to look things up by.
    """

    number: int
    step: Step
    drug: str
    route: Route
    product: Product
    start: date
    end: date
    doses: int
    low: Decimal
    high: Decimal | None
    quantity: Decimal
    open_ended: bool
    immeasurable: bool
    first_after: str | None = None

    @property
    def days(self) -> int:
        """Return how many days the order covers, both ends included."""
        return (self.end - self.start).days + 1

    @property
    def containers(self) -> int | None:
        """Return how many containers the order needs; None where the product's pack is not known."""
        pack = self.product.pack
        if pack is None:
            return None
        if pack.single_use:
            return self.doses * ceil((self.high or self.low) / pack.holds)
        return ceil(self.quantity / pack.holds)


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """An option's orders for today, and from when each of its steps runs (None: it depends)."""

    option: Option
    orders: tuple[Order, ...]
    starts: tuple[date | None, ...]
    review: date


def schedule(option: Option, protocol: Protocol, today: date, *, pregnant: bool) -> Schedule | None:
    """Return the orders of an option, consecutive and never overlapping; None when no product can give a dose."""
    months = protocol.limits.review_months_pregnant if pregnant else protocol.limits.review_months
    return _schedule(option, protocol, today, months)


@lru_cache(maxsize=1024)
def _schedule(option: Option, protocol: Protocol, today: date, months: int) -> Schedule | None:
    """Return the schedule, which nothing else of the patient changes: made once for each option and day."""
    review = months_after(today, months)
    orders: list[Order] = []
    starts: list[date | None] = []
    start: date | None = today
    for number, (step, (drug, route)) in enumerate(zip(option.steps, option.drugs, strict=True), 1):
        if step.begins_if is not None:
            start = None
        starts.append(start)
        if start is None:
            continue
        order = _order(number, step, drug, route, protocol, start, review)
        if order is None:
            return None
        if orders and _waits(orders[-1], order):
            order = replace(order, first_after=_span(step.timing))
        orders.append(order)
        start = None if order.open_ended else order.end + timedelta(days=1)
    return Schedule(option, tuple(orders), tuple(starts), orders[-1].end if orders else review)


def _waits(before: Order, order: Order) -> bool:
    """Return whether the first dose of maintenance is due one interval after the last of the course before it."""
    injected = before.route.injected and order.route.injected
    return injected and order.step.phase is PhaseName.MAINTENANCE and order.step.timing.unit == "mo"


def _span(timing: Timing) -> str:
    """Return an interval of months in words."""
    most = f" to {timing.period_max}" if timing.period_max is not None else ""
    return f"{timing.period}{most} month{'' if timing.period == 1 and not most else 's'}"


def _order(
    number: int, step: Step, drug: str, route: Route, protocol: Protocol, start: date, review: date
) -> Order | None:
    product = product_for(step, drug, route, protocol)
    if product is None:
        return None
    end = _end(step, start, review)
    doses = _doses(step, start, end)
    low = in_product(step.low, step.unit, product)
    high = in_product(step.high, step.unit, product) if step.high is not None else None
    if high == low:
        high = None
    immeasurable = route.injected and low < protocol.limits.smallest_volume_ml
    return Order(
        number=number,
        step=step,
        drug=drug,
        route=route,
        product=product,
        start=start,
        end=end,
        doses=doses,
        low=low,
        high=high,
        quantity=(high or low) * doses,
        open_ended=not step.bounded,
        immeasurable=immeasurable,
    )


def product_for(step: Step, drug: str, route: Route, protocol: Protocol) -> Product | None:
    """Return the first product of the protocol that can give this dose by this route."""
    for product in protocol.products:
        if product.drug != drug or route not in product.routes:
            continue
        # An injection can be drawn up to any volume; a tablet or spray is given whole.
        if route.injected:
            return product
        amounts = [in_product(step.low, step.unit, product)]
        if step.high is not None:
            amounts.append(in_product(step.high, step.unit, product))
        whole = all(amount == amount.to_integral_value() for amount in amounts)
        if whole and (product.up_to is None or max(amounts) <= product.up_to):
            return product
    return None


def in_product(dose: Decimal, unit: str, product: Product) -> Decimal:
    """Return a dose in the product's own unit: millilitres, tablets or sprays."""
    micrograms = dose * MICROGRAMS[unit]
    amount = micrograms / (product.strength.value * MICROGRAMS[product.strength.unit]) * product.per.value
    return amount.quantize(Decimal(1)) if amount == amount.to_integral_value() else amount.normalize()


def _end(step: Step, start: date, review: date) -> date:
    """Return the last day of a step: its own, or the review for a step that has no fixed end."""
    timing = step.timing
    if timing.weeks is not None:
        return start + timedelta(weeks=timing.weeks, days=-1)
    if timing.count is not None:
        doses = timing.count_max or timing.count
        return _after(start, timing, doses, timing.period_max or timing.period) - timedelta(days=1)
    if step.review_weeks is not None:
        return start + timedelta(weeks=step.review_weeks, days=-1)
    if _after(start, timing, 1, timing.period) <= review:
        return review
    # No dose would fall due before the review: the order holds one interval.
    return _after(start, timing, 1, timing.period_max or timing.period) - timedelta(days=1)


def _doses(step: Step, start: date, end: date) -> int:
    timing = step.timing
    if timing.count is not None:
        return timing.count_max or timing.count
    times = 0
    while _after(start, timing, times, timing.period) <= end:
        times += 1
    return times * timing.frequency


def _after(start: date, timing: Timing, times: int, period: int) -> date:
    """Return the day so many periods after the start."""
    if timing.unit == "mo":
        return months_after(start, times * period)
    return start + timedelta(days=times * period * _DAYS[timing.unit])


def every_days(frequency: int, period: Decimal, unit: str) -> Decimal | None:
    """Return the usual days between two doses, or None for a unit this project does not use."""
    days = {
        "h": Decimal(1) / 24,
        "d": Decimal(1),
        "wk": Decimal(7),
        "mo": Decimal(_DAYS_A_MONTH),
        "a": Decimal(365),
    }
    return period * days[unit] / frequency if unit in days and frequency else None
