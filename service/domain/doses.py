"""Whether a dose on record can be meant, beside every dose that the regimens print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from service.domain.orders import MICROGRAMS
from service.domain.protocol import Book, Limits, Protocol, Regimen
from service.domain.record import Exposure, Form

_INJECTED = {Form.INJECTION: True, Form.ORAL: False}


def looks_like_a_slip(exposure: Exposure, book: Book, limits: Limits) -> bool:
    """Return whether a dose is so far outside all regimens of its drug and route that its unit may be wrong.

    False where the dose, the route or a regimen to compare with is not known.
    """
    dose, injected = exposure.dose, _INJECTED.get(exposure.form)
    if dose is None or injected is None or dose.comparator:
        return False
    doses = list(printed(book, exposure.concept.id, injected=injected))
    if not doses:
        return False
    factor = limits.dose_slip_factor
    return dose.value > max(doses) * factor or dose.value * factor < min(doses)


def printed(book: Book, drug: str, *, injected: bool) -> Iterable[Decimal]:
    """Yield every dose that a regimen of this drug by this kind of route prints."""
    for protocol in book.protocols.values():
        for regimen in regimens_of(protocol):
            if regimen.drug == drug and regimen.injected is injected:
                yield from _doses(regimen)


def regimens_of(protocol: Protocol) -> Iterator[Regimen]:
    """Yield every regimen that a protocol may offer; one may come several times."""
    for row in protocol.table.values():
        for choice in row.choices:
            yield choice.regimen
            if choice.then is not None:
                yield choice.then
    moves = [move.regimen for move in (protocol.to_tablets, protocol.to_nasal) if move is not None]
    others = (protocol.bridge, protocol.leber, *protocol.pregnancy_swaps.values(), *moves)
    yield from (regimen for regimen in others if regimen is not None)


def _doses(regimen: Regimen) -> Iterable[Decimal]:
    for step in regimen.steps:
        yield step.low * MICROGRAMS[step.unit]
        yield (step.high or step.low) * MICROGRAMS[step.unit]
