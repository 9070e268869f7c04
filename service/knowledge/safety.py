"""What no protocol may loosen, a site's own least of all: checked before any patient is seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from service.domain.protocol import Choice, Drug, Protocol, Regimen
from service.domain.situation import NEUROLOGICAL, PREVENTION, SEVERE_ANAEMIA
from service.knowledge.files import Place

Problem = tuple[Place, str]


def loosened(protocol: Protocol, drugs: Mapping[str, Drug]) -> Iterator[Problem]:
    """Yield every plan that a safety rule forbids, with its place in the file of a protocol."""
    for key, row in protocol.table.items():
        for place, choice in enumerate(row.choices):
            for problem in _of_choice(key, choice):
                yield ("plans", key, "options", place), problem
    yield from _of_swaps(protocol)
    bridge, leber = protocol.bridge, protocol.leber
    if bridge is not None and bridge.injected:
        yield ("bridge",), f"{bridge.id} is injected: with a bleeding risk only tablets bridge to an injection"
    if bridge is not None and not bridge.repletion:
        yield ("bridge",), _no_repletion(bridge)
    if leber is not None and drugs[leber.drug].not_with_leber:
        yield ("leber",), f"{leber.id} is {leber.drug}: Leber optic neuropathy forbids it by any route"
    if leber is not None and not leber.repletion:
        yield ("leber",), _no_repletion(leber)


def _of_choice(key: str, choice: Choice) -> Iterator[str]:
    regimen = choice.regimen
    if key in (NEUROLOGICAL, SEVERE_ANAEMIA) and not regimen.injected:
        yield f"{regimen.id} is not injected: the row {key} is for injections only"
    if key != PREVENTION and not regimen.repletion:
        yield _no_repletion(regimen)
    if choice.then is not None and not choice.then.maintenance:
        yield f"{choice.then.id} has no maintenance: it cannot be what follows"


def _of_swaps(protocol: Protocol) -> Iterator[Problem]:
    """Yield every swap in pregnancy that takes an injection from a row where only injections serve."""
    forced = {c.regimen.id: key for key in (NEUROLOGICAL, SEVERE_ANAEMIA) for c in protocol.table[key].choices}
    for name, regimen in protocol.pregnancy_swaps.items():
        if name in forced and not regimen.injected:
            yield ("pregnancy-swaps", name), f"{regimen.id} is not injected: {forced[name]} is for injections only"
        if not regimen.repletion:
            yield ("pregnancy-swaps", name), _no_repletion(regimen)


def _no_repletion(regimen: Regimen) -> str:
    return f"{regimen.id} has no repletion: it never stands alone in a deficiency, only in the row {PREVENTION}"
