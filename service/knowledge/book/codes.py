"""What is read in a record: tests with their units, findings, causes, medicines, routes, each with its codes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.knowledge import schema as shape
from service.knowledge.book.marks import cited, code, listed, plain, table
from service.knowledge.load import Shelf

Section = Iterator[str]


def tests(shelf: Shelf) -> Section:
    """Yield the tests: what they are compared in, what is plausible, the cited conversions, the codes."""
    yield "## Tests"
    yield ""
    for line in shelf.analytes.content.analytes:
        yield f"### {plain(line.title)}"
        yield ""
        yield f"- `{line.id.value}`; compared in {listed(line.units.values())}"
        if line.plausible is not None:
            ranges = (f"{low} to {high} {unit}" for unit, (low, high) in line.plausible.ranges().items())
            yield f"- plausible: {listed(ranges)}; {cited(line.plausible.cite)}"
        for bridge in line.bridges:
            yield f"- {plain(bridge.from_)} × {bridge.factor} is {plain(bridge.to)}; {cited(bridge.cite)}"
        yield from _codes(line.codes)
        yield ""
    yield "### Units as charts write them"
    yield ""
    aliases = shelf.units.content.aliases.items()
    yield from table(("written", "UCUM"), ((plain(a), plain(b)) for a, b in aliases))


def findings(shelf: Shelf) -> Section:
    """Yield what a code in a record is, and the parts it plays in the rules."""
    yield "## Findings"
    yield ""
    for file in shelf.findings:
        yield f"### {plain(file.document.file.stem)}"
        yield ""
        yield from _findings(file.content.findings, "####")


def causes(shelf: Shelf) -> Section:
    """Yield the causes: mechanism, duration, what is asked and said, the codes and the medicines."""
    yield "## Causes"
    yield ""
    for file in shelf.causes:
        line = file.content
        yield f"### {plain(line.title)}"
        yield ""
        later = f"; with neurology {line.duration_with_neurology.value}" if line.duration_with_neurology else ""
        yield f"- `{line.id}`: {line.mechanism.value}, {line.duration.value}{later}; {cited(line.cite)}"
        marks = {
            "prevented before it shows": line.prevention,
            "extent unknown": line.extent_unknown,
            "asks for the antibody work-up": line.antibody_workup,
        }
        yield from (f"- {mark}" for mark, holds in marks.items() if holds)
        for name, words in (("asks", line.ask), ("limitation", line.limitation), ("treat", line.treat)):
            if words:
                yield f"- {name}: {plain(words)}"
        if line.replaces:
            yield f"- takes the place of: {listed(line.replaces)}"
        yield ""
        yield from _findings(line.findings, "####")
        for medicine in line.medicines:
            months = medicine.longer_than_months
            after = f"taken for more than {months} months" if months else "at any exposure"
            yield f"#### {plain(medicine.title)}"
            yield ""
            yield f"- `{medicine.id}`: {after}; {cited(medicine.cite)}"
            yield from _codes(medicine.codes)
            yield ""


def routes(shelf: Shelf) -> Section:
    """Yield how orders say by which route, and how laboratories say positive and negative."""
    content = shelf.routes.content
    yield "## Routes and words"
    yield ""
    for line in content.routes:
        yield f"### {line.route.value}"
        yield ""
        yield f"- {line.form}; in words: {listed(line.words)}"
        yield from _codes(line.codes)
        yield ""
    yield f"- local codes may write: {listed(content.local_words)}"
    yield f"- positive: {listed(content.positive_words)}"
    yield f"- negative: {listed(content.negative_words)}"
    yield ""


def _findings(lines: Iterable[shape.FindingLine], head: str) -> Iterator[str]:
    for line in lines:
        yield f"{head} {plain(line.title)}"
        yield ""
        parts = f"; {listed(role.value for role in line.roles)}" if line.roles else ""
        yield f"- `{line.id}`: {line.certainty.value}{parts}"
        if line.words:
            yield f"- in words: {listed(line.words)}"
        yield from (f"- every code under `{below.system} {below.code}`" for below in line.below)
        yield from _codes(line.codes)
        yield ""


def _codes(lines: Iterable[shape.CodeLine]) -> Iterator[str]:
    return (f"- {code(line)}" for line in lines)
