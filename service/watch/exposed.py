"""`/metrics` at an address of its own: what is said there is for those who run the service, not for its callers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from service.settings import WrongSettings, host_and_port

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from service.watch.metrics import Metrics

PATH = "/metrics"
#: The variable by which the library is told of the folder that workers share: it is looked at once, at import.
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class _Listener(ThreadingMixIn, WSGIServer):
    """Listens beside the other workers: whichever is asked answers for all of them."""

    daemon_threads = True
    allow_reuse_address = True
    allow_reuse_port = hasattr(socket, "SO_REUSEPORT")


class _Listener6(_Listener):
    address_family = socket.AF_INET6


class _Asker(WSGIRequestHandler):
    timeout = 5
    """Whoever connects and says nothing is not waited for."""

    def log_message(self, *_: Any) -> None:
        """Log nothing: a scrape every few seconds is no news."""


def expose(metrics: Metrics, address: str) -> Callable[[], None]:
    """Answer `GET /metrics` at an address, behind the calls; return what ends that."""
    host, port = host_and_port(address)
    listener = (_Listener6 if ":" in host else _Listener)((host, port), _Asker)

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != PATH or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b""]
        start_response("200 OK", [("Content-Type", _TEXT), ("Cache-Control", "no-store")])
        return [metrics.text()]

    listener.set_app(answer)
    Thread(target=listener.serve_forever, name="metrics-listener", daemon=True).start()

    def end() -> None:
        listener.shutdown()
        listener.server_close()

    return end


@contextmanager
def counted_together(address: str | None) -> Iterator[None]:
    """Have all workers that are started in the block count into one folder; raises WrongSettings.

    Without an address nothing is counted.
    """
    if address is None:
        yield
        return
    _try(address)
    try:
        folder = TemporaryDirectory(prefix="b12-cds-metrics-")
    except OSError as error:
        raise WrongSettings(f"B12_METRICS: no folder to count in ({error.strerror}); TMPDIR may name one") from error
    with folder as name:
        os.environ[FOLDER] = name
        try:
            yield
        finally:
            del os.environ[FOLDER]


def _try(address: str) -> None:
    """Raise WrongSettings where nobody can listen, or somebody listens already."""
    host, port = host_and_port(address)
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        raise WrongSettings(
            f"B12_METRICS: cannot listen at {address} ({error.strerror}); name another address or port"
        ) from error
