"""JSON Schemas of the mapping files, so that an editor completes a key and marks a wrong one while it is typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from service.domain.recommend import ROWS
from service.knowledge import schema as shape

Json = dict[str, Any]
COMMAND = "python -m service.knowledge schema"
SUFFIX = ".schema.json"

#: The shape of each kind of mapping file, by the name of its schema.
KINDS: dict[str, type[BaseModel]] = {
    "sources": shape.SourcesFile,
    "findings": shape.FindingsFile,
    "analytes": shape.AnalytesFile,
    "units": shape.UnitsFile,
    "routes": shape.RoutesFile,
    "cause": shape.CauseFile,
    "drugs": shape.DrugsFile,
    "regimens": shape.RegimensFile,
    "products": shape.ProductsFile,
    "common": shape.CommonFile,
    "protocol": shape.ProtocolFile,
    "conflicts": shape.ConflictsFile,
    "investigations": shape.InvestigationsFile,
    "wording": shape.WordingFile,
    "quieting": shape.QuietingFile,
    "calendar": shape.CalendarFile,
    "site-codes": shape.SiteCodesFile,
    "local-protocol": shape.LocalProtocolFile,
}

#: Keys that are names of the rules' own, wherever they stand at the top of a file.
_NAMED = {"limits": shape.LIMITS, "plans": ROWS}


class _AsWritten(GenerateJsonSchema):
    """Describes a file as it is written: a number is a quoted string."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """Return what a decimal looks like in a mapping file; all else as pydantic says it."""
        if schema["schema"]["type"] == "decimal":
            return {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
        return super().function_before_schema(schema)


def schema_of(name: str) -> Json:
    """Return the JSON Schema of one kind of mapping file."""
    described = KINDS[name].model_json_schema(by_alias=True, schema_generator=_AsWritten)
    for key, names in _NAMED.items():
        if key in described["properties"]:
            described["properties"][key]["propertyNames"] = {"enum": list(names)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$comment": f"Written by {COMMAND}."} | described


def texts() -> dict[str, str]:
    """Return every schema file by its name."""
    return {
        name + SUFFIX: json.dumps(schema_of(name), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for name in KINDS
    }


def write(folder: Path) -> int:
    """Write every schema into mappings/schema, take away those of no kind, and return how many there are."""
    folder = folder / "schema"
    folder.mkdir(exist_ok=True)
    wanted = texts()
    for file in folder.glob("*" + SUFFIX):
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")
    return len(wanted)
