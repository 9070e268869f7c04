"""A site's own protocol: a shipped one with the site's values in their places, refused where it loosens safety."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from service.domain.orders import product_for
from service.domain.protocol import Choice, Interval, Limits, Lines, Move, Protocol, Regimen, Row
from service.domain.terms import Analyte
from service.knowledge import schema as shape
from service.knowledge.files import Place, Read
from service.knowledge.nearest import meant, unknown
from service.knowledge.protocols import ProtocolShelf, citation, screening_of
from service.knowledge.safety import loosened
from service.knowledge.signing import sign_off
from service.knowledge.stock import Stock

Local = Read[shape.LocalProtocolFile]
#: Limits of one measure, the lowest first: out of order, a rule would contradict another.
_RISING = (
    ("mma-borderline", "mma-raised", "mma-high"),
    ("haemoglobin-severe-pregnant", "haemoglobin-severe", "haemoglobin-anaemia"),
)
_UNFIT = re.compile(r"[\x00-\x1f\x7f]|<[A-Za-z/!?]")


def local_protocol(file: Local, shipped: Mapping[str, Protocol], parts: ProtocolShelf, stock: Stock) -> Protocol:
    """Return the protocol of a site's file; `parts` knows the site's own regimens.

    Raises KnowledgeError for a name that leads nowhere, for a row that nothing in stock can give, and for what
    a site may not loosen.
    """
    line = file.content
    for path, problem in _marked_up(file.document.value, ()):
        raise file.error(path, problem)
    if line.id in shipped:
        raise file.error(("id",), f"{line.id} is a shipped protocol: give yours a name of its own")
    if line.extends not in shipped:
        raise file.error(("extends",), unknown("protocol", line.extends, shipped))
    parent = shipped[line.extends]
    _keep_safe_limits(file, parts, parent)
    own_limits, cites = parts.limits(file, line.limits)
    limits = replace(parent.limits, **own_limits)  # type: ignore[arg-type]
    _keep_in_order(file, limits)
    bands, band_cites = parts.bands(file, line.bands)
    for analyte, lines in bands.items():
        _give_every_unit(file, analyte, lines, parent)
    protocol = replace(
        parent,
        id=line.id,
        version=line.version,
        title=line.title,
        publisher=line.publisher,
        cite=citation(line.cite),
        effective_from=line.effective_period.start,
        effective_to=line.effective_period.end,
        reviewer=line.reviewer,
        sign_off=sign_off(file),
        limits=limits,
        bands=MappingProxyType({**parent.bands, **bands}),
        citations=MappingProxyType({**parent.citations, **cites, **band_cites}),
        products=stock.products(file, parent) if line.products else parent.products,
        bridge=_named(file, parts, "bridge", parent.bridge),
        leber=_named(file, parts, "leber", parent.leber),
        screening=screening_of(line.screening) if line.screening else parent.screening,
        **_watched(file, parts, parent),
    )
    table = dict(_table(file, parts, protocol))
    protocol = replace(protocol, table=MappingProxyType(table), **_moves(protocol))
    protocol = replace(protocol, pregnancy_swaps=MappingProxyType(dict(_swaps(file, parts, protocol))))
    for path, problem in (*loosened(protocol, parts.drugs), *_out_of_stock(protocol)):
        # What is inherited stands nowhere in the file: then it is the stock that does not fit it.
        raise file.error(path if path in file.document.lines else ("products", "stock"), problem)
    return protocol


def not_offered(file: Local, protocol: Protocol, parent: Protocol) -> Iterator[tuple[str, str]]:
    """Yield row and regimen of every inherited choice that nothing in stock can give."""
    for key, row in parent.table.items():
        if key not in file.content.plans:
            yield from ((key, _names(c)) for c in row.choices if c not in protocol.table[key].choices)


def _marked_up(value: object, path: Place) -> Iterator[tuple[Place, str]]:
    """Yield every text that a card could not show as one plain line: cards are Markdown, and a person reads them."""
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _marked_up(child, (*path, key))
    elif isinstance(value, str) and _UNFIT.search(value):
        yield path, f"{'.'.join(map(str, path))}: one line of plain text, without tags or control characters"


def _keep_safe_limits(file: Local, parts: ProtocolShelf, parent: Protocol) -> None:
    shared = parts.common.content.limits
    for name, line in file.content.limits.items():
        way = shared[name].site if name in shared else None
        if way is None:
            continue
        usual = Decimal(getattr(parent.limits, name.replace("-", "_")))
        wrong = {"fixed": line.value != usual, "not-higher": line.value > usual, "not-lower": line.value < usual}
        if wrong[way]:
            allowed = {"fixed": "stays", "not-higher": "may not go above", "not-lower": "may not go below"}[way]
            raise file.error(("limits", name), f"{name} guards safety: at a site it {allowed} {usual} {line.unit}")


def _keep_in_order(file: Local, limits: Limits) -> None:
    for names in _RISING:
        values = [getattr(limits, name.replace("-", "_")) for name in names]
        if values != sorted(values):
            own = next((name for name in names if name in file.content.limits), names[0])
            told = ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
            raise file.error(("limits", own), f"these limits rise in this order, none below the one before: {told}")


def _give_every_unit(file: Local, analyte: Analyte, lines: Mapping[str, Lines], parent: Protocol) -> None:
    """Refuse bands that would leave a unit at the shipped value: two units of one test would then disagree."""
    missing = [unit for unit in parent.bands.get(analyte, {}) if unit not in lines]
    if missing:
        raise file.error(("bands", analyte), f"{parent.id} also has {analyte} in {', '.join(missing)}: give that too")


def _named(file: Local, parts: ProtocolShelf, key: str, inherited: Regimen | None) -> Regimen | None:
    """Return the regimen a file gives under a key, none where it says null, the parent's where it says nothing."""
    if key not in file.content.model_fields_set:
        return inherited
    name: str | None = getattr(file.content, key)
    return parts.regimen(file, (key,), name) if name is not None else None


