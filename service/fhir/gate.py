"""The gate every emitted order passes: shape by fhir.resources, units by UCUM, and what both miss by our own checks."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from service.fhir import supply
from service.fhir.invariants import INVARIANTS, target

Json = dict[str, Any]
Problems = Iterator[str]
_MODELS: dict[str, type[BaseModel]] = {"MedicationRequest": MedicationRequest, "ServiceRequest": ServiceRequest}
_REPEAT = ("dosageInstruction", 0, "timing", "repeat")
#: What FHIR leaves open and an order of ours always says.
_COMPLETE: dict[str, tuple[tuple[str | int, ...], ...]] = {
    "MedicationRequest": (
        ("subject", "reference"),
        ("medicationCodeableConcept", "text"),
        ("groupIdentifier", "value"),
        ("authoredOn",),
        ("dosageInstruction", 0, "text"),
        ("dosageInstruction", 0, "route"),
        ("dosageInstruction", 0, "doseAndRate", 0),
        (*_REPEAT, "frequency"),
        (*_REPEAT, "period"),
        (*_REPEAT, "boundsPeriod", "start"),
        (*_REPEAT, "boundsPeriod", "end"),
        ("dispenseRequest", "quantity"),
    ),
    "ServiceRequest": (("subject", "reference"), ("code", "text"), ("authoredOn",)),
}
_SUBJECTS = ("Patient", "Group")


class GateError(Exception):
    """An order that must not leave the service."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        """Keep the problems, each with its place in the resource."""
        self.problems = problems
        super().__init__("; ".join(problems))


def refuse(resource: Json) -> None:
    """Raise GateError when anything is wrong with an order."""
    problems = check(resource)
    if problems:
        raise GateError(problems)


def check(resource: Json) -> tuple[str, ...]:
    """Return everything wrong with a MedicationRequest or ServiceRequest, each with its place; empty when it passes."""
    kind = resource.get("resourceType")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if kind is None or model is None:
        return (f"resourceType: {kind!r} is not one of {', '.join(_MODELS)}",)
    # Each check relies on the one before, so the first that finds something has the word.
    problems = tuple(_empty(resource, kind))
    if problems:
        return problems
    try:
        read = model.model_validate(resource)
    except ValidationError as error:
        return tuple(f"{'.'.join(map(str, (kind, *e['loc'])))}: {e['msg']}" for e in error.errors(include_url=False))
    return tuple(_walk(read, resource, kind)) or tuple(_own(resource, kind))


def _empty(value: object, path: str) -> Problems:
    """Yield each null, blank text, empty object and empty list (ele-1): FHIR leaves such an element out."""
    if value is None or value in ("", [], {}) or (isinstance(value, str) and value != value.strip()):
        yield f"{path}: null, empty or padded with blanks: leave it out"
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _empty(child, f"{path}.{key}")
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _empty(child, f"{path}.{place}")


def _walk(read: BaseModel, raw: Json, path: str) -> Problems:
    """Yield what breaks a value set, a JSON type, a reference's target or an invariant, in every element."""
    fields = {field.alias or name: (name, field) for name, field in type(read).model_fields.items()}
    before = path
    for key, value in raw.items():
        path = f"{before}.{key}"
        if key == "resourceType" and hasattr(read, "get_resource_type"):
            continue
        if key not in fields or key == "fhir_comments":
            yield f"{path}: FHIR has no such element"
            continue
        name, field = fields[key]
        yield from _element(getattr(read, name), value, field, path)
    rules = INVARIANTS.get(type(read).__name__)
    if rules is not None:
        yield from (f"{before}: {problem}" for problem in rules(raw))


def _element(read: object, raw: Any, field: FieldInfo, path: str) -> Problems:
    if isinstance(read, list):
        for place, (one, sent) in enumerate(zip(read, raw, strict=True)):
            yield from _element(one, sent, field, f"{path}.{place}")
    elif isinstance(read, BaseModel):
        allowed = _told(field, "enum_reference_types")
        if allowed and "Resource" not in allowed and target(raw) not in (None, *allowed):
            yield f"{path}: refers to a {target(raw)}, not to one of {', '.join(allowed)}"
        yield from _walk(read, raw, path)
    else:
        # fhir.resources reads "3" as 3, 1 as true and 5 as a date; a receiver may not.
        if not isinstance(raw, _json_kinds(read)) or isinstance(raw, bool) != isinstance(read, bool):
            yield f"{path}: {raw!r} is not the JSON type of this element"
        codes = _told(field, "enum_values")
        if codes and raw not in codes:
            yield f"{path}: {raw} is not one of {', '.join(codes)}"


def _told(field: FieldInfo, fact: str) -> tuple[str, ...]:
    """Return a value set or the target types that fhir.resources knows of a field but does not enforce."""
    extra = field.json_schema_extra
    told = extra.get(fact) if isinstance(extra, dict) else None
    return tuple(map(str, told)) if isinstance(told, list) else ()


def _json_kinds(read: object) -> tuple[type, ...]:
    if isinstance(read, int):
        return (int,)
    return (int, float, Decimal) if isinstance(read, float | Decimal) else (str,)


def _own(resource: Json, kind: str) -> Problems:
    """Yield what FHIR allows and an order of this service must not do."""
    missing = [".".join(map(str, path)) for path in _COMPLETE[kind] if not _there(resource, path)]
    yield from (f"{kind}.{path}: is required of an order" for path in missing)
    if target(resource["subject"]) not in _SUBJECTS:
        yield f"{kind}.subject: refers to a {target(resource['subject'])}, not to one of {', '.join(_SUBJECTS)}"
    for reference in _references(resource):
        if reference.startswith("#") and reference[1:] not in {
            held.get("id") for held in resource.get("contained", ())
        }:
            yield f"{kind}: {reference} is not contained (ref-1)"
    if kind == "MedicationRequest" and not missing:
        yield from (f"MedicationRequest.{problem}" for problem in supply.problems(resource))


def _there(value: Any, path: tuple[str | int, ...]) -> bool:
    for step in path:
        if isinstance(step, int) and not (isinstance(value, list) and len(value) > step):
            return False
        if isinstance(step, str) and not (isinstance(value, dict) and step in value):
            return False
        value = value[step]
    return True


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for child in value.values():
            yield from _references(child)
    elif isinstance(value, list):
        for child in value:
            yield from _references(child)
