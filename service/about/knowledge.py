"""The knowledge book as HTML: its headings and sources can be linked to, and nothing of it is taken for markup."""

from __future__ import annotations

import gzip
import re
from functools import cache
from itertools import pairwise
from threading import Lock

from markdown_it import MarkdownIt

from service.knowledge.book import page

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
#: The one kind of markup that the book has: the place of a source.
_PLACE = re.compile(r"&lt;a id=&quot;([a-z0-9.-]+)&quot;&gt;&lt;/a&gt;")
_NOT_A_WORD = re.compile(r"[^\w\- ]")
_ONCE = Lock()


def html() -> str:
    """Return the book; made once, which takes seconds. Raises KnowledgeError."""
    with _ONCE:
        return _html()


@cache
def _html() -> str:
    tokens = _MARKDOWN.parse(_COMMENT.sub("", page()))
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _slug(inner.content))
        elif token.type == "table_open":
            token.attrJoin("class", "table table-sm")
    drawn: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return _PLACE.sub(r'<a id="\1"></a>', drawn)


def _slug(heading: str) -> str:
    """Return the name that a heading is linked to by, as the book's own links have it."""
    return _NOT_A_WORD.sub("", heading.lower()).replace(" ", "-")


def packed(text: str) -> bytes:
    """Return a page as it is sent to who takes gzip."""
    return gzip.compress(text.encode(), 6, mtime=0)
