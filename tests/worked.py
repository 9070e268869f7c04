"""The worked patients that the service ships are the vignettes' own charts: drawn here, kept in one file.

`python -m tests.golden` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from service.compare.worked import FILE, Worked, written
from tests.medicine.ask import chart_of
from tests.vignettes import Vignette, vignettes

SHIPPED = Path(__file__).parents[1] / "service" / "compare" / FILE


def drawn() -> str:
    """The file as it would be written today."""
    return written([_worked(told) for told in vignettes()])


def _worked(told: Vignette) -> Worked:
    chart = chart_of(told)
    entries = [{"resource": entry["resource"]} for entry in chart["entry"]]
    bundle = json.dumps({**chart, "entry": entries}, separators=(",", ":"), ensure_ascii=False)
    return Worked(told.id, told.title, told.today, msgspec.Raw(bundle.encode()))
