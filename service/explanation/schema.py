"""The published JSON Schema of `b12-cds explain --json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from service.explanation.trace import Trace

COMMITTED = Path(__file__).parents[2] / "schema" / "explain.schema.json"


def schema() -> dict[str, Any]:
    """Return the schema (2020-12), made from the shape of a trace."""
    (root,), parts = msgspec.json.schema_components((Trace,), ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:b12-cds:explain",
        "title": "What b12-cds explain --json prints",
        **root,
        "$defs": parts,
    }


def written() -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
