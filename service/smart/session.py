"""Who is launched: one patient on one FHIR server, for as long as the token lasts; the browser holds an opaque id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from flask import current_app

EXTENSION = "smart"
"""Under this key of `app.extensions` stands who knows the session of a request."""


@dataclass(frozen=True, slots=True)
class Session:
    """One launch that was granted: everything a page may know of it.

    `patient` is the id of the Patient, `user` the reference of who is there (`Practitioner/1`), `scopes` what the
    server granted, `app_context` what the card's link handed over, `fhir_context` further references in context.
    """

    fhir: str
    patient: str
    user: str | None
    scopes: frozenset[str]
    app_context: Mapping[str, str]
    expires: datetime
    fhir_context: tuple[str, ...] = ()
    token: str = field(default="", repr=False)


class NoSession(Exception):
    """Nobody is launched in this browser, or not any more; shown as a page that says how to start."""


class _Knows(Protocol):
    def session(self) -> Session: ...


def current() -> Session:
    """Return the session of this request, its token renewed when that is due and allowed.

    Raises `NoSession`, which the blueprint turns into a page that says how to launch.
    """
    knows: _Knows = current_app.extensions[EXTENSION]
    return knows.session()
