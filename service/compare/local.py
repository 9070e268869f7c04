"""What `b12-cds protocol check` says of a site's own protocol that is good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from service.domain.protocol import Protocol
from service.knowledge import schema as shape
from service.knowledge.load import load
from service.knowledge.local import not_offered
from service.prove import prove


def report(file: Path) -> Iterator[str]:
    """Yield what the file changes; raises KnowledgeError when it is wrong, GateError when its orders would be."""
    knowledge = load(local=file)
    if knowledge.local is None:
        return
    line, book = knowledge.local.content, knowledge.book
    own, parent = book.protocols[line.id], book.protocols[line.extends]
    orders = prove(book)
    yield f"{file}: good. {own.id} {own.version} extends {parent.id} {parent.version}."
    yield f"  of its own: {_counted(line)}"
    for key, regimen in not_offered(knowledge.local, own, parent):
        yield f"  not offered, nothing in stock gives it: {regimen} (row {key})"
    yield from _without_plan(own, parent)
    reviewer = own.reviewer or "nobody: every card says that no clinician has reviewed it"
    if own.sign_off is not None:
        state = "" if own.sign_off.is_current else ", outdated: the file has changed since"
        reviewer = f"{own.sign_off.by}, signed off on {own.sign_off.on}{state}"
    yield f"  reviewed by {reviewer}"
    yield f"  {orders} orders, all that any protocol can propose, pass the gate"


def _counted(line: shape.LocalProtocolFile) -> str:
    counts = {
        "sources": len(line.sources),
        "limits": len(line.limits),
        "bands": len(line.bands),
        "regimens": len(line.regimens),
        "plans": len(line.plans),
        "products in stock": len(line.products.stock) if line.products else 0,
    }
    return ", ".join(f"{name} {number}" for name, number in counts.items() if number)


def _without_plan(own: Protocol, parent: Protocol) -> Iterator[str]:
    for key, row in own.table.items():
        if row.none_because is not None and parent.table[key].none_because is None:
            yield f"  no plan for {key}: {row.none_because}"
