"""What clinicians did with cards: feedback in every legal shape, read and checked (CDS Hooks: Feedback; H1-H6)."""

import codecs
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

import msgspec

from cds_hooks.errors import MalformedRequest

T = TypeVar("T")

MAX_ITEMS = 1000
MAX_ID = 256
MAX_COMMENT = 4000

_INSTANT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}):(\d{2})(?:\.(\d{1,6})\d*)?(?:[Zz]|([+-])(\d{2}):(\d{2}))", re.ASCII
)


class Outcome(StrEnum):
    """What became of a card (cds-fb-1)."""

    ACCEPTED = "accepted"
    OVERRIDDEN = "overridden"


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a card was overridden; the reference client sends no display (checklist 1.10)."""

    code: str
    system: str
    display: str | None = None


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """One clinician's answer to one card; `at` is in UTC."""

    card: str
    outcome: Outcome
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: Reason | None = None
    comment: str | None = None

    def __repr__(self) -> str:
        return f"Feedback(outcome={self.outcome.value!r})"


TakeFeedback = Callable[[str, tuple[Feedback, ...], str], None]
"""Keeps what is said of the cards of a service by a client, both by name; returns when it is safe."""


class _Body(msgspec.Struct):
    feedback: list[dict[str, msgspec.Raw]]


_BODY = msgspec.json.Decoder(_Body)


def read_feedback(body: bytes) -> tuple[Feedback, ...]:
    """Read the feedback of one request: all of it, or none.

    Members that are not known are passed over, a member that is `null` counts as absent. Raises
    `MalformedRequest` (400) naming the element that is missing or wrong.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        items = _BODY.decode(body).feedback
    except msgspec.ValidationError as wrong:
        where = re.search(r"`\$\.(feedback\[\d+\])", str(wrong))
        element = where[1] if where else "feedback"
        raise MalformedRequest(f"{element} is missing or has the wrong type.", element) from None
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        raise MalformedRequest("The body is not JSON.") from None
    if len(items) > MAX_ITEMS:
        raise MalformedRequest(f"feedback holds more than {MAX_ITEMS} items.", "feedback")
    return tuple(_Item(item, f"feedback[{place}]").read() for place, item in enumerate(items))


class _Item:
    """One item, and where it stands."""

    def __init__(self, members: dict[str, msgspec.Raw], path: str) -> None:
        self._members, self._path = members, path

    def read(self) -> Feedback:
        outcome = self._outcome()
        accepted = outcome is Outcome.ACCEPTED
        reason, comment = (None, None) if accepted else self._override()
        return Feedback(
            card=self._text("card", MAX_ID),
            outcome=outcome,
            at=self._instant(),
            suggestions=self._accepted() if accepted else (),
            reason=reason,
            comment=comment,
        )

    def _outcome(self) -> Outcome:
        try:
            return Outcome(self._text("outcome", MAX_ID))
        except ValueError:
            raise self._wrong("outcome", "must be accepted or overridden (cds-fb-1)") from None

    def _instant(self) -> datetime:
        """Return the instant in UTC: an offset is understood, a time without a zone is no instant."""
        found = _INSTANT.fullmatch(self._text("outcomeTimestamp", MAX_ID))
        if found is None:
            raise self._wrong("outcomeTimestamp", "must be an instant as RFC 3339 writes it, in UTC")
        day, minute, second, fraction, sign, hours, minutes = found.groups()
        try:
            # A leap second is the last of its minute to a clock that has none.
            local = datetime.fromisoformat(f"{day}T{minute}:{'59' if second == '60' else second}")
            local += timedelta(microseconds=int((fraction or "").ljust(6, "0")))
            offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
            return (local + offset if sign == "-" else local - offset).replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self._wrong("outcomeTimestamp", "is no time that exists") from None

    def _accepted(self) -> tuple[str, ...]:
        """Return the ids of the suggestions that were taken (cds-fb-2)."""
        taken = self._as("acceptedSuggestions", list[dict[str, msgspec.Raw]])
        if not taken:
            raise self._wrong("acceptedSuggestions", "is required when the outcome is accepted (cds-fb-2)")
        paths = (f"{self._path}.acceptedSuggestions[{place}]" for place in range(len(taken)))
        ids = (_Item(one, path)._text("id", MAX_ID) for one, path in zip(taken, paths, strict=True))
        return tuple(dict.fromkeys(ids))

    def _override(self) -> tuple[Reason | None, str | None]:
        """Return the reason and the comment; an override without any is legal, an empty reason is not (cds-fb-3)."""
        given = self._as("overrideReason", dict[str, msgspec.Raw])
        if given is None:
            return None, None
        inside = _Item(given, f"{self._path}.overrideReason")
        coding, comment = inside._as("reason", dict[str, msgspec.Raw]), inside._as("userComment", str)
        if coding is None and comment is None:
            raise self._wrong("overrideReason", "must hold a reason or a userComment (cds-fb-3)")
        if coding is None:
            return None, _storable(comment)
        told = _Item(coding, f"{inside._path}.reason")
        display = told._as("display", str)
        reason = Reason(
            code=told._text("code", MAX_ID),
            system=told._text("system", MAX_ID),
            display=_storable(display, MAX_ID),
        )
        return reason, _storable(comment)

    def _text(self, name: str, longest: int) -> str:
        """Return a string that is required, not empty, and that any database can hold."""
        text = self._as(name, str)
        if not text or not text.strip():
            raise self._wrong(name, "is required")
        if len(text) > longest or "\0" in text:
            raise self._wrong(name, f"must be at most {longest} characters, and printable")
        return text

    def _as(self, name: str, kind: type[T]) -> T | None:
        """Return a member as what it must be, or None when it is absent."""
        member = self._members.get(name)
        if member is None:
            return None
        try:
            value = msgspec.json.decode(member)
            return None if value is None else msgspec.json.decode(member, type=kind)
        except (msgspec.DecodeError, RecursionError):
            raise self._wrong(name, "has the wrong type") from None

    def _wrong(self, name: str, problem: str) -> MalformedRequest:
        element = f"{self._path}.{name}"
        return MalformedRequest(f"{element} {problem}.", element)


def _storable(text: str | None, longest: int = MAX_COMMENT) -> str | None:
    """Return free text as any database can hold it."""
    return text.replace("\0", "")[:longest] or None if text else None
