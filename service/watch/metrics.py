"""Counts and times for Prometheus: a call only leaves a note, and a thread behind the calls adds the notes up.

With several workers each writes into files of one folder, and whichever is asked adds all of them up.
"""

from __future__ import annotations

import os
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Lock, Thread
from time import sleep

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from cds_hooks.trace import Trace
from service.watch.exposed import FOLDER

#: Seconds between two additions.
ADD_SECONDS = 1.0
#: Notes that wait; more than these are not counted.
LIMIT = 200_000

_CALL_SECONDS = tuple(0.001 * 2**doubled for doubled in range(14))
_REPLAY = "replay"

_Call = tuple[str, str, int, float, Mapping[str, str], str | None, str | None]
_Cards = tuple[str, str, bool, tuple[str, ...]]
_Asked = tuple[str, str, float]


class Metrics:
    """What is counted in this process; a `cds_hooks.correlation.Watch`.

    `waiting` says how many rows the store holds.
    """

    def __init__(self, waiting: Callable[[], int] | None = None) -> None:
        self._folder = os.environ.get(FOLDER)
        self._registry = CollectorRegistry()
        self._waiting = waiting
        self._calls: deque[_Call] = deque(maxlen=LIMIT)
        self._cards: deque[_Cards] = deque(maxlen=LIMIT)
        self._asked: deque[_Asked] = deque(maxlen=LIMIT)
        self._adding, self._starting = Lock(), Lock()
        self._process = 0
        registry = self._registry
        self._ended = Counter(
            "b12_cds_calls", "Calls and feedback that were answered", ["service", "kind", "status"], registry=registry
        )
        self._seconds = Histogram(
            "b12_cds_call_seconds",
            "From the first byte of a call to its answer",
            ["service", "kind"],
            buckets=_CALL_SECONDS,
            registry=registry,
        )
        self._said = Counter(
            "b12_cds_cards",
            "Cards by the rule they rest on; `silent` ones were made and not sent",
            ["service", "rule", "indicator", "said"],
            registry=registry,
        )
        self._states = Counter(
            "b12_cds_prefetch", "How each prefetch key was had", ["service", "key", "state"], registry=registry
        )
        self._refusals = Counter(
            "b12_cds_refusals", "Calls that were refused, and why", ["service", "why"], registry=registry
        )
        self._replays = Counter("b12_cds_replays", "Tokens that were used before", registry=registry)
        self._faults = Counter(
            "b12_cds_faults", "Faults of our own, by their type", ["service", "fault"], registry=registry
        )
        self._upstream = Histogram(
            "b12_cds_upstream_seconds",
            "Queries to FHIR servers, by how they ended",
            ["server", "outcome"],
            buckets=_CALL_SECONDS,
            registry=registry,
        )
        self._queue = Gauge(
            "b12_cds_store_waiting",
            "Rows that wait to be written",
            multiprocess_mode="livesum",
            registry=registry,
        )

    def ended(self, trace: Trace, status: int) -> None:
        """Note a call that ended."""
        self._calls.append(
            (trace.service, trace.kind, status, trace.elapsed(), trace.states, trace.refusal, trace.fault)
        )
        if self._process != os.getpid():
            self._start()

    def said(self, service: str, rule: str, silent: bool, indicators: tuple[str, ...]) -> None:
        """Note the cards of one answer."""
        self._cards.append((service, rule, silent, indicators))

    def asked(self, server: str, outcome: str, seconds: float) -> None:
        """Note a query to a FHIR server."""
        self._asked.append((server, outcome, seconds))

    def text(self) -> bytes:
        """Return all counts of all workers, as Prometheus reads them."""
        self.add()
        if self._folder is None:
            return generate_latest(self._registry)
        _forget_the_dead(Path(self._folder))
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def add(self) -> None:
        """Add up what was noted until now."""
        with self._adding:
            self._add_calls([self._calls.popleft() for _ in range(len(self._calls))])
            self._add_cards([self._cards.popleft() for _ in range(len(self._cards))])
            for server, outcome, seconds in [self._asked.popleft() for _ in range(len(self._asked))]:
                self._upstream.labels(server, outcome).observe(seconds)
            if self._waiting is not None:
                self._queue.set(self._waiting())

    def _add_calls(self, calls: list[_Call]) -> None:
        ended: Tally[tuple[str, str, str]] = Tally()
        states: Tally[tuple[str, str, str]] = Tally()
        for service, kind, status, ms, had, refusal, fault in calls:
            ended[service, kind, str(status)] += 1
            self._seconds.labels(service, kind).observe(ms / 1000)
            for key, state in had.items():
                states[service, key, state] += 1
            if refusal is not None:
                self._refusals.labels(service, refusal).inc()
                if refusal == _REPLAY:
                    self._replays.inc()
            if fault is not None:
                self._faults.labels(service, fault).inc()
        for labels, count in ended.items():
            self._ended.labels(*labels).inc(count)
        for labels, count in states.items():
            self._states.labels(*labels).inc(count)

    def _add_cards(self, answers: list[_Cards]) -> None:
        cards: Tally[tuple[str, str, str, str]] = Tally()
        for service, rule, silent, indicators in answers:
            for indicator in indicators:
                cards[service, rule, indicator, "silent" if silent else "yes"] += 1
        for labels, count in cards.items():
            self._said.labels(*labels).inc(count)

    def _start(self) -> None:
        """Start adding up in this process, where others must see what is counted here."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._process = os.getpid()
            if self._folder is not None:
                Thread(target=self._go_on, name="metrics", daemon=True).start()
                Finalize(None, self.add, exitpriority=5)

    def _go_on(self) -> None:
        while True:
            sleep(ADD_SECONDS)
            self.add()


def _forget_the_dead(folder: Path) -> None:
    """Take out what workers that are gone said of the moment; their counts stay."""
    for file in folder.glob("gauge_live*_*.db"):
        process = int(file.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            with suppress(FileNotFoundError):
                mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]
        except PermissionError:
            continue
