"""The gate every emitted order passes: shape by fhir.resources, units by UCUM, and what both miss by our own checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhir.resources.R4B.careplan import CarePlan
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from service.fhir import supply
from service.fhir.invariants import INVARIANTS, target

Json = dict[str, Any]
Problems = Iterator[str]
_MODELS: dict[str, type[BaseModel]] = {
    "MedicationRequest": MedicationRequest,
    "ServiceRequest": ServiceRequest,
    "CarePlan": CarePlan,
}
Place = tuple[str | int, ...]
#: What FHIR leaves open and an order of ours always says.
_COMPLETE: dict[str, tuple[Place, ...]] = {
    "MedicationRequest": (
        ("subject", "reference"),
        ("medicationCodeableConcept", "text"),
        ("groupIdentifier", "value"),
        ("authoredOn",),
        ("dosageInstruction",),
        ("dispenseRequest", "quantity"),
    ),
    "ServiceRequest": (("subject", "reference"), ("code", "text"), ("authoredOn",)),
    "CarePlan": (("subject", "reference"), ("title",), ("description",), ("created",), ("period", "start")),
}
#: The same of each of its dosages.
_DOSAGE: tuple[Place, ...] = (
    ("text",),
    ("route",),
    ("doseAndRate", 0),
    ("timing", "repeat", "frequency"),
    ("timing", "repeat", "period"),
    ("timing", "repeat", "boundsPeriod", "start"),
    ("timing", "repeat", "boundsPeriod", "end"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ID = re.compile(r"^[A-Za-z0-9\-.]{1,64}$")
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
    elements = tuple(_elements(read, resource, kind))
    return tuple(_sets(elements)) or tuple(_invariants(elements)) or tuple(_own(resource, kind))


def _empty(value: object, path: str) -> Problems:
    """Yield each null, blank text, empty object and empty list (ele-1): FHIR leaves such an element out."""
    if value is None or value in ("", [], {}):
        yield f"{path}: null or empty: leave it out"
    elif isinstance(value, str) and (value != value.strip() or _CONTROL.search(value)):
        yield f"{path}: padded with blanks, or holds a control character"
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _empty(child, f"{path}.{key}")
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _empty(child, f"{path}.{place}")


@dataclass(frozen=True, slots=True)
class _Element:
    """One element of a resource: as read, as sent, and what fhir.resources knows of it (None: no such element)."""

    path: str
    read: object
    raw: Any
    field: FieldInfo | None


def _elements(read: BaseModel, raw: Json, path: str) -> Iterator[_Element]:
    """Yield every element of a resource, lists unrolled."""
    # By the name FHIR gives it: the models also answer to Python's names, which are no elements.
    fields = {field.alias or name: (name, field) for name, field in type(read).model_fields.items()}
    for key, value in raw.items():
        name, field = fields.get(key, ("", None))
        if field is None or key == "fhir_comments":
            if key != "resourceType":
                yield _Element(f"{path}.{key}", None, value, None)
            continue
        found = getattr(read, name)
        pairs = zip(found, value, strict=True) if isinstance(found, list) else ((found, value),)
        for place, (one, sent) in enumerate(pairs):
            where = f"{path}.{key}.{place}" if isinstance(found, list) else f"{path}.{key}"
            yield _Element(where, one, sent, field)
            if isinstance(one, BaseModel):
                yield from _elements(one, sent, where)


def _sets(elements: Iterable[_Element]) -> Problems:
    """Yield what is no element, not the JSON type of its element, or outside its value set."""
    for one in elements:
        if one.field is None:
            yield f"{one.path}: FHIR has no such element"
            continue
        if isinstance(one.read, BaseModel):
            continue
        # fhir.resources reads "3" as 3, 1 as true and 5 as a date; a receiver may not.
        if not isinstance(one.raw, _json_kinds(one.read)) or isinstance(one.raw, bool) != isinstance(one.read, bool):
            yield f"{one.path}: {one.raw!r} is not the JSON type of this element"
        codes = _told(one.field, "enum_values")
        if codes and one.raw not in codes:
            yield f"{one.path}: {one.raw} is not one of {', '.join(codes)}"


def _invariants(elements: Iterable[_Element]) -> Problems:
    """Yield what breaks an invariant of its data type, or refers to a resource of the wrong type."""
    for one in elements:
        allowed = _told(one.field, "enum_reference_types") if one.field else ()
        if allowed and "Resource" not in allowed and target(one.raw) not in (None, *allowed):
            yield f"{one.path}: refers to a {target(one.raw)}, not to one of {', '.join(allowed)}"
        rules = INVARIANTS.get(type(one.read).__name__)
        if rules is not None:
            yield from (f"{one.path}: {problem}" for problem in rules(one.raw))


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
    places = [(), *(("dosageInstruction", n) for n in range(len(resource.get("dosageInstruction", ()))))]
    needed = [(*place, *path) for place in places for path in (_DOSAGE if place else _COMPLETE[kind])]
    missing = [".".join(map(str, path)) for path in needed if not _there(resource, path)]
    yield from (f"{kind}.{path}: is required of an order" for path in missing)
    if not _ID.match(resource.get("id", "none")):
        yield f"{kind}.id: is not up to 64 letters, digits, hyphens and full stops"
    if target(resource["subject"]) not in _SUBJECTS:
        yield f"{kind}.subject: refers to a {target(resource['subject'])}, not to one of {', '.join(_SUBJECTS)}"
    for reference in _references(resource):
        if reference.startswith("#") and reference[1:] not in {
            held.get("id") for held in resource.get("contained", ())
        }:
            yield f"{kind}: {reference} is not contained (ref-1)"
    if kind == "MedicationRequest" and not missing:
        yield from (f"MedicationRequest.{problem}" for problem in supply.problems(resource))


def _there(value: Any, path: Place) -> bool:
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
