"""The whole answer for one patient: the decision, its JSON, its cards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from cds_hooks.wire import Card
from service.cards import Address, cards_of
from service.cards.compose import EXTENSION
from service.consult import Consultant
from service.contract import assessment, carried
from service.domain.decision import Decision
from service.domain.draft import Drafts, Stage
from service.domain.protocol import Protocol
from service.fhir.pages import Item, original


class Answer(Struct, frozen=True):
    """What was decided, in the shapes that are sent."""

    decision: Decision
    assessment: dict[str, Any]
    extension: dict[str, Any]
    cards: tuple[Card, ...]
    drafts: tuple[Drafts, Stage] | None = None
    """The unsigned orders that were looked at, and where in the work."""


def respond(
    using: Consultant,
    items: Sequence[Item],
    protocol: Protocol,
    today: date,
    *,
    patient_id: str | None = None,
    seed: str | None = None,
    encounter: str | None = None,
    unchecked: tuple[str, ...] = (),
) -> Answer:
    """Return the answer; raises OtherPatient when the resources are not one patient's.

    The seed makes the ids: the same request gives the same bytes.
    """
    decision = using.consult(items, protocol, today, patient_id, unchecked)
    said = assessment(decision)
    extension = {EXTENSION: carried(decision, said, using.book.version)}
    patient = patient_id or decision.evidence.record.patient or "unknown"
    address = Address(
        patient=patient,
        seed=seed or f"{patient}|{protocol.id}|{today.isoformat()}",
        encounter=encounter,
        original=lambda name: original(items, name),
    )
    return Answer(decision, said, extension, cards_of(decision, using.book, address, extension))
