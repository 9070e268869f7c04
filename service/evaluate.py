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
from service.fhir.pages import Item, NotFhir, Sheet, sheet
from service.knowledge.load import load
from service.prefetch import TITLES


class Unusable(ValueError):
    """The document is neither a FHIR resource or Bundle nor a hook request."""


class _Asked(msgspec.Struct):
    """The parts of a hook request that an evaluation reads."""

    context: dict[str, Any] | None = None
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
    items, patient, unchecked = _read(document)
    return respond(using, items, using.protocol(protocol), today, patient_id=patient, unchecked=unchecked)


def _read(document: bytes) -> tuple[tuple[Item, ...], str | None, tuple[str, ...]]:
    """Return the resources, the patient a request names, and what the request could not hand over whole."""
    try:
        asked = msgspec.json.decode(document, type=_Asked)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unusable(f"not a JSON object that can be read: {error}") from error
    try:
        if asked.resourceType is not None:
            return sheet(document).items, None, ()
        if asked.prefetch is None:
            raise Unusable("neither a FHIR resource (resourceType) nor a hook request (prefetch)")
        patient = (asked.context or {}).get("patientId")
        sheets = {key: sheet(raw) for key, raw in asked.prefetch.items() if bytes(raw) != b"null"}
        items = tuple(item for read in sheets.values() for item in read.items)
        return items, patient if isinstance(patient, str) else None, tuple(_unchecked(sheets))
    except NotFhir as error:
        raise Unusable(str(error)) from error


def _unchecked(sheets: Mapping[str, Sheet]) -> Iterator[str]:
    for key, read in sheets.items():
        title = TITLES.get(key, key)
        if read.failure is not None:
            yield f"{title} ({read.failure})"
        elif read.next is not None:
            yield f"{title}, not all of it"
