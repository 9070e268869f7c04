"""Rows and events for the tests, each with only what the test is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from cds_hooks.feedback import Feedback, Outcome, Reason
from service.domain.quieting import Standing
from service.store.database import Database
from service.store.keys import KeyRing
from service.store.rows import ShownCard, stored
from service.store.writer import Writer

SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERVICE = "b12-patient-view"


def shown(keys: KeyRing, **changes: object) -> ShownCard:
    """A treatment card that was shown to a clinician of the client `ehr`."""
    key = keys.newest
    card = ShownCard(
        at=NOW,
        card=str(uuid4()),
        matter="treatment",
        delivery="shown",
        because=None,
        client="ehr",
        service=SERVICE,
        hook="patient-view",
        key_id=key.id,
        patient_hash=key.of("patient", "one"),
        user_hash=key.of("user", "doctor"),
        rule="K2",
        protocol="us-aafp",
        protocol_version="2017.1",
        rule_set="0123456789ab",
        indicator="warning",
        regimen="US-ORAL",
        latency_ms=3.2,
        standing=stored(Standing(plan="US-ORAL")),
    )
    return replace(card, **changes)  # type: ignore[arg-type]


def put(database: Database, *cards: ShownCard) -> None:
    """Write cards as the service does."""
    writer = Writer(database)
    writer.put(cards)
    writer.close()


def overridden(card: str, reason: str = "patient-refuses", **changes: object) -> Feedback:
    given = {"card": card, "outcome": Outcome.OVERRIDDEN, "at": NOW, "reason": Reason(code=reason, system=SYSTEM)}
    return Feedback(**(given | changes))  # type: ignore[arg-type]


def accepted(card: str, *suggestions: str, at: datetime = NOW) -> Feedback:
    return Feedback(card=card, outcome=Outcome.ACCEPTED, at=at, suggestions=suggestions or ("s-1",))


def days(number: int) -> timedelta:
    return timedelta(days=number)
