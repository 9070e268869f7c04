"""The knowledge book: one page, true to the mappings, every number with its source and letter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.knowledge.book import COMMAND, page
from service.knowledge.load import load, shelf, shipped
from service.knowledge.strict_yaml import read

COMMITTED = Path(__file__).parents[2] / "docs" / "knowledge-book.md"
PAGE = page()
FILES = sorted(shipped().rglob("*.yaml"))


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(child)


def said(text: str) -> str:
    """A page's words without the marks that keep Markdown from reading them."""
    return re.sub(r"\\(.)", r"\1", text)


def test_the_committed_book_is_that_of_the_mappings() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == PAGE, f"run: {COMMAND}"


@pytest.mark.parametrize("file", FILES, ids=[file.relative_to(shipped()).as_posix() for file in FILES])
def test_every_citation_of_every_file_stands_in_the_book_with_its_letter(file: Path) -> None:
    cites = [line["cite"] for line in mappings(read(file).value) if "cite" in line]
    words = said(PAGE)
    missing = [
        cite
        for cite in cites
        if f"[{cite['source']}](#source-{cite['source'].lower()}) {cite['letter']}"
        f"{' (' + ' '.join(cite['locator'].split()) + ')' if cite.get('locator') else ''}" not in words
    ]

    assert missing == []


def test_as_many_citations_stand_in_the_book_as_in_the_files() -> None:
    cites = [line for file in FILES for line in mappings(read(file).value) if "cite" in line]

    assert len(re.findall(r"\]\(#source-[^)]+\) [VSM]\b", PAGE)) >= len(cites) > 150


def test_every_code_stands_in_the_book_with_its_trust() -> None:
    codes = [line for file in FILES for line in mappings(read(file).value) if "trust" in line]
    missing = [c for c in codes if not re.search(rf"`{c['system']} {re.escape(c['code'])}` .*\({c['trust']}", PAGE)]

    assert missing == []


def test_every_sentence_dose_and_plan_stands_in_the_book() -> None:
    words, book = said(PAGE), load().book
    wanted = [*book.wording.sentences.values(), *book.wording.rules.values(), *book.wording.phrases.values()]
    wanted += [step.text for file in shelf(shipped()).regimens for line in file.content.regimens for step in line.steps]
    wanted += [row.why or row.none_because or "" for p in book.protocols.values() for row in p.table.values()]
    wanted += [p.says for line in shelf(shipped()).conflicts.content.conflicts for p in line.positions.values()]
    wanted += [cause.title for cause in book.causes.values()]
    wanted += [text for c in book.causes.values() for text in (c.ask, c.limitation, c.treat) if text]

    assert [text for text in wanted if " ".join(text.split()) not in words] == []


def test_every_link_inside_the_book_leads_somewhere() -> None:
    heads = {
        re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in re.findall(r"^#+ (.+)$", said(PAGE), re.M)
    }
    anchors = set(re.findall(r'<a id="([^"]+)"></a>', PAGE))
    links = set(re.findall(r"\]\(#([^)]+)\)", PAGE))

    assert links - heads - anchors == set()


def test_the_book_does_not_know_what_day_it_is() -> None:
    days = set(re.findall(r"\b20\d\d-\d\d-\d\d\b", PAGE))
    written = {day for file in FILES for day in re.findall(r"\b20\d\d-\d\d-\d\d\b", file.read_text(encoding="utf-8"))}

    assert days <= written


def test_a_cell_cannot_break_its_table() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    widths = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    heads = [place for place, row in enumerate(rows) if set(row) <= {"|", "-"}]

    assert len(heads) > 20
    for head, end in zip(heads, [*(head - 1 for head in heads[1:]), len(rows)], strict=True):
        assert set(widths[head - 1 : end]) == {widths[head]}
