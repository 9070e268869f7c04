"""Everything a protocol says, place by place in readable words, so that two can be laid side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from service.domain.protocol import Book, Choice, Lines, Product, Protocol, Regimen, Step
from service.domain.terms import Citation
from service.knowledge.load import shared_units

Said = dict[str, str]
NOTHING = "-"
#: The parts of a protocol that have words of their own below; its id and version head the page.
_TOLD = frozenset(
    (
        *("id", "version", "title", "publisher", "url", "cite", "effective_from", "effective_to", "reviewer"),
        *("bands", "limits", "citations", "table", "products", "bridge", "leber", "pregnancy_swaps"),
        *("monitoring", "shorter"),
    )
)


def changes(one: Said, other: Said) -> list[tuple[str, str, str]]:
    """Return every place where two protocols differ, with the value of each."""
    places = list(dict.fromkeys([*one, *other]))
    pairs = ((place, one.get(place, NOTHING), other.get(place, NOTHING)) for place in places)
    return [found for found in pairs if found[1] != found[2]]


def said(protocol: Protocol, book: Book) -> Said:
    """Return every value of a protocol by its place."""
    titles = {test.analyte: test.title for test in book.tests}
    found = dict(_heading(protocol))
    for analyte, lines in protocol.bands.items():
        for unit, line in lines.items():
            cite = _cited(protocol.citations.get(f"bands.{analyte}"))
            found[f"band of {titles[analyte]} in {unit}"] = f"{_line(line)}{cite}"
    units = shared_units()
    for field in fields(protocol.limits):
        name = field.name.replace("_", "-")
        value = f"{getattr(protocol.limits, field.name)} {units.get(name, '')}".rstrip()
        found[f"limit {name}"] = value + _cited(protocol.citations.get(name))
    found |= dict(_plans(protocol))
    for place, product in enumerate(protocol.products, 1):
        found[f"product {place}"] = _product(product)
    found |= {f"watch, {key}": "; ".join(words) for key, words in protocol.monitoring.items()}
    found |= {f"interval of {drug}": words for drug, words in protocol.shorter.items()}
    others = (field.name for field in fields(protocol) if field.name not in _TOLD)
    found |= {name.replace("_", " "): _words(getattr(protocol, name)) for name in others}
    return found | dict(_regimens(protocol))


def _words(value: object) -> str:
    """Return a value of a protocol that needs no words of its own here."""
    if isinstance(value, Citation):
        return _cited(value).strip(" ()")
    if isinstance(value, Regimen):
        return value.id
    if is_dataclass(value) and not isinstance(value, type):
        held = ((field.name.replace("_", " "), getattr(value, field.name)) for field in fields(value))
        return "; ".join(f"{name} {_words(each)}" for name, each in held)
    if isinstance(value, Mapping):
        return "; ".join(f"{_words(key)}: {_words(each)}" for key, each in value.items()) or "none"
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(_words, value))) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(_words, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _heading(protocol: Protocol) -> Iterator[tuple[str, str]]:
    yield "title", protocol.title
    yield "publisher", protocol.publisher
    yield "in force", f"from {protocol.effective_from or 'any day'} to {protocol.effective_to or 'further notice'}"
    yield "reviewer", protocol.reviewer or "none"
    yield "rests on", _cited(protocol.cite).strip(" ()")


def _line(line: Lines) -> str:
    upper = f"unlikely {'from' if line.unlikely_includes else 'above'} {line.unlikely}"
    return f"low below {line.low_below}, {upper}"


def _cited(cite: Citation | None) -> str:
    return f" ({cite.source}, {cite.letter.value})" if cite else ""


def _plans(protocol: Protocol) -> Iterator[tuple[str, str]]:
    for key, row in protocol.table.items():
        for place, choice in enumerate(row.choices, 1):
            yield f"plan for {key}, choice {place}", _choice(choice)
        if row.none_because is not None:
            yield f"plan for {key}", f"none: {row.none_because}"
        if row.why is not None:
            yield f"plan for {key}, why", row.why
    for name, regimen in (("with a bleeding risk, first", protocol.bridge), ("with Leber", protocol.leber)):
        yield f"plan {name}", regimen.id if regimen else "none of its own"
    for name, regimen in protocol.pregnancy_swaps.items():
        yield f"in pregnancy, for {name}", regimen.id


def _choice(choice: Choice) -> str:
    then = f", then {choice.then.id}" if choice.then else ""
    return f"{choice.regimen.id}{then}{', if the extent is unknown' if choice.extent_unknown_only else ''}"


def _product(product: Product) -> str:
    codes = ", ".join(code for _, code, _ in product.codings)
    most = f", at most {product.up_to} at a time" if product.up_to else ""
    routes = " or ".join(route.value for route in product.routes)
    return f"{product.text} ({product.id}, {codes}; {routes}{most})"


def _regimens(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Yield the steps of every regimen that the protocol can end in."""
    used: dict[str, Regimen] = {
        r.id: r for row in protocol.table.values() for c in row.choices for r in (c.regimen, c.then) if r is not None
    }
    beside = (protocol.bridge, protocol.leber, *protocol.pregnancy_swaps.values())
    for regimen in (used | {r.id: r for r in beside if r is not None}).values():
        steps = "; ".join(_step(step) for step in regimen.steps)
        yield f"regimen {regimen.id}", f"{regimen.drug}, {' or '.join(r.value for r in regimen.routes)}: {steps}"


def _step(step: Step) -> str:
    review = f", review after {step.review_weeks} weeks" if step.review_weeks else ""
    return f"{step.phase.value} {step.text}{review}{_cited(step.cite)}"
