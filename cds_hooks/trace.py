"""What is kept of a call: which service, how it ended, how long it took; no patient, and no token."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from traceback import walk_tb
from uuid import uuid4

from cds_hooks.errors import MissingPrefetch, Refusal

log = logging.getLogger("cds_hooks")

_FRAMES = 8


@dataclass(slots=True)
class Trace:
    """One call as its log line tells it; `id` is the correlation id a caller may quote."""

    service: str = "unknown"
    id: str = field(default_factory=lambda: str(uuid4()))
    states: Mapping[str, str] = field(default_factory=dict)
    cards: int = 0
    silent: bool = False
    """Whether the cards were made and not sent."""
    laps: list[tuple[str, float]] = field(default_factory=list)
    _started: float = field(default_factory=perf_counter)

    def lap(self, step: str) -> None:
        """Note that a step of the call has ended."""
        self.laps.append((step, self.elapsed() - sum(ms for _, ms in self.laps)))

    def refused(self, refusal: Refusal) -> None:
        """Keep the prefetch states of a call that was refused for them."""
        if isinstance(refusal, MissingPrefetch):
            self.states = refusal.states

    def failed(self, fault: BaseException) -> None:
        """Log a fault's type and place, never its message: that may quote the record."""
        places = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(fault.__traceback__)]
        log.error("call=%s fault=%s at=%s", self.id, type(fault).__qualname__, ">".join(places[-_FRAMES:]))

    def broke(self, invariants: Sequence[str]) -> None:
        """Log the invariants that an answer breaks."""
        log.error("call=%s breaks=%s", self.id, ",".join(invariants))

    def close(self, status: int) -> None:
        """Write the one line of the call."""
        states = ",".join(f"{key}:{state}" for key, state in self.states.items())
        log.info(
            "call=%s service=%s status=%d cards=%d%s ms=%.1f prefetch=%s",
            self.id,
            self.service,
            status,
            self.cards,
            " silent" if self.silent else "",
            self.elapsed(),
            states or "-",
        )

    @property
    def server_timing(self) -> str:
        """The steps as a Server-Timing header, in milliseconds."""
        return ", ".join(f"{step};dur={ms:.1f}" for step, ms in [*self.laps, ("total", self.elapsed())])

    def elapsed(self) -> float:
        """Return the milliseconds since the call came in."""
        return (perf_counter() - self._started) * 1000