def _table(file: Local, parts: ProtocolShelf, protocol: Protocol) -> Iterator[tuple[str, Row]]:
    """Yield each row: the site's own where it has one, else the parent's without what is not in stock."""
    own = dict(parts.rows(file, file.content.plans))
    for key, row in protocol.table.items():
        if key in own:
            for place, choice in enumerate(own[key].choices):
                if not _given(choice, protocol):
                    path = ("plans", key, "options", place)
                    raise file.error(path, f"no product in stock can give {_names(choice)}: {_stocked(protocol)}")
            yield key, own[key]
            continue
        kept = tuple(choice for choice in row.choices if _given(choice, protocol))
        if row.choices and all(choice.extent_unknown_only for choice in kept):
            lost = ", ".join(dict.fromkeys(_names(c) for c in row.choices if c not in kept))
            cure = f'stock one, or write under plans `{key}: {{none: "because …"}}`'
            raise file.error(("products", "stock"), f"the row {key} loses its plan, no product gives {lost}: {cure}")
        why = row.why
        if row.choices and row.choices[0] not in kept:
            why = f"{row.choices[0].regimen.title}: not in stock here"
        yield key, replace(row, choices=kept, why=why)


def _given(choice: Choice, protocol: Protocol) -> bool:
    """Return whether the stock can give every step of a choice by its usual route."""
    if choice.then is None:
        return _can_give(choice.regimen, protocol)
    first = replace(choice.regimen, steps=choice.regimen.repletion)
    return _can_give(first, protocol) and _can_give(replace(choice.then, steps=choice.then.maintenance), protocol)


def _can_give(regimen: Regimen, protocol: Protocol) -> bool:
    return all(product_for(step, regimen.drug, regimen.routes[0], protocol) for step in regimen.steps)


def _names(choice: Choice) -> str:
    return f"{choice.regimen.id} then {choice.then.id}" if choice.then else choice.regimen.id


def _stocked(protocol: Protocol) -> str:
    return "in stock are " + ", ".join(product.id for product in protocol.products)


def _swaps(file: Local, parts: ProtocolShelf, protocol: Protocol) -> Iterator[tuple[str, Regimen]]:
    """Yield what takes the place of a regimen in pregnancy, for those the table still offers."""
    offered = {r.id for row in protocol.table.values() for c in row.choices for r in (c.regimen, c.then) if r}
    own: dict[str, Regimen] = {}
    for name, other in file.content.pregnancy_swaps.items():
        path = ("pregnancy-swaps", name)
        parts.regimen(file, path, name)
        if name not in offered:
            raise file.error(path, f"no row offers {name}{meant(name, offered)}: nothing to take the place of")
        own[name] = parts.regimen(file, path, other)
    for name, regimen in {**protocol.pregnancy_swaps, **own}.items():
        if name in offered:
            yield name, regimen


def _out_of_stock(protocol: Protocol) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what stands beside the rows and that nothing in stock can give."""
    for key, regimen in (("bridge", protocol.bridge), ("leber", protocol.leber)):
        if regimen is not None and not _can_give(regimen, protocol):
            cure = f"stock one, or write `{key}: null` (then patients who need it get no plan by it) or another regimen"
            yield (key,), f"{key}: no product in stock can give {regimen.id}: {cure}"
    for name, regimen in protocol.pregnancy_swaps.items():
        if not _can_give(regimen, protocol):
            path = ("pregnancy-swaps", name)
            yield path, f"pregnancy-swaps: no product in stock can give {regimen.id}: stock one, or name another"


def _watched(file: Local, parts: ProtocolShelf, parent: Protocol) -> dict[str, Any]:
    """Return what is watched: the site's words where it has some, else the parent's."""
    own = file.content.monitoring
    if own is None:
        return {}
    return {
        "monitoring": MappingProxyType(
            {key: tuple(getattr(own, key, None) or words) for key, words in parent.monitoring.items()}
        ),
        "response": own.response or parent.response,
        "shorter": MappingProxyType(dict(own.shorter if own.shorter is not None else parent.shorter)),
        "intervals": tuple(_intervals(file, own.intervals, parts, parent)),
    }


def _intervals(
    file: Local, lines: Sequence[shape.IntervalLine], parts: ProtocolShelf, parent: Protocol
) -> Iterator[Interval]:
    """Yield how far apart injections are: the site's lines for the drugs it names, the parent's for the others."""
    for place, line in enumerate(lines):
        path = ("monitoring", "intervals", place)
        if line.drug not in parts.drugs:
            raise file.error(path, unknown("drug", line.drug, parts.drugs))
        if [other.drug for other in lines if other.mechanism is None].count(line.drug) != 1:
            raise file.error(path, f"give one line for {line.drug} without a mechanism")
        yield Interval(line.drug, line.mechanism, line.shortest, line.longest, line.text, citation(line.cite))
    yield from (interval for interval in parent.intervals if interval.drug not in {line.drug for line in lines})


def _moves(protocol: Protocol) -> dict[str, Any]:
    """Return what a stable patient may change to, where the stock can give it."""
    moves: dict[str, Move | None] = {"to_tablets": protocol.to_tablets, "to_nasal": protocol.to_nasal}
    return {name: move if move and _can_give(move.regimen, protocol) else None for name, move in moves.items()}
