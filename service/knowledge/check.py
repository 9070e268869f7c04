"""What `python -m service.knowledge check` says: everything loads, and how much there is of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from service.domain.terms import Letter
from service.knowledge.load import Knowledge, Shelf, load, shelf
from service.knowledge.strict_yaml import KnowledgeError, read


def report(folder: Path) -> Iterator[str]:
    """Yield one line for each kind of knowledge in a folder; raises KnowledgeError when any of it is wrong."""
    known, files = load(folder), shelf(folder)
    trust, letters = _marks(folder)
    for kind, counts in _kinds(known, files):
        yield _line(kind, counts)
    yield _line("codes", {"in all": sum(trust.values()), **dict(sorted(trust.items()))})
    yield _line("citations", {"in all": sum(letters.values()), **{letter.value: letters[letter] for letter in Letter}})
    yield f"{'version':15}{known.book.version}"


def _line(kind: str, counts: dict[str, int]) -> str:
    return f"{kind:15}{', '.join(f'{name} {number}' for name, number in counts.items())}"


def told(error: KnowledgeError, folder: Path) -> str:
    """Return an error as `file:line: problem`, the file as a path from where the folder stands."""
    # A bare file name would not say which uk.yaml is meant.
    inside = error.file.is_relative_to(folder)
    file = Path(folder.name) / error.file.relative_to(folder) if inside else error.file
    return f"{file.as_posix()}:{error.line}: {error.problem}"


def _kinds(known: Knowledge, files: Shelf) -> Iterator[tuple[str, dict[str, int]]]:
    book, regimens = known.book, [line for file in files.regimens for line in file.content.regimens]
    findings = [line for file in files.findings for line in file.content.findings]
    of_causes = [line for file in files.causes for line in file.content.findings]
    yield "sources", {"documents": len(book.sources), "places of codes": len(files.sources.content.codes)}
    yield "findings", {"files": len(files.findings), "findings": len(findings) + len(of_causes)}
    yield "tests", {"tests": len(files.analytes.content.analytes), "codes": len(known.index.tests)}
    medicines = sum(len(cause.ingredients) for cause in book.causes.values())
    yield "causes", {"files": len(files.causes), "medicines": medicines}
    steps = sum(len(line.steps) for line in regimens)
    yield "regimens", {"files": len(files.regimens), "regimens": len(regimens), "steps": steps}
    products = sum(len(file.content.products) for file in files.products)
    yield "products", {"files": len(files.products), "products": products}
    own = sum(len(file.content.limits) for file in files.protocols)
    yield "limits", {"shared": len(files.common.content.limits), "of one protocol": own}
    rows = sum(len(protocol.table) for protocol in book.protocols.values())
    yield "protocols", {"files": len(files.protocols), "rows": rows}
    yield "conflicts", {"conflicts": len(book.conflicts)}
    yield "investigations", {"tests": len(book.investigations)}
    yield "wording", {"sentences": len(book.wording.sentences)}
    yield "quieting", {"reasons": len(book.quieting.reasons)}
    yield "calendar", {"checks": len(book.calendar.checks), "intervals": len(book.calendar.intervals)}


def _marks(folder: Path) -> tuple[Counter[str], Counter[Letter]]:
    """Return how many codes there are of each trust, and how many citations of each letter."""
    trust: Counter[str] = Counter()
    letters: Counter[Letter] = Counter()
    for file in sorted(folder.rglob("*.yaml")):
        for line in _mappings(read(file).value):
            if "trust" in line:
                trust[line["trust"]] += 1
            if "letter" in line:
                letters[Letter(line["letter"])] += 1
    return trust, letters


def _mappings(value: object) -> Iterator[dict[str, str]]:
    """Yield every mapping in a value, however deep."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _mappings(child)
