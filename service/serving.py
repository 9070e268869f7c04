"""The production WSGI server, and waiting for it."""

from __future__ import annotations

import subprocess
import time

import requests
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from service.app import application

#: Enough for slow FHIR servers to be waited for beside fast calls; the sandbox page needs two.
THREADS = 4


def run(host: str, port: int, workers: int) -> None:
    """Serve until told to stop; a setting or mapping that is wrong is told before any worker starts."""
    application()
    Granian(
        "service.app:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=workers,
        blocking_threads=THREADS,
        log_level=LogLevels.warning,
        websockets=False,
        # A worker that is told to stop while it still loads would otherwise be waited for without end.
        workers_kill_timeout=5,
    ).serve()


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
