"""`python -m tests.servers get [NAME…]`, or `run NAME`: a server with the demo patients, until interrupted."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from .families import FAMILIES, load, running
from .obtain import NotToBeHad, get


def main(arguments: list[str]) -> int:
    """Do what was asked; returns 0, 1 when a server cannot be had, 2 for arguments that are not understood."""
    match arguments:
        case ["get", *names] if set(names) <= set(FAMILIES):
            return _get(names or list(FAMILIES))
        case ["run", name] if name in FAMILIES:
            return _get([name]) or _run(name)
    _say(f"{__doc__}\nNAME is one of {', '.join(FAMILIES)}.", sys.stderr)
    return 2


def _get(names: list[str]) -> int:
    for name in names:
        started = time.monotonic()
        try:
            get(name)
        except NotToBeHad as error:
            _say(f"{name}: {error}", sys.stderr)
            return 1
        _say(f"{name}: here ({time.monotonic() - started:.0f} s)")
    return 0


def _run(name: str) -> int:
    with tempfile.TemporaryDirectory(prefix=f"{name}-") as folder, running(name, Path(folder)) as server:
        load(server, datetime.now(UTC).date())
        _say(f"{name}: {server.base}, with the demo patients; interrupt to stop")
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


def _say(line: str, to: TextIO = sys.stdout) -> None:
    to.write(f"{line}\n")
    to.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
