"""Feedback on disk before it is acknowledged, each event once, and matched with the card it answers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, select, update

from cds_hooks.feedback import Feedback
from service.domain.quieting import Answer
from service.store.database import Database
from service.store.rows import restored
from service.store.tables import FeedbackRow, Shown

_FEW = 500
_ANSWERED = (
    select(
        FeedbackRow.at,
        FeedbackRow.received,
        FeedbackRow.outcome,
        FeedbackRow.reason,
        FeedbackRow.reason_system,
        Shown.card,
        Shown.matter,
        Shown.key_id,
        Shown.user_hash,
        Shown.standing,
    )
    .join(Shown, Shown.id == FeedbackRow.shown_id)
    .where(
        FeedbackRow.patient_hash.in_(bindparam("patients", expanding=True)), FeedbackRow.client == bindparam("client")
    )
)


@dataclass(frozen=True, slots=True)
class Answered:
    """A clinician's answer to a card of a patient, with what is needed to compare then and now."""

    answer: Answer
    card: str
    matter: str
    key_id: int


def keep(database: Database, service: str, items: Iterable[Feedback], client: str) -> int:
    """Write feedback and return how many events are new; when it returns they are on disk. Raises StoreError."""
    received = datetime.now(UTC)
    rows = {row["event"]: row for row in (_row(service, item, client, received) for item in items)}
    if not rows:
        return 0
    new = 0
    with database.writing() as connection:
        # In one order for all, so that two that write the same events never wait for each other.
        for _, row in sorted(rows.items()):
            written = database.insert(FeedbackRow).values(row).on_conflict_do_nothing(index_elements=["event"])
            new += connection.execute(written.returning(FeedbackRow.id)).first() is not None
    match(database, {row["card"] for row in rows.values()})
    return new


def match(database: Database, cards: Collection[str]) -> None:
    """Tie the feedback on these cards to what was shown; raises StoreError.

    Whoever writes either calls this after its commit: the later of the two sees both.
    """
    for some in _unmatched(database, sorted(cards)):
        found = (
            select(FeedbackRow.id, Shown.id.label("shown_id"), Shown.patient_hash)
            .join(Shown, (Shown.card == FeedbackRow.card) & (Shown.client == FeedbackRow.client))
            .where(FeedbackRow.card.in_(some), FeedbackRow.unmatched, Shown.delivery == "shown")
            .order_by(Shown.id)
        )
        with database.reading() as connection:
            pairs = {row.id: (row.shown_id, row.patient_hash) for row in connection.execute(found)}
        if not pairs:
            continue
        with database.writing() as connection:
            for feedback, (shown, patient) in sorted(pairs.items()):
                tied = update(FeedbackRow).where(FeedbackRow.id == feedback)
                connection.execute(tied.values(shown_id=shown, patient_hash=patient, unmatched=False))


def _unmatched(database: Database, cards: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield those cards, a few at a time, on which there is feedback to be tied: mostly none."""
    for start in range(0, len(cards), _FEW):
        asked = select(FeedbackRow.card).where(FeedbackRow.card.in_(cards[start : start + _FEW]), FeedbackRow.unmatched)
        with database.reading() as connection:
            waiting = sorted(set(connection.scalars(asked)))
        if waiting:
            yield waiting


def answered(database: Database, patients: Collection[str], client: str) -> list[Answered]:
    """Return every answer about a patient, known by one hash for each key: one indexed query. Raises StoreError."""
    with database.reading() as connection:
        found = connection.execute(_ANSWERED, {"patients": list(patients), "client": client})
        return [_answered(row) for row in found]


def _answered(row: Any) -> Answered:
    answer = Answer(
        # A client's clock may be ahead; nothing is answered after it was received.
        at=min(row.at, row.received),
        accepted=row.outcome == "accepted",
        then=restored(row.standing),
        system=row.reason_system,
        reason=row.reason,
        user=row.user_hash,
    )
    return Answered(answer, row.card, row.matter, row.key_id)


def _row(service: str, item: Feedback, client: str, received: datetime) -> dict[str, Any]:
    """Return the columns of one event."""
    what = [
        client,
        service,
        item.card,
        item.outcome.value,
        item.at.astimezone(UTC).isoformat(),
        sorted(item.suggestions),
    ]
    return {
        "event": hashlib.sha256(json.dumps(what).encode()).hexdigest(),
        "received": received,
        "at": item.at,
        "client": client,
        "service": service,
        "card": item.card,
        "outcome": item.outcome.value,
        "suggestions": list(item.suggestions),
        "reason": item.reason.code if item.reason else None,
        "reason_system": item.reason.system if item.reason else None,
        "comment": item.comment,
        "unmatched": True,
    }
