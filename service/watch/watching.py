"""Everything that watches one application, as its settings say; off unless set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cds_hooks.correlation import Watch, correlated
from cds_hooks.prefetch import Fetch
from cds_hooks.registry import Service
from service.settings import Settings, WrongSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from service.watch.metrics import Metrics
    from service.watch.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Watching:
    """The counts and the spans of one application, where it has any."""

    metrics: Metrics | None = None
    tracing: Tracing | None = None

    @property
    def wraps(self) -> tuple[Callable[[Service], Service], ...]:
        """Return what is put around each service."""
        if self.metrics is None:
            return ()
        from service.watch.rules import counted

        return (partial(counted, metrics=self.metrics),)

    def fetch(self, fetch: Fetch, allows: Callable[[str], bool]) -> Fetch:
        """Return a `Fetch` that is watched."""
        if self.metrics is not None:
            from service.watch.upstream import CountedFetch

            fetch = CountedFetch(fetch, allows, self.metrics)
        return fetch if self.tracing is None else self.tracing.fetch(fetch, allows)

    def around(self, application: WSGIApplication) -> WSGIApplication:
        """Return the application with every request known by name, and watched."""
        watch: list[Watch] = [each for each in (self.metrics, self.tracing) if each is not None]
        inner = application if self.tracing is None else self.tracing.around(application)
        return correlated(inner, *watch)


def watching(settings: Settings, waiting: Callable[[], int] | None = None) -> Watching:
    """Return what watches; `waiting` says how many rows the store holds. Raises WrongSettings."""
    metrics = tracing = None
    if settings.metrics is not None:
        from service.watch.metrics import Metrics

        metrics = Metrics(waiting)
    if settings.traces is not None:
        if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
            raise WrongSettings("B12_TRACES: OpenTelemetry is not installed: pip install 'b12-cds[otel]'")
        from service.watch.tracing import Tracing, exporter

        tracing = Tracing(exporter(settings.traces))
    return Watching(metrics, tracing)
