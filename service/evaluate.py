"""One document in, the published JSON out: what `b12-cds evaluate` and every harness call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Any

import msgspec

from cds_hooks.wire import Response
from service.answer import Answer, respond
from service.consult import Consultant, consultant
from service.domain.draft import Stage
from service.fhir.pages import Item, NotFhir, Sheet, sheet
from service.knowledge.load import load
from service.ordering import DIAGNOSED, OF_ORDERS, Asked, diagnosed, ordered
from service.prefetch import TITLES


class Unusable(ValueError):
    """The document is neither a FHIR resource or Bundle nor a hook request."""


class _Document(msgspec.Struct):
    """The parts of a hook request that an evaluation reads."""

    hook: str | None = None
    context: dict[str, msgspec.Raw] | None = None
    prefetch: dict[str, msgspec.Raw] | None = None
    hookInstance: str | None = None
    resourceType: str | None = None


@cache
def shipped() -> Consultant:
    """Return a consultant on the shipped knowledge."""
    return consultant(load())


def evaluate_document(
    document: bytes, *, protocol: str, today: date, using: Consultant | None = None
) -> dict[str, Any]:
    """Return the contract for a Bundle, a resource or a hook request.

    Raises Unusable, UnknownProtocol, or OtherPatient when the resources are not one patient's.
    """
    answer = evaluate(document, protocol=protocol, today=today, using=using or shipped())
    cards = msgspec.json.decode(msgspec.json.encode(Response(cards=answer.cards)))["cards"]
    return answer.assessment | {"cards": cards}


def evaluate(document: bytes, *, protocol: str, today: date, using: Consultant) -> Answer:
    """Return the answer to one document."""
    items, patient, unchecked, asked = _read(document)
    guideline = using.protocol(protocol)
    if asked.hook not in OF_ORDERS and asked.hook != DIAGNOSED:
        return respond(using, items, guideline, today, patient_id=patient, unchecked=unchecked)
    if patient is None:
        raise Unusable("context.patientId is missing")
    seed = f"{patient}|{protocol}|{today.isoformat()}|{asked.hook}"
    return _about_to(asked, items, Asked(using, guideline, today, patient, seed, None, unchecked))


def _about_to(document: _Document, items: tuple[Item, ...], asked: Asked) -> Answer:
    """Return the answer to a hook whose context holds what the clinician is about to do."""
    context = document.context or {}
    name, stage = OF_ORDERS.get(document.hook or "", ("conditions", None))
    try:
        if stage is None:
            return diagnosed(asked, items, context[name])
        chosen = context.get("selections") if stage is Stage.SELECT else None
        selected = msgspec.json.decode(chosen, type=list[str]) if chosen is not None else None
        return ordered(asked, items, context[name], stage, selected)[0]
    except KeyError as error:
        raise Unusable(f"context.{name} is missing") from error
    except (NotFhir, msgspec.DecodeError) as error:
        raise Unusable(f"context: {error}") from error


def _read(document: bytes) -> tuple[tuple[Item, ...], str | None, tuple[str, ...], _Document]:
    """Return the resources, the patient a request names, what it could not hand over whole, and the request."""
    try:
        asked = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unusable(f"not a JSON object that can be read: {error}") from error
    try:
        if asked.resourceType is not None:
            return sheet(document).items, None, (), _Document()
        if asked.prefetch is None:
            raise Unusable("neither a FHIR resource (resourceType) nor a hook request (prefetch)")
        if "resourceType" in asked.prefetch:
            raise Unusable("prefetch is a FHIR resource, not an object of the declared keys")
        patient = _text((asked.context or {}).get("patientId"))
        sheets = {key: _sheet(key, raw) for key, raw in asked.prefetch.items() if bytes(raw) != b"null"}
        items = tuple(item for read in sheets.values() for item in read.items)
        return items, patient, tuple(_unchecked(sheets)), asked
    except NotFhir as error:
        raise Unusable(str(error)) from error


def _text(raw: msgspec.Raw | None) -> str | None:
    """Return a text, None for what is none."""
    try:
        return msgspec.json.decode(raw, type=str) if raw is not None else None
    except msgspec.DecodeError:
        return None


def _sheet(key: str, raw: msgspec.Raw) -> Sheet:
    try:
        return sheet(raw)
    except NotFhir as error:
        raise Unusable(f"prefetch.{key} is no FHIR resource: {error}") from error


def _unchecked(sheets: Mapping[str, Sheet]) -> Iterator[str]:
    for key, read in sheets.items():
        title = TITLES.get(key, key)
        if read.failure is not None:
            yield f"{title} ({read.failure})"
        elif read.next is not None:
            yield f"{title}, not all of it"
