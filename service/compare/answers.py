"""For which worked patients two protocols answer differently, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.compare.values import changes
from service.compare.worked import Worked, worked
from service.consult import Consultant
from service.domain.decision import Decision
from service.domain.orders import Order, Schedule
from service.evaluate import evaluate

Told = dict[str, str]
_ORDERS = "orders of "
#: The parts that are lists of names: what comes and goes is shown.
LISTS = frozenset({"modifiers", "tests asked for", "notices"})


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two protocols, and who knows it."""

    using: Consultant
    name: str


@dataclass(frozen=True, slots=True)
class Differing:
    """A patient whose answer differs: each part of the answer, as one protocol says it and as the other."""

    patient: Worked
    parts: tuple[tuple[str, str, str], ...]

    @property
    def only_in_orders(self) -> bool:
        """Return whether the plan is the same, and only its product, amounts or days differ."""
        return all(part.startswith(_ORDERS) for part, _, _ in self.parts)


def differing(one: Side, other: Side) -> Iterator[Differing]:
    """Yield every worked patient to whom the two protocols say something else."""
    for patient in worked():
        first, second = told(patient, one), told(patient, other)
        changed = changes(first, second)
        names = {part for part, _, _ in changed}
        # Where the plan itself is another, so are its orders.
        shown = tuple(part for part in changed if part[0].removeprefix(_ORDERS) not in names - {part[0]})
        if shown:
            yield Differing(patient, shown)


def told(patient: Worked, side: Side) -> Told:
    """Return what a protocol answers for a patient, part by part in words."""
    answer = evaluate(bytes(patient.chart), protocol=side.name, today=patient.today, using=side.using)
    return dict(_parts(answer.decision))


def _parts(decision: Decision) -> Iterator[tuple[str, str]]:
    verdict = decision.assessment
    yield "status", f"{verdict.status.value}, rule {verdict.rule.id}"
    yield "treat now", "yes" if verdict.start_now else "no"
    yield "modifiers", ", ".join(sorted(m.value for m in decision.modifiers.present))
    for place, (option, dated) in enumerate(decision.schedules):
        name = f"plan {place + 1}" if place else "recommended"
        steps = "; ".join(step.text for step in option.steps)
        yield name, f"{option.regimen.id}, {option.route.value}: {steps}"
        yield _ORDERS + name, _orders(dated)
    if decision.plan.none_because is not None:
        yield "no plan, because", decision.plan.none_because
    yield "tests asked for", ", ".join(i.title for i in decision.investigations)
    yield "notices", ", ".join(decision.notices)


def _orders(dated: Schedule) -> str:
    return "; ".join(_order(order) for order in dated.orders) or "nothing yet"


def _order(order: Order) -> str:
    high = f" to {order.high:f}" if order.high is not None else ""
    unit = order.product.unit_one if order.low == 1 and not high else order.product.unit_many
    return f"{order.product.text}, {order.low:f}{high} {unit}, {order.start} to {order.end}"
