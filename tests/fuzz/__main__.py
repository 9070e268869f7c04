"""Fire inputs at the service and print what came of them; ends by itself, with 1 for a wrong answer."""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .run import OutOfTime, run, told
from .world import World

AT_LEAST = 0.30
GIGABYTES = 3
"""An input that takes more memory than this has failed."""


def main(words: list[str]) -> int:
    """Return 0 when every answer was as it must be, and enough of them rest on a decision."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0, help="another seed, other inputs")
    parser.add_argument("--minutes", type=float, default=45, help="the run ends, and has failed, after this time")
    asked = parser.parse_args(words)
    started = time.monotonic()
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30, resource.RLIM_INFINITY))
    with TemporaryDirectory(prefix="b12-fuzz-") as kept, World(Path(kept)).listening() as world:
        try:
            found = run(
                world,
                asked.inputs,
                first_seed=asked.seed * 1_000_000,
                seconds=asked.minutes * 60,
                progress=lambda line: print(line, file=sys.stderr, flush=True),  # noqa: T201 - a command prints
            )
        except OutOfTime as late:
            sys.stderr.write(f"out of time: {late}\n")
            return 1
    sys.stdout.write(f"{told(found)}\nin {time.monotonic() - started:.0f} s\n")
    inputs, decided = (sum(getattr(t, name) for t in found.values()) for name in ("inputs", "decided"))
    return 0 if decided >= AT_LEAST * inputs else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
