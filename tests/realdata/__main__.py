"""Read a folder of published charts and compare with the checked-in lists: `python -m tests.realdata FOLDER`.

FOLDER holds one folder for each source named in `expected/`. With `--print` the lists are printed, with `--write`
the checked-in ones are replaced. The exit status is 1 when something differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .shelf import SOURCES, differences, how_to_get, indented, read, write


def main() -> int:
    """Compare, print or write; return the exit status."""
    arguments = argparse.ArgumentParser(prog="python -m tests.realdata", description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path, metavar="FOLDER")
    arguments.add_argument("--print", action="store_true", dest="show", help="print every list")
    arguments.add_argument("--write", action="store_true", help="replace the checked-in lists")
    asked = arguments.parse_args()
    differing = 0
    for source in SOURCES:
        folder = asked.folder / source
        if not folder.is_dir():
            say(f"{source}: not there; {how_to_get(source)}")
            continue
        found = read(source, folder)
        if asked.write:
            write(source, found)
        changed = list(differences(source, found))
        differing += bool(changed)
        refused = sum(len(lists.get("refused", ())) for lists in found.values())
        read_ = sum(len(lists.get("found", ())) for lists in found.values())
        verdict = "differs" if changed else "as expected"
        say(f"{source}: {len(found)} charts, {read_} findings, {refused} refused, {verdict}")
        if asked.show:
            say(indented(found))
        elif changed:
            say("\n".join(changed))
    return 1 if differing else 0


def say(line: str) -> None:
    """Write one line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
