"""The thirteen source attributes of an evidence-based decision support intervention, and what is true of this one.

The names follow 45 CFR 170.315(b)(11)(iv)(A)(1) to (13). They were read in a secondary page (letter S), not in the
regulation: the project's reference holds neither its text nor whether it is in force unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.protocol import Book, Protocol

ELEMENT = "45 CFR 170.315(b)(11)(iv)(A)({})"
CITED = "Their names: letter S, read in the public source of OpenEMR, not in the regulation itself"
NOT_READ = "Not read."


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute; `gap` says what is not known."""

    number: int
    name: str
    value: str
    gap: str | None = None

    @property
    def element(self) -> str:
        """Return where the regulation asks for it."""
        return ELEMENT.format(self.number)


def attributes(book: Book, protocols: tuple[Protocol, ...], version: str) -> tuple[Attribute, ...]:
    """Return all thirteen, in the regulation's order."""
    return (
        Attribute(
            1,
            "Bibliographic citation",
            "; ".join(f"{p.id}: {p.title}, {p.publisher} ({_cited(book, p)})" for p in protocols)
            + ". The knowledge book has the source of every number.",
        ),
        Attribute(
            2,
            "Developer",
            "The b12-cds project, which turned the guidelines into rules. Their publishers had no part in it.",
        ),
        Attribute(
            3,
            "Funding source of the technical implementation",
            "Not stated.",
            "The project names no funding source.",
        ),
        Attribute(
            4,
            "Release and revision dates",
            f"Software {version}, rule set {book.version}. "
            + "; ".join(f"{p.id} version {p.version}, in force from {_day(p)}" for p in protocols)
            + ".",
            "No release has been dated yet; the rule set is known by its digest.",
        ),
        Attribute(
            5,
            "Use of race",
            _ETHNICITY,
            "The words are looked for in all extensions of the Patient, race and ethnicity alike: no code is verified.",
        ),
        Attribute(
            6,
            "Use of ethnicity",
            _ETHNICITY,
            "As for race.",
        ),
        Attribute(7, "Use of language", NOT_READ),
        Attribute(8, "Use of sexual orientation", NOT_READ),
        Attribute(9, "Use of gender identity", NOT_READ),
        Attribute(
            10,
            "Use of sex",
            "Not read. The laboratory's own range and flag decide what is low; where there is none, one line for all.",
            "One line for all is a design decision (letter M).",
        ),
        Attribute(
            11,
            "Use of date of birth",
            "Read, for age: who is too young for a protocol, and, where a protocol says so, from what age on to test.",
        ),
        Attribute(
            12,
            "Use of social determinants of health data",
            "Not read as such. A recorded diet without animal products is read as a possible cause.",
        ),
        Attribute(
            13,
            "Use of health status assessments data",
            "Read: pregnancy and breastfeeding, recorded neurological and cognitive signs, alcohol dependence as "
            "another cause of a neuropathy. No questionnaire or score is read.",
        ),
    )


_ETHNICITY = (
    "Read, in words, for one note: reference values may be higher in people of Black ethnicity, so that a normal "
    "result may hide a deficiency. It may ask for a further test; it changes no threshold, diagnosis or treatment."
)


def _cited(book: Book, protocol: Protocol) -> str:
    source = book.sources[protocol.cite.source]
    return f"{protocol.cite.source}, letter {protocol.cite.letter.value}{f', {source.url}' if source.url else ''}"


def _day(protocol: Protocol) -> str:
    return protocol.effective_from.isoformat() if protocol.effective_from else "a day that is not stated"
