"""Reading what a client sent under our prefetch keys, and refusing what is not FHIR or not this patient."""

from collections.abc import Mapping

import msgspec

from cds_hooks.context import Context
from cds_hooks.errors import MalformedRequest, WrongPatient
from cds_hooks.prefetch import Page, PageReader, Template
from cds_hooks.registry import Service
from cds_hooks.wire import HookRequest


def read_sent(service: Service, request: HookRequest, context: Context) -> Mapping[str, Page]:
    """Read each key that was sent; a `null` is an empty page, and keys that were not asked for are ignored.

    Raises `MalformedRequest` (400) naming the key, and `WrongPatient` (400) (Prefetch Template; C15).
    """
    sent = request.prefetch or {}
    if "resourceType" in sent:
        # Some clients send the Bundle itself where an object of keys belongs.
        raise MalformedRequest("prefetch is a FHIR resource, not an object of the declared keys.", "prefetch")

    return {
        template.key: _read(template, sent[template.key], context, service.read_page)
        for template in service.prefetch
        if template.key in sent
    }


def is_misplaced(template: Template, body: bytes | msgspec.Raw, context: Context) -> bool:
    """Whether a read was answered with a resource of another type, or with another patient.

    Raises `ValueError` for what is not a FHIR resource.
    """
    wrong_type, wrong_patient = _identity(template, body, context)
    return wrong_type or wrong_patient


class _Identity(msgspec.Struct):
    resourceType: str
    id: str | None = None


_IDENTITY = msgspec.json.Decoder(_Identity)


def _identity(template: Template, body: bytes | msgspec.Raw, context: Context) -> tuple[bool, bool]:
    # Only a read is looked at twice: it is one small resource, and a searchset is not.
    if template.read_type is None:
        return False, False
    found = _IDENTITY.decode(body)
    if found.resourceType == "OperationOutcome":
        return False, False
    wrong_patient = found.resourceType == "Patient" and found.id != context.patientId
    return found.resourceType != template.read_type, wrong_patient


def _read(template: Template, raw: msgspec.Raw, context: Context, read_page: PageReader) -> Page:
    element = f"prefetch.{template.key}"
    start = bytes(memoryview(raw)[:1])
    if start == b"n":
        return Page()
    if start != b"{":
        raise MalformedRequest(f"{element} must be a FHIR resource.", element)
    try:
        wrong_type, wrong_patient = _identity(template, raw, context)
        page = None if wrong_type or wrong_patient else read_page(raw)
    except (ValueError, RecursionError):
        # Without its cause: a decoder's words could quote the record.
        raise MalformedRequest(f"{element} is not FHIR JSON.", element) from None
    if wrong_type:
        raise MalformedRequest(f"{element} must be a {template.read_type}.", element)
    if page is None:
        raise WrongPatient(f"{element} is not the patient of the context.", element, "context.patientId")
    return page
