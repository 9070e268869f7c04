"""Small pieces of text: what comes from a chart is escaped, and a summary always fits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from service.domain.index import Test
from service.domain.record import Result

#: The reference EHR renders markdown with raw HTML: nothing from a chart may be either.
_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+!|<>&~$:@]")
#: ASCII that may need a closer look: all of those, white space other than a blank, and what a web address begins with.
_SUSPECT = frozenset(c for c in map(chr, range(128)) if _SPECIAL.match(c) or (c.isspace() and c != " ") or c in "wW")
_HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_SIGNS = re.compile(r"[^\w .,/%^:;()'-]|_")
_WEB = re.compile(r"(www)\.", re.IGNORECASE)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SUMMARY = 139


def escaped(text: str) -> str:
    """Return chart text as it may stand in markdown: no markup, no HTML, one line."""
    # Nearly all is a number with its unit.
    if text.isascii() and _SUSPECT.isdisjoint(text) and "  " not in text and text.strip() == text:
        return text
    one_line = _SPECIAL.sub(_harmless, " ".join(text.split()))
    return _WEB.sub(r"\1\\.", one_line) if "." in one_line else one_line


def _harmless(found: re.Match[str]) -> str:
    return _HTML.get(found[0], f"\\{found[0]}")


def plain(text: str) -> str:
    """Return chart text as it may stand in a summary: words and numbers, without any sign of markup."""
    return _SIGNS.sub("", " ".join(text.split()))


@lru_cache(maxsize=4096)
def day(when: date) -> str:
    """Return a date as people read it."""
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def title_of(found: Result, tests: Iterable[Test]) -> str:
    """Return the title of the test that a result is of."""
    for test in tests:
        if test.analyte is found.analyte:
            return test.title
    raise KeyError(found.analyte)


def fitted(pieces: Iterable[str]) -> str:
    """Return as many pieces, joined in order, as a summary holds; the first always stands."""
    text = ""
    for piece in pieces:
        longer = f"{text} {piece}".strip()
        if len(longer) > SUMMARY:
            break
        text = longer
    return text or next(iter(pieces), "")[:SUMMARY]


def listed(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def capital(sentence: str) -> str:
    """Return a sentence that begins with a capital and ends with a stop."""
    whole = sentence[:1].upper() + sentence[1:]
    return whole if whole.endswith((".", "?", "!")) else whole + "."


def line(title: str, text: str) -> str:
    """Return a titled line of markdown, or nothing when there is nothing to say."""
    return f"**{title}:** {text}" if text else ""


def bullets(title: str, lines: Iterable[str]) -> str:
    """Return a titled list of markdown, each line once, or nothing when it is empty."""
    kept = "\n- ".join(dict.fromkeys(lines))
    return f"**{title}**\n\n- {kept}" if kept else ""
