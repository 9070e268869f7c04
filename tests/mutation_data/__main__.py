"""Run every mutant; print the counts by kind and by who noticed; fail when one was noticed by nobody."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from multiprocessing import Pool
from pathlib import Path

from service.knowledge.load import shipped

from .catch import Catcher
from .mutants import Mutant, mutants

PROCESSES = 2
Found = Sequence[tuple[Mutant, str | None]]


def _run(share: Sequence[Mutant]) -> list[tuple[Mutant, str | None]]:
    with tempfile.TemporaryDirectory() as place:
        catcher = Catcher.copying(shipped(), Path(place) / "mappings")
        if wrong := catcher.disagree():
            raise SystemExit("before any mutant: " + "; ".join(wrong[:5]))
        return [(mutant, catcher.notices(mutant)) for mutant in share]


def main() -> int:
    """Return 0 when every mutant was noticed."""
    words = sys.argv[1:]
    chosen = [m for m in mutants(shipped()) if not words or any(word in str(m) for word in words)]
    with Pool(PROCESSES) as pool:
        found = [each for part in pool.map(_run, [chosen[n::PROCESSES] for n in range(PROCESSES)]) for each in part]
    sys.stdout.write("\n".join([*_counts(found), *_escaped(found)]) + "\n")
    return 1 if _escaped(found) else 0


def _counts(found: Found) -> list[str]:
    lines = [_line(kind, [who for m, who in found if m.kind == kind]) for kind in sorted({m.kind for m, _ in found})]
    return [*lines, _line("all", [who for _, who in found])]


def _line(kind: str, who: list[str | None]) -> str:
    by = Counter((name or "nobody").split()[0] for name in who)
    return f"{kind:32} {len(who):4}  {', '.join(f'{name} {n}' for name, n in sorted(by.items()))}"


def _escaped(found: Found) -> list[str]:
    return [f"noticed by nobody: {mutant}" for mutant, who in found if who is None]


if __name__ == "__main__":
    sys.exit(main())
