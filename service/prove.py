"""At start, every order that can ever be proposed is built once and put through the gate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec.json import decode

from service.domain.doses import regimens_of
from service.domain.orders import Order, schedule
from service.domain.protocol import Book, Protocol, Regimen
from service.domain.recommend import Option
from service.domain.terms import Route
from service.fhir.gate import refuse
from service.fhir.writing import Circumstances, medication_requests, service_requests

#: Any day serves: only shape and sums are proved.
_DAY = date(2024, 2, 28)


def prove(book: Book) -> int:
    """Return how many orders passed; raises GateError for one that is not valid FHIR or does not add up."""
    about = Circumstances(
        patient="proof",
        encounter="proof",
        today=_DAY,
        seed="proof",
        reason="proof",
        topic=book.wording.topic,
        conditions=("Condition/proof",),
        supporting=("Observation/proof",),
        urgent=True,
        routes=book.routes,
    )
    count = 0
    for order, regimen in {(o.product.id, o.step, o.route): (o, r) for o, r in _orders(book)}.values():
        refuse(decode(*medication_requests([(order, "proof")], regimen, about)))
        count += 1
    for investigation in book.investigations:
        refuse(decode(*service_requests([investigation], about)))
        count += 1
    return count


def _orders(book: Book) -> Iterator[tuple[Order, str]]:
    for protocol in book.protocols.values():
        for regimen in regimens_of(protocol):
            for route in dict.fromkeys((*regimen.routes, *regimen.off_label)):
                for order in _of(regimen, route, protocol):
                    yield order, regimen.id


def _of(regimen: Regimen, route: Route, protocol: Protocol) -> Iterator[Order]:
    """Yield an order for each step, as if each could be ordered today."""
    for step in regimen.steps:
        option = Option(regimen, route, (step,), ((regimen.drug, route),), recommended=True)
        dated = schedule(option, protocol, _DAY, pregnant=False)
        yield from dated.orders if dated else ()
