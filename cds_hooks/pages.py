"""The default reader of prefetched values: FHIR JSON into plain dictionaries."""

import re
from typing import Any

import msgspec

from cds_hooks.prefetch import Page

_CODE = re.compile(r"[a-z\-]{1,40}")


class _Issue(msgspec.Struct):
    severity: str = "error"
    code: str = ""


class _Search(msgspec.Struct):
    mode: str = "match"


class _Entry(msgspec.Struct):
    resource: dict[str, Any] | None = None


class _Link(msgspec.Struct):
    relation: str | None = None
    url: str | None = None


class _Bundle(msgspec.Struct):
    entry: list[_Entry] = []
    link: list[_Link] = []


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


def plain_page(body: bytes | msgspec.Raw) -> Page:
    """Decode one Bundle page, resource or OperationOutcome into dictionaries (D10, C14).

    Raises `ValueError` for what is not FHIR JSON.
    """
    resource = msgspec.json.decode(body)
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(kind, str):
        raise ValueError("not a FHIR resource")
    if kind == "OperationOutcome":
        return Page(kind=kind, failure=failure_of(resource))
    if kind != "Bundle":
        return Page(kind=kind, id=resource.get("id"), resources=(resource,))
    return _page_of(msgspec.convert(resource, _Bundle))


def failure_of(outcome: dict[str, Any]) -> str:
    """Name the gravest issue of an OperationOutcome by its code alone: its words may identify a patient."""
    issues = msgspec.convert(outcome, _Outcome).issue
    codes = [issue.code for issue in issues if issue.severity in _GRAVE] or [issue.code for issue in issues]
    code = codes[0] if codes and _CODE.fullmatch(codes[0]) else "unspecified"
    return f"OperationOutcome: {code}"


def _page_of(bundle: _Bundle) -> Page:
    resources = [entry.resource for entry in bundle.entry if entry.resource is not None]
    outcomes = [resource for resource in resources if resource.get("resourceType") == "OperationOutcome"]
    grave = next((outcome for outcome in outcomes if _is_grave(outcome)), None)
    return Page(
        kind="Bundle",
        resources=tuple(resource for resource in resources if resource not in outcomes),
        next=next((link.url for link in bundle.link if link.relation == "next"), None),
        failure=failure_of(grave) if grave else None,
    )


def _is_grave(outcome: dict[str, Any]) -> bool:
    return any(issue.severity in _GRAVE for issue in msgspec.convert(outcome, _Outcome).issue)


_GRAVE = frozenset({"fatal", "error"})
"""A warning beside matches leaves the matches usable; an error does not."""
