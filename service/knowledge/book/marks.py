"""The marks of the page: citations that lead to their source, tables, lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from service.domain.terms import Letter
from service.knowledge import schema as shape

#: What a letter means, once for the page.
LETTERS = {
    Letter.VERBATIM: "read verbatim in the source",
    Letter.SECONDARY: "read in a secondary page",
    Letter.MEMORY: "from memory, or a design decision that no source settles",
}


def cited(cite: shape.Cite) -> str:
    """Return a citation: the source, as a link to its line, the letter, and where in it."""
    where = f" ({plain(cite.locator)})" if cite.locator else ""
    return f"[{cite.source}](#{anchor(cite.source)}) {cite.letter.value}{where}"


def anchor(source: str) -> str:
    """Return the name under which a source is found on the page."""
    return f"source-{source.lower()}"


def plain(text: str) -> str:
    """Return text that can stand in a cell: nothing of it is taken for Markdown."""
    for mark in "\\`*_<>[]|":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table, or nothing when it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield f"| {' | '.join(heads)} |"
        yield f"|{'---|' * len(heads)}"
        yield from lines
        yield ""


def listed(values: Iterable[object]) -> str:
    """Return values in a row, each safe to stand in a cell."""
    return ", ".join(plain(str(value)) for value in values)


def code(line: shape.CodeLine) -> str:
    """Return a code with its name, its trust and where it was seen."""
    form = f", {line.form}" if line.form else ""
    measures = f", {line.property}" if line.property else ""
    note = f"; {plain(line.note)}" if line.note else ""
    return f"`{line.system} {line.code}` {plain(line.display)}{measures}{form} ({line.trust}: {line.seen}{note})"
