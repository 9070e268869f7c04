"""The one use case: resources in, decision out; hooks, command line and pages all call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from service.domain.decision import Decision, decide
from service.domain.protocol import Book, Protocol
from service.fhir.pages import Item
from service.fhir.reading import Reader, reader
from service.knowledge.load import Knowledge


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
            known = ", ".join(sorted(self.book.protocols))
            raise UnknownProtocol(f"there is no protocol {name}; known: {known}") from None

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
    return Consultant(knowledge.book, reader(knowledge.index))
