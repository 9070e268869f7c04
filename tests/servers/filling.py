"""Prefetch as an EHR makes it: the service's templates filled in and asked of the FHIR server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import requests

Json = dict[str, Any]
ACCEPT = {"Accept": "application/fhir+json"}


def filled(base: str, templates: Mapping[str, str], patient: str, count: int | None = None) -> Json:
    """The answers by key, each one page of `count` or of what the template asks; a refusal is left out."""
    answers = {}
    for key, template in templates.items():
        url = template.replace("{{context.patientId}}", patient)
        if count is not None:
            url = re.sub(r"_count=\d+", f"_count={count}", url)
        # What was written a moment ago must be seen: HAPI answers a repeated search from memory for a minute.
        answer = requests.get(f"{base}/{url}", headers=ACCEPT | {"Cache-Control": "no-cache"}, timeout=30)
        if answer.ok:
            answers[key] = answer.json()
    return answers


def found(answer: Json, kind: str) -> list[Json]:
    """The resources of one type on a page."""
    resources = (entry.get("resource") or {} for entry in answer.get("entry") or ())
    return [each for each in resources if each.get("resourceType") == kind]


def next_link(answer: Json) -> str | None:
    """Where the next page is."""
    return next((link["url"] for link in answer.get("link") or () if link.get("relation") == "next"), None)
