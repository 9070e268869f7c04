"""The survivors that are explained, read from the page that explains them."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parent / "survivors.md"


def explained() -> dict[str, str]:
    """Return each explained mutant with the heading of its explanation."""
    found, heading = {}, ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("- `` "):
            found[line.removeprefix("- `` ").removesuffix(" ``")] = heading
    return found
