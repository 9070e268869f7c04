"""Writes what was shown behind the calls: a few times a second, in one transaction, and once more at the end."""

from __future__ import annotations

import atexit
import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict
from multiprocessing.util import Finalize
from threading import Event, Lock, Thread
from time import monotonic

from sqlalchemy import Connection, insert, select

from service.store.database import Database, StoreError
from service.store.feedback import match
from service.store.rows import Asking, DataProblem, ShownCard
from service.store.tables import Asked, Problem, Shown

log = logging.getLogger("service.store")

#: Seconds that a row waits for others to be written with.
LINGER = 0.2
#: Rows that wait for a database that does not answer; what comes after them is counted and told.
LIMIT = 50_000
_BATCH = 1000
_RETRY_SECONDS = 2.0
_MINUTE = 60.0

Row = ShownCard | DataProblem | Asking


class Writer:
    """A queue and the thread that empties it; the thread starts with the first row.

    `housekeeping` is called once a minute.
    """

    def __init__(self, database: Database, housekeeping: Callable[[], None] | None = None) -> None:
        self._database = database
        self._housekeeping = housekeeping
        self._rows: deque[Row] = deque()
        self._starting, self._writing = Lock(), Lock()
        self._wake, self._ending = Event(), Event()
        self._thread: Thread | None = None
        self._process = 0
        self._lost = 0
        self._doubtful = 0
        """How many of the first rows may stand in the database: the answer to their commit never came."""

    def put(self, rows: Iterable[Row]) -> None:
        """Take rows to be written soon; never waits, never fails."""
        self._rows.extend(rows)
        while len(self._rows) > LIMIT:
            self._rows.pop()
            self._lost += 1
        if self._process != os.getpid():
            self._start()
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def flush(self) -> None:
        """Write all that waits now; raises StoreError, and then all of it still waits."""
        with self._writing:
            while self._rows:
                doubtful, self._doubtful = self._doubtful, 0
                batch = [self._rows.popleft() for _ in range(doubtful or min(_BATCH, len(self._rows)))]
                try:
                    if not (doubtful and _is_written(self._database, batch)):
                        _write(self._database, batch)
                except StoreError as error:
                    if not error.refused:
                        self._rows.extendleft(reversed(batch))
                        self._doubtful = len(batch)
                        raise
                    self._one_by_one(batch)

    def _one_by_one(self, batch: list[Row]) -> None:
        """Write a batch that was refused without the rows that are to blame."""
        for place, row in enumerate(batch):
            try:
                _write(self._database, [row])
            except StoreError as error:
                if not error.refused:
                    self._rows.extendleft(reversed(batch[place:]))
                    self._doubtful = 1
                    raise
                self._lost += 1

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._ending.set()
        self._wake.set()
        if self._thread is not None and self._process == os.getpid():
            self._thread.join(10)
        try:
            self.flush()
        except StoreError as error:
            log.error("%d rows are lost: %s", len(self._rows), error)
            self._rows.clear()
            self._doubtful = 0
        atexit.unregister(self.close)

    def _start(self) -> None:
        """Start the thread in this process: a worker that was forked has none."""
        with self._starting:
            if self._process == os.getpid():
                return
            self._wake, self._ending, self._writing = Event(), Event(), Lock()
            self._thread = Thread(target=self._run, name="store-writer", daemon=True)
            self._process = os.getpid()
            self._thread.start()
            atexit.register(self.close)
            # A worker of a server that forks ends without the interpreter's own end.
            Finalize(None, self.close, exitpriority=10)

    def _run(self) -> None:
        tidied = monotonic() - _MINUTE
        while not self._ending.is_set():
            self._wake.wait(_MINUTE)
            self._wake.clear()
            self._ending.wait(LINGER)
            try:
                self.flush()
                if self._housekeeping is not None and monotonic() - tidied >= _MINUTE:
                    tidied = monotonic()
                    self._housekeeping()
            except StoreError as error:
                log.error("%d rows wait: %s", len(self._rows), error)
                self._ending.wait(_RETRY_SECONDS)
                self._wake.set()
            # A thread that dies would keep nothing more; what failed is told by its type, never by its words.
            except Exception as fault:
                log.error("the writer failed: %s", type(fault).__qualname__)
            if self._lost:
                log.error("%d rows are lost: too many waited, or the database refused them", self._lost)
                self._lost = 0


def _is_written(database: Database, rows: Iterable[Row]) -> bool:
    """Return whether rows that were written in one transaction are there: known by the first card among them."""
    first = next((row for row in rows if isinstance(row, ShownCard)), None)
    if first is None:
        return False
    wanted = select(Shown.id).where(Shown.card == first.card, Shown.at == first.at)
    with database.reading() as connection:
        return connection.execute(wanted).first() is not None


def _write(database: Database, rows: Iterable[Row]) -> None:
    """Write rows in one transaction, then match them with feedback that came before them."""
    shown: list[ShownCard] = []
    counts: Counter[DataProblem | Asking] = Counter()
    for row in rows:
        if isinstance(row, ShownCard):
            shown.append(row)
        else:
            counts[row] += 1
    with database.writing() as connection:
        if shown:
            connection.execute(insert(Shown), [card.row() for card in shown])
        # In one order for all, so that two that count the same never wait for each other.
        for row, count in sorted(counts.items(), key=lambda each: _place(each[0])):
            _count(database, connection, row, count)
    match(database, {card.card for card in shown})


def _count(database: Database, connection: Connection, row: DataProblem | Asking, count: int) -> None:
    """Add to the row of this day and kind, which is made by whoever needs it first."""
    table: type[Problem | Asked] = Problem if isinstance(row, DataProblem) else Asked
    wanted = database.insert(table).values(**asdict(row), count=count)
    more = {"count": table.count + wanted.excluded.count}
    connection.execute(wanted.on_conflict_do_update(index_elements=list(row.__slots__), set_=more))


def _place(row: DataProblem | Asking) -> tuple[str, ...]:
    return type(row).__name__, *(str(getattr(row, name)) for name in row.__slots__)
