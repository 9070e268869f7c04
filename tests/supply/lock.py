"""Writes every file of pins anew: versions that fit together on every platform, with the sha256 of each file of each.

python -m tests.supply.lock [--upgrade]

Pins that still fit pyproject.toml stay; --upgrade takes the newest of everything. The package index is the one that the
machine is set up for, and no file names it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from .pins import ROOT, Lock, locks, project

HEAD = """# Holds: {what}.
# Written by `make lock` from pyproject.toml; `make lock UPGRADE=1` takes the newest of everything.
"""
UV = Path(sysconfig.get_path("scripts")) / "uv"


def write(lock: Lock, bound_by: Path | None, upgrade: bool) -> None:
    """Write one file; versions are those of `bound_by` where both need a package. Raises CalledProcessError."""
    lowest = str(project()["project"]["requires-python"]).removeprefix(">=")
    lock.path.parent.mkdir(exist_ok=True)
    command = [str(UV), "pip", "compile", "-", "--quiet", "--universal", "--python-version", lowest]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    command += ["--output-file", str(lock.path)]
    command += ["--upgrade"] if upgrade else []
    command += ["--constraint", str(bound_by)] if bound_by else []
    asked = "\n".join(lock.asked)
    subprocess.run(command, cwd=ROOT, input=asked.encode(), check=True, stdout=subprocess.DEVNULL)
    pinned = lock.path.read_text(encoding="utf-8")
    lock.path.write_text(HEAD.format(what=", ".join(lock.parts)) + pinned, encoding="utf-8")


def main() -> None:
    """Write them all, the first before those that it binds."""
    first, *others = locks()
    upgrade = "--upgrade" in sys.argv[1:]
    for lock in (first, *others):
        write(lock, None if lock is first else first.path, upgrade)
        pinned = len(re.findall(r"^[a-z0-9].*==", lock.path.read_text(encoding="utf-8"), re.MULTILINE))
        print(f"{lock.path.relative_to(ROOT)}: {pinned} packages")


if __name__ == "__main__":
    main()
