"""The example of docs/protocols.md, and files that differ from it in one place."""

from __future__ import annotations

import re
from pathlib import Path

DOC = Path(__file__).parents[2] / "docs" / "protocols.md"
#: The least a site's file can say: its name, and what it rests on.
PLAIN = """id: ours
extends: uk-ng239
version: "1"
title: Ours
publisher: Our hospital
reviewer: null
effective-period: {start: 2026-01-01, end: null}
cite: {source: OURS, letter: V}
sources:
  - {id: OURS, title: Our policy, publisher: Our hospital, url: null}
"""


def example() -> str:
    """The complete example, as the document shows it."""
    found = re.search(r"```yaml file=ours\.yaml\n(.*?)```", DOC.read_text(encoding="utf-8"), re.S)
    assert found is not None
    return found.group(1)


def saved(folder: Path, text: str, name: str = "ours.yaml") -> Path:
    """A site's file with this text."""
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file
