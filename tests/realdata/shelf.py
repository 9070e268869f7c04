"""The checked-in lists: one file for each source, with where its data comes from and the day it is read on."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .charts import charts
from .listing import Listing, listing

EXPECTED = Path(__file__).parent / "expected"
SOURCES = sorted(path.stem for path in EXPECTED.glob("*.yaml"))


def expected(source: str) -> dict[str, Any]:
    """Return the checked-in file of a source: `source`, `today`, `charts`."""
    return yaml.safe_load((EXPECTED / f"{source}.yaml").read_text(encoding="utf-8"))


def read(source: str, folder: Path) -> dict[str, Listing]:
    """Return what the service makes today of each chart in a folder."""
    today = expected(source)["today"]
    return {chart.name: listing(chart, today) for chart in charts(folder)}


def write(source: str, found: dict[str, Listing]) -> None:
    """Replace a source's lists."""
    (EXPECTED / f"{source}.yaml").write_text(text(expected(source) | {"charts": found}), encoding="utf-8")


def differences(source: str, found: dict[str, Listing]) -> Iterator[str]:
    """Yield the lines that differ from the checked-in lists."""
    before, after = (text(lists).splitlines() for lists in (expected(source)["charts"] or {}, found))
    yield from difflib.unified_diff(before, after, f"expected/{source}.yaml", "as read now", lineterm="", n=1)


def how_to_get(source: str) -> str:
    """Return where the data of a source comes from, in words."""
    names = ", ".join(f"{key}: {value}" for key, value in expected(source)["source"].items())
    return f"put its JSON files ({names}) into a folder {source}/ and set B12_REAL_DATA to the folder above"


def text(lists: dict[str, Any]) -> str:
    """Return lists as YAML, one finding a line."""
    return yaml.safe_dump(lists, allow_unicode=True, sort_keys=False, width=1000, default_flow_style=False)


def indented(found: dict[str, Listing]) -> str:
    """Return lists as a person reads them."""
    return textwrap.indent(text(found), "  ")
