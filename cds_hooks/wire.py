"""What travels: request, response, card, suggestion, action, link, in the specification's own names.

An optional element without a value is left out of the JSON, whatever emptiness it was given (A3, A4).
Only `cards` is sent when it is empty.
"""

from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar

import msgspec

Token = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+$")]
"""A bearer token: visible ASCII only, so that it cannot smuggle a header."""


class Indicator(StrEnum):
    """How urgent a card is (F4)."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class SelectionBehavior(StrEnum):
    """How many suggestions of a card may be taken (F7)."""

    AT_MOST_ONE = "at-most-one"
    ANY = "any"


class ActionType(StrEnum):
    """What an action does to its resource (F20)."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class ActionSelection(StrEnum):
    """How many actions of a suggestion may be taken (F19): for clients that are known to understand it."""

    ALL = "all"
    ANY = "any"
    AT_MOST_ONE = "at-most-one"


class LinkType(StrEnum):
    """Whether a link is opened as it is, or launched as a SMART app (F24)."""

    ABSOLUTE = "absolute"
    SMART = "smart"


class FhirAuthorization(msgspec.Struct, frozen=True, kw_only=True):
    """The client's permission to read its FHIR server during this call, never shown (D5, D15)."""

    access_token: Token
    token_type: str
    expires_in: int
    scope: str
    subject: str
    patient: str | None = None

    def __repr__(self) -> str:
        return "FhirAuthorization(hidden)"


class HookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of one service; context and prefetch stay undecoded until something reads them (D2-D8).

    A service that declares what its pages are (`cds_hooks.prefetch.TypedPages`) finds those in `prefetch`.
    """

    hook: str
    hookInstance: str = ""
    context: msgspec.Raw
    fhirServer: str | None = None
    fhirAuthorization: FhirAuthorization | None = None
    prefetch: dict[str, Any] | None = None
    extension: dict[str, msgspec.Raw] | None = None

    def __repr__(self) -> str:
        return f"HookRequest(hook={self.hook!r}, hookInstance={self.hookInstance!r})"


def request_decoder(value: Any) -> msgspec.json.Decoder[HookRequest]:
    """Return a decoder of requests whose prefetched values are of this type."""
    prefetch = ("prefetch", dict[str, value] | None, None)
    typed = msgspec.defstruct("HookRequest", [prefetch], bases=(HookRequest,), frozen=True, kw_only=True)
    return msgspec.json.Decoder(typed)


@cache
def _defaults(element: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Each field with its default; a required field has `NODEFAULT`."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(element))


class _Element(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An element of a response: an empty optional is absent, an empty required one cannot exist."""

    may_be_empty: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for value in msgspec.structs.astuple(self):
            if not value and value is not None and value is not False:
                self._leave_out_what_is_empty()
                return

    def _leave_out_what_is_empty(self) -> None:
        for name, default in _defaults(type(self)):
            value = getattr(self, name)
            if value or value is default or value not in ("", (), [], {}) or name in self.may_be_empty:
                continue
            if default is msgspec.NODEFAULT:
                raise ValueError(f"{type(self).__name__}.{name} is required, and empty")
            msgspec.structs.force_setattr(self, name, default)


class Coding(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """One code of one system (F28)."""

    system: str
    code: str
    display: str | None = None


class Source(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """The primary source of a card's guidance (F11-F14)."""

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None


class Action(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one resource (F20-F23); a resource already encoded may be given as `Raw`."""

    type: ActionType
    description: str
    resource: dict[str, Any] | msgspec.Raw | None = None
    resourceId: str | None = None
    extension: dict[str, Any] | None = None


class Suggestion(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """A set of actions that are taken together (F15-F18)."""

    label: str
    uuid: str | None = None
    isRecommended: bool = False
    actionSelectionBehavior: ActionSelection | None = None
    actions: tuple[Action, ...] = ()
    extension: dict[str, Any] | None = None


class Link(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """A page or a SMART app to go on with (F24-F26)."""

    label: str
    url: str
    type: LinkType
    appContext: str | None = None
    autolaunchable: bool = False
    extension: dict[str, Any] | None = None


class Card(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """One piece of advice (F1-F10)."""

    summary: str
    indicator: Indicator
    source: Source
    uuid: str | None = None
    detail: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    selectionBehavior: SelectionBehavior | None = None
    overrideReasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    extension: dict[str, Any] | None = None


class Response(_Element, frozen=True, kw_only=True, omit_defaults=True):
    """The answer: `cards` always, though there be none; `systemActions` only when there are some (E1-E3)."""

    may_be_empty: ClassVar[frozenset[str]] = frozenset({"cards"})

    cards: tuple[Card, ...]
    systemActions: tuple[Action, ...] = ()
    extension: dict[str, Any] | None = None
