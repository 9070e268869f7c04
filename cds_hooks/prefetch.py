"""Prefetch: the templates a service declares, what may be had under each, and the way to ask for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from cds_hooks.context import Context

URL_LIMIT = 1900
"""Longer queries are known to fail in clients and in proxies."""

_KEY = re.compile(r"(?!resourceType$)[a-z][A-Za-z0-9]*")
_DAY = re.compile(r"\{\{today\(\)(?: ([-+]) (\d{1,5}) days)?\}\}")
_TOKEN = re.compile(r"\{\{context\.([A-Za-z]+)\}\}")
_URL = re.compile(r"[A-Z][A-Za-z]+(/[A-Za-z0-9\-.]+|\?[!-~]+)")
_READ_TYPE = re.compile(r"([A-Z][A-Za-z]+)/")


@dataclass(frozen=True, slots=True)
class Template:
    """A relative FHIR read or search with 2.0 tokens only (CDS Hooks: Prefetch Template; C2-C5, 1.9).

    With a clock, `today`, it may also hold the relative dates of 3.0 (C6): for clients that are known to read them.
    Raises `ValueError` for a template that some client is known to resolve wrongly.
    """

    key: str
    url: str
    today: Callable[[], date] | None = field(default=None, compare=False)
    read_type: str | None = field(init=False, compare=False, default=None)
    """The type of the one resource a read template names, where the template itself names it."""
    is_search: bool = field(init=False, compare=False, default=False)
    """Whether the answer is a searchset, and so may rightly be empty."""

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"prefetch key {self.key!r} is not a camelCase name")
        if len(self.url) > URL_LIMIT:
            raise ValueError(f"{self.key}: {len(self.url)} characters, more than {URL_LIMIT}")
        example = self._filled({name: "Type/id" if name == "userId" else "id" for name in self.tokens})
        if "{" in example or "}" in example:
            raise ValueError(f"{self.key}: only {{{{context.<field>}}}} is a token in CDS Hooks 2.0")
        if not _URL.fullmatch(example) or "#" in example:
            raise ValueError(f"{self.key}: not a relative FHIR read or search")
        # A client may merge a repeated parameter into one comma list, which turns AND into OR.
        names = [pair.partition("=")[0].partition(":")[0] for pair in example.partition("?")[2].split("&")]
        if len(names) != len(set(names)):
            raise ValueError(f"{self.key}: a parameter is repeated")
        read = _READ_TYPE.match(self.url)
        object.__setattr__(self, "read_type", read[1] if read else None)
        object.__setattr__(self, "is_search", "?" in self.url)

    @property
    def tokens(self) -> frozenset[str]:
        """The context fields the template needs."""
        return frozenset(_TOKEN.findall(self.url))

    def path(self, context: Context) -> str | None:
        """Fill in the tokens, or None when the context lacks one."""
        return self._filled(context.tokens) if self.tokens <= context.tokens.keys() else None

    def _filled(self, values: Mapping[str, str]) -> str:
        filled = _TOKEN.sub(lambda token: values[token[1]], self.url)
        return filled if self.today is None else _dated(filled, self.today())


def _dated(url: str, today: date) -> str:
    """Fill in the relative dates."""

    def day(token: re.Match[str]) -> str:
        days = int(token[2] or 0)
        return (today + timedelta(days=-days if token[1] == "-" else days)).isoformat()

    return _DAY.sub(day, url)


class State(StrEnum):
    """How a prefetch key stands once everything was tried."""

    SENT = "sent"
    FETCHED = "fetched"
    NONE = "none"
    """Looked for, and none found: knowledge, not absence of it (C15)."""
    FAILED = "failed"
    """Not known: neither sent nor to be fetched, or an error was reported."""


class Prefetched(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known under one key; `why` says in a few words, without identifiers, what was not had."""

    key: str
    state: State
    resources: tuple[Any, ...] = ()
    why: str | None = None
    truncated: bool = False

    def __repr__(self) -> str:
        """Tell how the key stands, without what is in the record."""
        return f"Prefetched({self.key}: {self.state}, {self.why}, truncated={self.truncated})"


class Page(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One Bundle page, or one resource: the resources read, where the next page is, or why there is none.

    `kind` is the resourceType of the Bundle or the one resource, `id` the id of the one resource.
    `failure` is for an OperationOutcome; its words are shown and must not identify a patient.
    """

    kind: str | None = None
    id: str | None = None
    resources: tuple[Any, ...] = ()
    next: str | None = None
    failure: str | None = None

    def __repr__(self) -> str:
        """Tell what kind of page it is, without what is in the record."""
        return f"Page({self.kind}, failure={self.failure})"


PageReader = Callable[[bytes | msgspec.Raw], Page]
"""Decodes a Bundle, a resource or an OperationOutcome; raises `ValueError` for anything else."""


@dataclass(frozen=True, slots=True)
class TypedPages:
    """What a prefetched value is when all is well, so that a whole request is decoded in one go.

    `page_of` makes a page of such a value and of the body that it came in. A request of which any value is of
    another type is decoded again, one value at a time, by the `PageReader`.
    """

    type: Any
    page_of: Callable[[Any, bytes], Page]


class FetchFailed(Exception):
    """One FHIR answer could not be had; `why` holds no URL, no identifier and no token."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Fetch(Protocol):
    """Gets one page from a FHIR server."""

    def __call__(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        """Return the body of `path`, relative to `server` or an absolute link below it.

        `deadline` is a reading of `time.monotonic`. Raises `FetchFailed`.
        """
