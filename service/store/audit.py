"""Who was shown what, when, under which rules, and what was answered: for whoever must account for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select

from service.store.database import Database
from service.store.tables import FeedbackRow, Shown

Json = dict[str, Any]
_PAGE = 500


def audit(database: Database, since: datetime | None = None, card: str | None = None) -> Iterator[Json]:
    """Yield one entry a card, the oldest first, with the answers to it; raises StoreError.

    A clinician's free text is left out: it may name the patient.
    """
    after = 0
    while True:
        wanted = select(Shown).where(Shown.id > after).order_by(Shown.id).limit(_PAGE)
        if since is not None:
            wanted = wanted.where(Shown.at >= since)
        if card is not None:
            wanted = wanted.where(Shown.card == card)
        with database.reading() as connection:
            rows = connection.execute(wanted).all()
            ids = [row.id for row in rows]
            said = connection.execute(select(FeedbackRow).where(FeedbackRow.shown_id.in_(ids)).order_by(FeedbackRow.at))
            answers: dict[int, list[Json]] = {}
            for answer in said:
                answers.setdefault(answer.shown_id, []).append(_answer(answer))
        for row in rows:
            yield _entry(row) | {"feedback": answers.get(row.id, [])}
        if len(rows) < _PAGE:
            return
        after = ids[-1]


def unmatched(database: Database, since: datetime | None = None, card: str | None = None) -> Iterator[Json]:
    """Yield the feedback on cards that are not known here, the oldest first; raises StoreError."""
    wanted = select(FeedbackRow).where(FeedbackRow.unmatched).order_by(FeedbackRow.id)
    if since is not None:
        wanted = wanted.where(FeedbackRow.received >= since)
    if card is not None:
        wanted = wanted.where(FeedbackRow.card == card)
    with database.reading() as connection:
        rows = connection.execute(wanted).all()
    for row in rows:
        yield {"card": row.card, "client": row.client, "service": row.service, "unmatched": True} | _answer(row)


def _entry(row: Any) -> Json:
    return {
        "at": row.at.isoformat(),
        "card": row.card,
        "kind": row.matter,
        "delivery": row.delivery,
        "because": row.because,
        "client": row.client,
        "service": row.service,
        "hook": row.hook,
        "patient": row.patient_hash,
        "user": row.user_hash,
        "key": row.key_id,
        "rule": row.rule,
        "protocol": row.protocol,
        "protocolVersion": row.protocol_version,
        "ruleSet": row.rule_set,
        "indicator": row.indicator,
        "regimen": row.regimen,
        "latencyMs": row.latency_ms,
    }


def _answer(row: Any) -> Json:
    return {
        "at": row.at.isoformat(),
        "received": row.received.isoformat(),
        "outcome": row.outcome,
        "suggestions": row.suggestions,
        "reason": row.reason,
        "reasonSystem": row.reason_system,
    }
