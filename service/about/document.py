"""`/about.json`: everything that the page says, for programs."""

from __future__ import annotations

from typing import Any

from service.about.attributes import CITED, attributes
from service.about.statement import DOES_NOT, USERS, intended_use
from service.domain.protocol import Book, Protocol

Json = dict[str, Any]
#: What the answers are written in.
STANDARDS = {"CDS Hooks": "2.0.1", "FHIR": "R4 (4.0.1)"}


def document(book: Book, version: str) -> Json:
    """Return the document."""
    protocols = tuple(book.protocols[name] for name in sorted(book.protocols))
    found = attributes(book, protocols, version)
    return {
        "name": "b12-cds",
        "intendedUse": intended_use(protocols),
        "users": list(USERS),
        "doesNot": list(DOES_NOT),
        "review": {
            "status": "not reviewed by a clinician" if any(p.reviewer is None for p in protocols) else "reviewed",
            "protocols": [_reviewed(protocol) for protocol in protocols],
        },
        "versions": {"software": version, "ruleSet": book.version, "standards": STANDARDS},
        "sourceAttributes": [
            {"element": each.element, "name": each.name, "value": each.value}
            | ({"gap": each.gap} if each.gap is not None else {})
            for each in found
        ],
        "sourceAttributesCited": CITED,
    }


def _reviewed(protocol: Protocol) -> Json:
    return {
        "id": protocol.id,
        "version": protocol.version,
        "title": protocol.title,
        "publisher": protocol.publisher,
        "effectiveFrom": protocol.effective_from.isoformat() if protocol.effective_from else None,
        "effectiveTo": protocol.effective_to.isoformat() if protocol.effective_to else None,
        "reviewedBy": protocol.reviewer,
    }
