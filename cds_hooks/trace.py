"""What is kept of a call: which service, how it ended, how long it took; no patient, and no token."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from traceback import walk_tb
from typing import Any

from cds_hooks.correlation import CURRENT, Exchange, new_name
from cds_hooks.errors import MissingPrefetch, Refusal, Unauthorized

log = logging.getLogger("cds_hooks")

_FRAMES = 8
_MOST_WAITING = 1000
_WAITING: dict["Trace", None] = {}
"""Calls that were answered and are not finished yet, the oldest first."""


def finish_waiting() -> None:
    """Finish every call that was answered: for a process that ends."""
    for trace in tuple(_WAITING):
        trace.finish()


@dataclass(slots=True, eq=False)
class Trace:
    """One call as its log line tells it."""

    service: str = "unknown"
    kind: str = "call"
    """`call`, or `feedback` on one."""
    states: Mapping[str, str] = field(default_factory=dict)
    cards: int = 0
    silent: bool = False
    """Whether the cards were made and not sent."""
    refusal: str | None = None
    """The kind of refusal, or what was wrong with the caller's token."""
    fault: str | None = None
    """The type of what failed."""
    laps: list[tuple[str, float]] = field(default_factory=list)
    kept: list[object] = field(default_factory=list)
    """What the call was read from and answered with: nobody waits until all of it is freed."""
    tasks: list[Callable[[], None]] = field(default_factory=list)
    """What a service left to be done when the answer is out."""
    _started: float = field(default_factory=perf_counter)
    _exchange: Exchange = field(default_factory=lambda: CURRENT.get() or Exchange(new_name()))
    _line: "_Ended | None" = None

    @property
    def id(self) -> str:
        """Return the correlation id a caller may quote."""
        return self._exchange.id

    def lap(self, step: str) -> None:
        """Note that a step of the call has ended."""
        self.laps.append((step, self.elapsed() - sum(ms for _, ms in self.laps)))

    def refused(self, refusal: Refusal) -> None:
        """Keep why a call was refused, and the prefetch states of one that was refused for them."""
        self.refusal = refusal.reason if isinstance(refusal, Unauthorized) else type(refusal).__name__
        if isinstance(refusal, MissingPrefetch):
            self.states = refusal.states

    def failed(self, fault: BaseException) -> None:
        """Log a fault's type and place, never its message: that may quote the record."""
        self.fault = type(fault).__qualname__
        places = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(fault.__traceback__)]
        log.error("call=%s fault=%s at=%s", self.id, self.fault, ">".join(places[-_FRAMES:]))

    def broke(self, invariants: Sequence[str]) -> None:
        """Log the invariants that an answer breaks."""
        log.error("call=%s breaks=%s", self.id, ",".join(invariants))

    def close(self, status: int) -> None:
        """Note how the call ended, and tell whoever watches."""
        self._line = _Ended(self, status)
        _WAITING[self] = None
        # A server that never says that an answer is out would have them wait for ever.
        if len(_WAITING) > _MOST_WAITING:
            next(iter(tuple(_WAITING))).finish()
        for watch in self._exchange.watch:
            try:
                watch.ended(self, status)
            # A count that cannot be kept must not cost an answer.
            except Exception as fault:
                log.error("call=%s watch=%s", self.id, type(fault).__qualname__)

    def finish(self) -> None:
        """Do what the answer need not wait for, once: what the service left, and the one line of the call."""
        line, self._line = self._line, None
        if line is None:
            return
        # What they hold is let go here: a task knows its call, and a call its trace.
        tasks, self.tasks = self.tasks, []
        token = CURRENT.set(self._exchange)
        try:
            while tasks:
                self._do(tasks.pop(0))
            log.info(line)
        finally:
            CURRENT.reset(token)
            _WAITING.pop(self, None)

    def _do(self, task: Callable[[], None]) -> None:
        try:
            task()
        # The answer is out and was counted: what is left is told in the log alone, and must not cost the call's line.
        except Exception as fault:
            self.failed(fault)

    @property
    def server_timing(self) -> str:
        """The steps as a Server-Timing header, in milliseconds."""
        return ", ".join(f"{step};dur={ms:.1f}" for step, ms in [*self.laps, ("total", self.elapsed())])

    def elapsed(self) -> float:
        """Return the milliseconds since the call came in."""
        return (perf_counter() - self._started) * 1000


class _Ended(dict[str, Any]):
    """The one line of a call: fields for a log that keeps fields, words for one that keeps words."""

    def __init__(self, trace: Trace, status: int) -> None:
        super().__init__(
            message="call",
            call=trace.id,
            service=trace.service,
            kind=trace.kind,
            status=status,
            cards=trace.cards,
            ms=round(trace.elapsed(), 1),
        )
        if trace.silent:
            self["silent"] = True
        if trace.refusal is not None:
            self["refusal"] = trace.refusal
        if trace.states:
            self["prefetch"] = dict(trace.states)

    def __str__(self) -> str:
        states = ",".join(f"{key}:{state}" for key, state in self.get("prefetch", {}).items())
        silent = " silent" if self.get("silent") else ""
        return (
            f"call={self['call']} service={self['service']} status={self['status']} cards={self['cards']}{silent} "
            f"ms={self['ms']:.1f} prefetch={states or '-'}"
        )
