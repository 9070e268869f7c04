"""One patient's story: the chart as read, the decision, and why; kept for the few seconds that a page needs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote

from cds_hooks.completion import FOLLOWED as MEDICATIONS
from service.cards import Address, cards_of
from service.consult import Consultant
from service.domain.decision import Decision
from service.domain.protocol import Book
from service.explanation import explain
from service.explanation.trace import Trace
from service.fhir.pages import Item, original, sheet
from service.fhir.reading import unresolved_medications
from service.prefetch import MEDICINES, TITLES, templates
from service.smart.client import FhirError, NotAccepted, NotThere, Refused

Json = dict[str, Any]
#: Without these a plan could be unsafe: when one cannot be had there is no story.
NEEDED = frozenset({"patient", "b12", "bloods", "conditions", "medicationRequests", "allergies"})
#: How many Medications are read one by one.
MOST = 50
_TOKEN = "{{context.patientId}}"  # noqa: S105 - a place to fill in
_AT_ONCE = 6


class Chart(Protocol):
    """The FHIR server of a session, as far as it is read."""

    def read(self, reference: str) -> Json:
        """Return a resource."""

    def search(self, url: str) -> Json:
        """Return a searchset of all pages."""


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """What was read, what was decided, and why."""

    patient: Json
    items: tuple[Item, ...]
    decision: Decision
    trace: Trace
    book: Book
    headline: str
    urgency: str

    def original(self, name: str) -> Json | None:
        """Return a resource as the server sent it, by its `Type/id`."""
        return original(self.items, name)


def story_of(chart: Chart, patient: str, using: Consultant, protocol: str, today: date) -> Story:
    """Return the story of a patient; raises FhirError when what is needed cannot be read, OtherPatient as consult."""
    items, unchecked, person = _read(chart, patient, using)
    decision = using.consult(items, using.protocol(protocol), today, patient, unchecked)
    trace = explain(decision, using.book)
    cards = cards_of(decision, using.book, Address(patient, f"{patient}|{protocol}|{today}"), {})
    nothing = f"Nothing to do about B12 now: {trace.verdict.status.replace('-', ' ')}."
    if decision.evidence.record.deceased:
        nothing = "This patient has died: no plan is made."
    headline = cards[0].summary if cards else nothing
    return Story(person, items, decision, trace, using.book, headline, cards[0].indicator.value if cards else "info")


def _read(chart: Chart, patient: str, using: Consultant) -> tuple[tuple[Item, ...], tuple[str, ...], Json]:
    """Return the resources, what could not be had in words, and the Patient."""
    asked = {t.key: t.url.replace(_TOKEN, quote(patient, safe="")) for t in templates(using.reader.index)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(lambda key: _one(chart, key, asked[key]), asked), strict=True))
        unchecked = [TITLES[key] for key, found in answers.items() if found is None]
        person = answers["patient"] or {}
        items = [item for found in answers.values() if found is not None for item in _items(found)]
        medicines = [i for key in MEDICINES if (found := answers.get(key)) is not None for i in _items(found)]
        names = unresolved_medications(medicines)
        followed = list(pool.map(lambda name: _optional(chart.read, name), names[:MOST]))
    items += [item for found in followed if found is not None for item in _items(found)]
    if len(names) > MOST or None in followed:
        unchecked.append(TITLES[MEDICATIONS])
    return tuple(items), tuple(unchecked), person


def _one(chart: Chart, key: str, url: str) -> Json | None:
    ask = chart.read if key == "patient" else chart.search
    return ask(url) if key in NEEDED else _optional(ask, url)


def _optional(ask: Callable[[str], Json], url: str) -> Json | None:
    """Return an answer, or None where the server has it not or does not give it."""
    try:
        return ask(url)
    except (Refused, NotThere, NotAccepted):
        return None


def _items(found: Json) -> tuple[Item, ...]:
    page = sheet(json.dumps(found).encode())
    if page.failure is not None and not page.items:
        raise FhirError(page.failure)
    return page.items


class Shelf:
    """Stories for as long as one page needs them, so that its pictures do not read the chart again."""

    def __init__(self, seconds: float = 20.0, most: int = 16, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._most, self._clock = seconds, most, clock
        self._kept: dict[Hashable, tuple[float, Story]] = {}
        self._lock = Lock()

    def had(self, key: Hashable, make: Callable[[], Story], *, anew: bool = False) -> Story:
        """Return the story under a key, made if it is not there, too old, or wanted anew."""
        now = self._clock()
        with self._lock:
            self._kept = {k: v for k, v in self._kept.items() if now - v[0] < self._seconds}
            if not anew and key in self._kept:
                return self._kept[key][1]
        made = make()
        with self._lock:
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = (now, made)
        return made
