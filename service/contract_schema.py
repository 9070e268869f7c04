"""The published JSON Schema of `b12-cds evaluate --json`; `python -m service.contract_schema` writes it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from cds_hooks.invariants import SUMMARY_LIMIT
from cds_hooks.wire import ActionType, Indicator, LinkType, SelectionBehavior
from service.cards.compose import EXTENSION
from service.domain.assess import RULES
from service.domain.protocol import Book
from service.domain.terms import Certainty, Duration, Mechanism, Modifier, Notice, PhaseName, Route, Status
from service.knowledge.load import load

Json = dict[str, Any]
COMMITTED = Path(__file__).parents[1] / "schema" / "evaluate.schema.json"

_TEXT: Json = {"type": "string", "minLength": 1}
_DATE: Json = {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
_URL: Json = {"type": "string", "format": "uri", "pattern": "^https?://"}
_UUID: Json = {"type": "string", "format": "uuid"}
_YES_OR_NO: Json = {"type": "boolean"}
_WHOLE: Json = {"type": "integer", "minimum": 1}
_MORE_THAN_NONE: Json = {"type": "number", "exclusiveMinimum": 0}
_UCUM: Json = {"const": "http://unitsofmeasure.org"}


def schema(book: Book) -> Json:
    """Return the schema (2020-12): vocabularies from the domain's enums, drugs and units from a book."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:b12-cds:evaluate",
        "title": "What b12-cds evaluate --json prints, one document a line",
        **_closed(_assessment() | {"cards": {"type": "array", "maxItems": 2, "items": _ref("card")}}),
        "$defs": {
            "cause": _cause(),
            "option": _option(book),
            "phase": _phase(book),
            "timing": _timing(),
            "weeks": _closed({"value": _WHOLE, "unit": _TEXT, "system": _UCUM, "code": {"const": "wk"}}),
            "carried": _closed(
                _assessment() | {"resources": {"type": "array", "items": _TEXT, "uniqueItems": True}, "ruleSet": _TEXT}
            ),
            "card": _card(),
            "suggestion": _suggestion(),
            "action": _action(),
            "coding": _closed({"system": _TEXT, "code": _TEXT, "display": _TEXT}, optional=("display",)),
        },
    }


def written(book: Book) -> str:
    """Return the schema as its file holds it."""
    return json.dumps(schema(book), indent=2, ensure_ascii=False) + "\n"


def _assessment() -> Json:
    """Return the members of an assessment, as it is printed and as a card carries it."""
    conflict = {"type": "string", "pattern": r"^conflict-c[1-9]\d*$"}
    notice = {"anyOf": [_one_of(Notice), conflict]}
    return {
        "protocol": _closed({"id": _TEXT, "version": _TEXT}),
        "date": _DATE,
        "status": _one_of(Status),
        "rule": {"enum": list(dict.fromkeys(rule.id for rule in RULES))},
        "causes": {"type": "array", "items": _ref("cause"), "description": "The first decides the plan."},
        "modifiers": {"type": "array", "items": _one_of(Modifier), "uniqueItems": True},
        "startNow": _YES_OR_NO,
        "options": {"type": "array", "items": _ref("option"), "description": "Of several, one is recommended."},
        "notices": {"type": "array", "items": notice, "uniqueItems": True},
        "unreadable": {"type": "array", "items": _closed({"resource": _TEXT, "why": _TEXT})},
    }


def _cause() -> Json:
    basis = {"type": "array", "items": _TEXT, "uniqueItems": True, "description": "Type/id of what it rests on."}
    return _closed(
        {"id": _TEXT, "mechanism": _one_of(Mechanism), "certainty": _one_of(Certainty), "basis": basis},
    )


def _option(book: Book) -> Json:
    return _closed(
        {
            "recommended": _YES_OR_NO,
            "route": _one_of(Route),
            "drug": {"enum": sorted(book.drugs)},
            "regimen": _TEXT,
            "duration": {"enum": [*_words(Duration), None]},
            "phases": {"type": "array", "minItems": 1, "items": _ref("phase")},
        }
    )


def _phase(book: Book) -> Json:
    units = {product.strength.unit for protocol in book.protocols.values() for product in protocol.products}
    doses = {step.unit for protocol in book.protocols.values() for step in _steps(protocol.table)}
    high = {"type": ["number", "null"], "exclusiveMinimum": 0}
    dose = _closed({"low": _MORE_THAN_NONE, "high": high, "unit": {"enum": sorted(units | doses)}})
    return _closed(
        {
            "name": _one_of(PhaseName),
            "step": _WHOLE,
            "drug": {"enum": sorted(book.drugs)},
            "route": _one_of(Route),
            "dose": dose,
            "timing": _ref("timing"),
            "start": {"anyOf": [_DATE, {"type": "null"}], "description": "null: it depends on the condition."},
            "condition": {"type": ["string", "null"], "minLength": 1},
        }
    )
