"""The production WSGI server, and waiting for it."""

from __future__ import annotations

import signal
import subprocess
import time
from math import ceil

import requests
from flask import Flask
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from service.app import application, create_app
from service.clients.offers import Consultants
from service.settings import from_environment
from service.state import with_usual_database
from service.watch.exposed import counted_together
from service.watch.logs import configure, server_log

#: Enough for slow FHIR servers to be waited for beside fast calls; the sandbox page needs two.
THREADS = 4
#: The knowledge that was read before the workers were forked.
_READ = Consultants()


def run(host: str, port: int, workers: int) -> None:
    """Serve until told to stop; a setting or mapping that is wrong is told before any worker starts."""
    settings = from_environment()
    configure(settings.log)
    with counted_together(settings.metrics):
        create_app(with_usual_database(settings), read=_READ)
        Granian(
            "service.serving:worker",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=workers,
            blocking_threads=THREADS,
            log_level=LogLevels.warning,
            log_dictconfig=server_log(settings.log),
            websockets=False,
            # A worker that was killed is replaced; the others go on.
            respawn_failed_workers=True,
            # Calls in flight are finished; a worker that hangs is not waited for without end.
            workers_kill_timeout=ceil(settings.stop_seconds),
        ).serve()


def worker() -> Flask:
    """Return the application of one worker; told to stop while it still loads, the worker ends at once."""
    # Until the server listens for them, a forked worker would hand these to what its parent does with them: nothing.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    return application(_READ)


def until_healthy(address: str, child: subprocess.Popen[bytes], seconds: float = 30) -> bool:
    """Return whether the service answered before the time was up or its process ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and child.poll() is None:
        try:
            if requests.get(f"{address}/healthz", timeout=1).ok:
                return True
        except requests.RequestException:
            time.sleep(0.1)
    return False
