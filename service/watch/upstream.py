"""Queries to FHIR servers as those who run the service see them: to which host, how long, how they ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from cds_hooks.prefetch import Fetch, FetchFailed
from cds_hooks.servers import Address
from service.watch.metrics import Metrics

OK = "ok"


@dataclass(frozen=True, slots=True)
class CountedFetch:
    """A `Fetch` whose queries are counted; `allows` says which servers are ours to name."""

    fetch: Fetch
    allows: Callable[[str], bool]
    metrics: Metrics

    def __call__(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        """Fetch as the `Fetch` inside does; raises `FetchFailed`."""
        if not self.allows(server):
            return self.fetch(server, path, token, deadline)
        began, outcome = perf_counter(), OK
        try:
            return self.fetch(server, path, token, deadline)
        except FetchFailed as failed:
            outcome = failed.why
            raise
        finally:
            self.metrics.asked(Address.parse(server).host, outcome, perf_counter() - began)
