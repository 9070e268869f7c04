"""What is compared between servers: the status, the rule, the causes and the options of an assessment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from service.sandbox.patients import SandboxPatient, bundle
from tests.e2e.running import ran

Json = dict[str, Any]
Pictures = Mapping[str, Json]
COMPARED = ("status", "rule", "causes", "options")


def picture(assessment: Json) -> Json:
    """The part of an assessment that must not depend on where the chart was kept."""
    return {key: _without_gaps(assessment.get(key)) for key in COMPARED}


def evaluated(of: Iterable[SandboxPatient], protocol: str, today: date, folder: Path) -> Pictures:
    """What the command line says of these patients' charts, by patient."""
    charts = {patient.id: bundle(patient, today) for patient in of}
    return evaluated_charts(charts, protocol, today, folder)


def evaluated_charts(charts: Mapping[str, Json], protocol: str, today: date, folder: Path) -> Pictures:
    """What the command line says of these Bundles, by their names."""
    files = []
    for name, chart in charts.items():
        files.append(folder / f"{name}.json")
        files[-1].write_text(json.dumps(chart), encoding="utf-8")
    asked = ["evaluate", "--json", "--protocol", protocol, "--date", today.isoformat(), *map(str, files)]
    said = ran(*asked, settings={})
    assert said.returncode == 0, said.stderr.decode()
    lines = map(json.loads, said.stdout.splitlines())
    return {name: picture(line) for name, line in zip(charts, lines, strict=True)}


def _without_gaps(value: Any) -> Any:
    """A copy without nulls and empty lists, which do not travel over CDS Hooks."""
    if isinstance(value, dict):
        return {key: _without_gaps(each) for key, each in value.items() if each not in (None, [])}
    if isinstance(value, list):
        return [_without_gaps(each) for each in value] or None
    return value
