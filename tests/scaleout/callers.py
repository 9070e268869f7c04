"""EHRs that call either service, and send what was not acknowledged again to the other."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

from tests.cds_hooks.tokens import claims, token
from tests.e2e.chart import low_b12
from tests.e2e.running import SERVICE

from .machines import BASE

FEEDBACK = f"{SERVICE}/feedback"
_SECONDS = 4.0
_TRIES = 40
Json = dict[str, Any]


def signed(path: str, **more: Any) -> str:
    """A client's token for one call, of its own id."""
    return token(claims(path, aud=BASE + path, **more))


def post(address: str, path: str, body: Json, given: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {given or signed(path)}"}
    return requests.post(f"{address}{path}", json=body, headers=headers, timeout=_SECONDS)


def chart(patient: str) -> Json:
    """The call of one opened chart: a low B12 of this patient."""
    request = low_b12(hookInstance=str(uuid4()))
    request["context"]["patientId"] = patient
    request["prefetch"]["patient"]["id"] = patient
    request["prefetch"]["b12"]["entry"][0]["resource"]["subject"]["reference"] = f"Patient/{patient}"
    return request


def overridden(card: Json, at: datetime | None = None) -> Json:
    """The answer that the patient refuses."""
    reason = card["overrideReasons"][2]
    said = {"card": card["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}}
    return said | {"outcomeTimestamp": (at or datetime.now(UTC)).isoformat()}


@dataclass
class Seen:
    """What callers saw: cards that were said, feedback that was acknowledged, and how often they had to try."""

    said: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    given_up: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Ehr(threading.Thread):
    """Opens charts and answers cards, one after the other, until told that it is enough."""

    def __init__(self, number: int, addresses: Sequence[str], seen: Seen, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._number, self._addresses, self._seen, self._enough = number, addresses, seen, enough

    def run(self) -> None:
        turn = 0
        while not self._enough.is_set():
            turn += 1
            opened = self._until_answered(SERVICE, chart(f"pat-{self._number}-{turn}"), turn)
            if opened is None:
                continue
            cards = opened["cards"]
            with self._seen.lock:
                self._seen.said |= {card["uuid"] for card in cards}
            # The same event, whoever takes it in the end.
            event = overridden(cards[0])
            if self._until_answered(FEEDBACK, {"feedback": [event]}, turn) is not None:
                with self._seen.lock:
                    self._seen.acknowledged.add(cards[0]["uuid"])

    def _until_answered(self, path: str, body: Json, turn: int) -> Json | None:
        for attempt in range(_TRIES):
            status = 0
            try:
                answer = post(self._addresses[(turn + attempt) % len(self._addresses)], path, body)
                status = answer.status_code
            except requests.RequestException:
                pass
            with self._seen.lock:
                self._seen.statuses[status] += 1
            if status == 200:
                read: Json = answer.json()
                return read
            time.sleep(0.2)
        with self._seen.lock:
            self._seen.given_up.append(path)
        return None
