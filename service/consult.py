"""The one use case: resources in, decision out; hooks, command line and pages all call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from service.domain.decision import Decision, decide
from service.domain.protocol import Book, Protocol
from service.fhir.pages import Item
from service.fhir.reading import Reader
from service.knowledge.load import Knowledge, load, protocol_file
from service.knowledge.nearest import unknown


class UnknownProtocol(ValueError):
    """No protocol has this id."""


@dataclass(frozen=True, slots=True)
class Consultant:
    """Knows the book and can read charts; built once at start, then shared by every request."""

    book: Book
    reader: Reader

    def protocol(self, name: str) -> Protocol:
        """Return a protocol by id; raises UnknownProtocol, naming those there are."""
        try:
            return self.book.protocols[name]
        except KeyError:
            raise UnknownProtocol(unknown("protocol", name, sorted(self.book.protocols))) from None

    def consult(
        self,
        items: Iterable[Item],
        protocol: Protocol,
        today: date,
        patient_id: str | None = None,
        unchecked: tuple[str, ...] = (),
    ) -> Decision:
        """Return the decision for one patient's resources; raises OtherPatient when they are not one patient's."""
        record = self.reader.read(items, patient_id, unchecked)
        return decide(record, protocol, self.book, today)


def consultant(knowledge: Knowledge) -> Consultant:
    """Return the consultant for a body of knowledge."""
    return Consultant(knowledge.book, Reader(knowledge.index))


def following(protocol: str, site_codes: Path | None = None) -> tuple[Consultant, str]:
    """Return a consultant who knows a protocol, and the protocol's id.

    The protocol is the id of a shipped one or the file of a site's own; raises UnknownProtocol, or KnowledgeError
    when the file is wrong.
    """
    file = protocol_file(protocol)
    knowledge = load(site_codes=site_codes, local=file)
    using = consultant(knowledge)
    name = knowledge.local.content.id if knowledge.local is not None else protocol
    using.protocol(name)
    return using, name
