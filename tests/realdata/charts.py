"""A folder of published FHIR and CDS Hooks JSON as charts: one document a patient, and what is no chart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One document as it would be sent, and the resources in it, found without the service's own reading."""

    name: str
    document: bytes
    resources: tuple[tuple[str, Json], ...]


def charts(folder: Path) -> Iterator[Chart]:
    """Yield each file as a chart; single resources are put together, a Bundle for each patient they are about."""
    single: dict[str, list[Json]] = {}
    for path in sorted(folder.glob("*.json")):
        raw = path.read_bytes()
        tree = json.loads(raw)
        kind = tree.get("resourceType") if isinstance(tree, dict) else None
        if kind is None or kind == "Bundle":
            yield Chart(path.name, raw, tuple(_resources(tree)))
        else:
            single.setdefault(_about(tree), []).append(tree)
    for patient, resources in sorted(single.items()):
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
        yield Chart(patient, json.dumps(bundle).encode(), tuple(_resources(bundle)))


def without_patient(chart: Chart) -> Chart:
    """Return a hook request as if its context named no patient, so that its resources can be read for what they are."""
    tree = json.loads(chart.document)
    del tree["context"]["patientId"]
    return Chart(chart.name, json.dumps(tree).encode(), chart.resources)


def _about(resource: Json) -> str:
    subject = resource.get("subject") or resource.get("patient") or {}
    return subject.get("reference") or f"{resource['resourceType']}/{resource.get('id')}"


def _resources(tree: Any) -> Iterator[tuple[str, Json]]:
    """Yield every resource of a Bundle or of a request's prefetch, by the name the service knows it by."""
    if not isinstance(tree, dict):
        return
    if isinstance(prefetch := tree.get("prefetch"), dict):
        for page in prefetch.values():
            yield from _resources(page)
    elif tree.get("resourceType") == "Bundle":
        for entry in tree.get("entry", ()):
            if resource := entry.get("resource"):
                yield _name(resource, entry.get("fullUrl")), resource
    elif "resourceType" in tree:
        yield _name(tree, None), tree


def _name(resource: Json, url: str | None) -> str:
    kind = resource["resourceType"]
    return f"{kind}/{resource['id']}" if "id" in resource else url or kind
