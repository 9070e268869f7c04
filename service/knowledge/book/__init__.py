"""All knowledge as one page of Markdown that a clinician can read: each number with its source and its letter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from service.knowledge.book import codes, plans, words
from service.knowledge.load import Shelf, shelf, shipped

COMMAND = "b12-cds protocol book --output docs/knowledge-book.md"
_SECTIONS: tuple[Callable[[Shelf], Iterator[str]], ...] = (
    plans.protocols,
    plans.regimens,
    plans.products,
    plans.limits,
    codes.causes,
    codes.findings,
    codes.tests,
    codes.routes,
    words.conflicts,
    words.investigations,
    words.notices,
    words.quieting,
    words.calendar,
    words.sources,
)


def page(folder: Path | None = None) -> str:
    """Return the page of the mappings in a folder, the shipped ones unless said; raises KnowledgeError."""
    read = shelf(folder or shipped())
    lines = [*_front(read), *(line for section in _SECTIONS for line in section(read))]
    # One empty line is enough anywhere.
    kept = (line for empty, run in groupby(lines, key=lambda each: not each) for line in ([""] if empty else run))
    return "\n".join(kept).rstrip() + "\n"


def _front(read: Shelf) -> Iterator[str]:
    yield "# The knowledge book"
    yield ""
    yield f"<!-- Written by `{COMMAND}`; a test holds it to the mappings. -->"
    yield ""
    yield "All that the service knows, as it stands in `mappings/`. Every number leads to its source and carries the"
    yield "letter of its verification: V read verbatim, S read in a secondary page, M from memory or by design. A code"
    yield "is *verified* when it was seen with this meaning in the place named; *weak* and *unverified* codes are read,"
    yield "never sent out."
    yield ""
    unread = [file.content.id for file in read.protocols if file.content.reviewer is None]
    if unread:
        yield f"**No clinician has reviewed {', '.join(unread)}.**"
        yield ""
    titles = ("Protocols", "Regimens", "Products", "Limits that all protocols share", "Causes", "Findings", "Tests")
    more = (
        "Routes and words",
        "Where guidelines differ",
        "Investigations",
        "Notices",
        "Quiet after an answer",
        "Calendar",
        "Sources",
    )
    yield ", ".join(f"[{title}](#{title.lower().replace(' ', '-')})" for title in (*titles, *more)) + "."
    yield ""
