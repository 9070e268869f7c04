"""Reading what a client sent under our prefetch keys, and refusing what is not FHIR or not this patient."""

from collections.abc import Mapping
from typing import Any

import msgspec

from cds_hooks.context import Context
from cds_hooks.errors import MalformedRequest, WrongPatient
from cds_hooks.prefetch import Page, PageReader, Template
from cds_hooks.registry import Service
from cds_hooks.wire import HookRequest


def read_sent(service: Service, request: HookRequest, context: Context, body: bytes = b"") -> Mapping[str, Page]:
    """Read each key that was sent; a `null` is an empty page, and keys that were not asked for are ignored.

    Raises `MalformedRequest` (400) naming the key, and `WrongPatient` (400) (Prefetch Template; C15).
    """
    sent = request.prefetch or {}
    if "resourceType" in sent:
        # Some clients send the Bundle itself where an object of keys belongs.
        raise MalformedRequest("prefetch is a FHIR resource, not an object of the declared keys.", "prefetch")

    return {
        template.key: _page(template, sent[template.key], context, service, body)
        for template in service.prefetch
        if template.key in sent
    }


def is_misplaced(template: Template, page: Page, context: Context) -> bool:
    """Whether a read was answered with a resource of another type, or with another patient."""
    return _is_of_wrong_type(template, page) or _is_of_wrong_patient(template, page, context)


def _is_of_wrong_type(template: Template, page: Page) -> bool:
    return template.read_type is not None and page.failure is None and page.kind != template.read_type


def _is_of_wrong_patient(template: Template, page: Page, context: Context) -> bool:
    return template.read_type is not None and page.kind == "Patient" and page.id != context.patientId


def _page(template: Template, value: Any, context: Context, service: Service, body: bytes) -> Page:
    element = f"prefetch.{template.key}"
    if isinstance(value, msgspec.Raw):
        page = _read(element, value, service.read_page)
    else:
        page = service.typed_pages.page_of(value, body) if service.typed_pages and value is not None else None
    if page is None:
        return Page()
    if _is_of_wrong_type(template, page):
        raise MalformedRequest(f"{element} must be a {template.read_type}.", element)
    if _is_of_wrong_patient(template, page, context):
        raise WrongPatient(f"{element} is not the patient of the context.", element, "context.patientId")
    return page


def _read(element: str, raw: msgspec.Raw, read_page: PageReader) -> Page | None:
    start = bytes(memoryview(raw)[:1])
    if start == b"n":
        return None
    if start != b"{":
        raise MalformedRequest(f"{element} must be a FHIR resource.", element)
    try:
        return read_page(raw)
    except (ValueError, RecursionError):
        # Without its cause: a decoder's words could quote the record.
        raise MalformedRequest(f"{element} is not FHIR JSON.", element) from None
