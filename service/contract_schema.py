"""The published JSON Schema of `b12-cds evaluate --json`; `python -m service.contract_schema` writes it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

from cds_hooks.invariants import SUMMARY_LIMIT
from cds_hooks.wire import ActionType, Indicator, LinkType, SelectionBehavior
from service.cards.compose import EXTENSION
from service.domain.assess import RULES
from service.domain.protocol import Book
from service.domain.terms import Certainty, Duration, Mechanism, Modifier, Notice, PhaseName, Route, Status
from service.explanation import schema as explained
from service.knowledge.load import load
from service.knowledge.schema import DoseLine, TimingLine

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
    whole = {"cause": _cause(), "option": _option(book), "phase": _phase(book)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:b12-cds:evaluate",
        "title": "What b12-cds evaluate --json prints, one document a line",
        **_closed(_assessment() | {"cards": {"type": "array", "maxItems": 2, "items": _ref("card")}}),
        "$defs": {
            **whole,
            **{f"carried-{name}": _sparse(definition) for name, definition in whole.items()},
            "carried": _sparse(_closed(_assessment() | {"resources": _references(), "ruleSet": _TEXT})),
            "timing": _timing(),
            "weeks": _closed({"value": _WHOLE, "unit": _TEXT, "system": _UCUM, "code": {"const": "wk"}}),
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
    sure = _one_of(Certainty)
    return _closed({"id": _TEXT, "mechanism": _one_of(Mechanism), "certainty": sure, "basis": _references()})


def _references() -> Json:
    return {"type": "array", "items": _TEXT, "uniqueItems": True, "description": "Type/id of what it rests on."}


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
    high = {"type": ["number", "null"], "exclusiveMinimum": 0}
    unit = {"enum": list(get_args(DoseLine.model_fields["unit"].annotation)), "description": "UCUM"}
    return _closed(
        {
            "name": _one_of(PhaseName),
            "step": _WHOLE,
            "drug": {"enum": sorted(book.drugs)},
            "route": _one_of(Route),
            "dose": _closed({"low": _MORE_THAN_NONE, "high": high, "unit": unit}),
            "timing": _ref("timing"),
            "start": {"anyOf": [_DATE, {"type": "null"}], "description": "null: it depends on the condition."},
            "condition": {"anyOf": [_TEXT, {"type": "null"}]},
        }
    )


def _timing() -> Json:
    """Return the part of FHIR's Timing.repeat that is used: how often, how many, and for how long."""
    unit = {"enum": list(get_args(TimingLine.model_fields["unit"].annotation))}
    often = {"frequency": _WHOLE, "period": _WHOLE, "periodMax": _WHOLE, "periodUnit": unit}
    times = {"count": _WHOLE, "countMax": _WHOLE}
    bounds = {
        "boundsDuration": _ref("weeks"),
        "boundsRange": _closed({"low": _ref("weeks"), "high": _ref("weeks")}),
    }
    return {
        **_closed(bounds | times | often, optional=(*bounds, *times, "periodMax")),
        "dependentRequired": {"countMax": ["count"]},
        "not": {"required": list(bounds)},
    }


def _card() -> Json:
    """Return a CDS Hooks 2.0 card as this service writes one: what is empty is left out."""
    source = _closed({"label": _TEXT, "url": _URL, "topic": _ref("coding")}, optional=("url", "topic"))
    link = _closed({"label": _TEXT, "url": _URL, "type": {"const": LinkType.ABSOLUTE.value}})
    members = {
        "summary": _TEXT | {"maxLength": SUMMARY_LIMIT - 1},
        "indicator": _one_of(Indicator),
        "source": source,
        "uuid": _UUID,
        "detail": _TEXT | {"description": "GitHub-flavoured markdown"},
        "suggestions": _some("suggestion"),
        "selectionBehavior": _one_of(SelectionBehavior),
        "overrideReasons": _some("coding"),
        "links": {"type": "array", "minItems": 1, "items": link},
        "extension": _closed({EXTENSION: _ref("carried")}),
    }
    together = {"suggestions": ["selectionBehavior"], "selectionBehavior": ["suggestions"]}
    return {
        **_closed(members, optional=("suggestions", "selectionBehavior", "overrideReasons", "links")),
        "dependentRequired": together,
    }


def _suggestion() -> Json:
    members = {"label": _TEXT, "uuid": _UUID, "isRecommended": {"const": True}, "actions": _some("action")}
    return _closed(members, optional=("isRecommended",))


def _action() -> Json:
    """Return a new order as a draft, or an order on record as a whole with its new status."""
    kinds = {"enum": ["MedicationRequest", "ServiceRequest"]}
    resource = {"type": "object", "required": ["resourceType", "status"], "properties": {"resourceType": kinds}}
    draft = {"properties": {"status": {"const": "draft"}, "intent": {"const": "proposal"}}, "required": ["intent"]}
    kind = {"enum": [ActionType.CREATE.value, ActionType.UPDATE.value]}
    return {
        **_closed({"type": kind, "description": _TEXT, "resource": resource}),
        "if": {"properties": {"type": {"const": ActionType.CREATE.value}}},
        "then": {"properties": {"resource": draft}},
        "else": {"properties": {"resource": {"required": ["id"]}}},
    }


def _sparse(full: Any) -> Any:
    """Return a definition as a card carries it: CDS Hooks lets nothing null or empty travel, so that is left out."""
    if isinstance(full, list):
        return [_sparse(part) for part in full]
    if not isinstance(full, dict):
        return full
    found = {name: _sparse(part) for name, part in full.items()}
    if full.get("$ref") in (_ref(name)["$ref"] for name in ("cause", "option", "phase")):
        found = _ref(f"carried-{full['$ref'].rpartition('/')[2]}")
    if "properties" in full:
        found["required"] = [name for name in full["required"] if not _may_be_empty(full["properties"][name])]
    return found


def _may_be_empty(member: Json) -> bool:
    null = (
        None in member.get("enum", ())
        or "null" in member.get("type", ())
        or {"type": "null"} in member.get("anyOf", ())
    )
    return null or (member.get("type") == "array" and "minItems" not in member)


def _closed(members: Json, optional: tuple[str, ...] = ()) -> Json:
    """Return an object with these members and no others, all required that are not optional."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _one_of(vocabulary: type[StrEnum]) -> Json:
    return {"enum": _words(vocabulary)}


def _words(vocabulary: type[StrEnum]) -> list[str]:
    return [word.value for word in vocabulary]


def _some(definition: str) -> Json:
    return {"type": "array", "minItems": 1, "items": _ref(definition)}


def _ref(definition: str) -> Json:
    return {"$ref": f"#/$defs/{definition}"}


def main() -> None:
    """Write the schemas of `evaluate` and `explain` where they are committed."""
    COMMITTED.parent.mkdir(exist_ok=True)
    COMMITTED.write_text(written(load().book), encoding="utf-8")
    explained.COMMITTED.write_text(explained.written(), encoding="utf-8")


if __name__ == "__main__":
    main()
