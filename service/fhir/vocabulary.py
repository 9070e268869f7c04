"""What recurs from chart to chart: codings, statuses, flags, each worked out once and then known by its bytes.

What is remembered is bounded in number and length, so that no chart can fill the memory, and holds no patient's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from service.domain.index import CodeIndex, Test, TestCode
from service.domain.record import Concept, Flag
from service.domain.terms import Analyte, Role
from service.fhir import decoding
from service.fhir.measures import flag_of
from service.fhir.remembered import Remembered
from service.fhir.shapes import NOT_TOLD, CodeableConcept

_Meaning = TypeVar("_Meaning")
_MOST, _LONGEST = 8192, 2048
#: Results that show a bleeding risk: one that cannot be read is a hazard nobody can judge.
HAZARDS = frozenset({Analyte.INR, Analyte.PLATELETS})
#: What words alone in a Condition never say.
_CODED_ONLY = frozenset({Role.COBALT, Role.PREGNANCY, Role.ANTIDOTE, Role.RELATIVE})
_NO_CONCEPT = CodeableConcept()


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What an Observation's code asks: which tests, of one analyte or mixed, or which states.

    Told apart by identity, cheap to look things up by: what is written alike, and is remembered, is the same.
    """

    test: Test | None
    tests: tuple[TestCode, ...]
    states: tuple[Concept, ...]
    mixed: bool
    hazard: bool
    plain: Analyte | None = None
    """What is measured, where that is one thing."""


class Meant(NamedTuple):
    """What a Condition's code means, and whether only its words say so."""

    concepts: tuple[Concept, ...]
    text_only: bool


class Named(NamedTuple):
    """What a medicine's code names, its words in small letters, and how it is called.

    `worded` says that the words name vitamin B12, `mixed` that they do beside folic acid: no folic acid alone.
    `written` is the code as JSON, where it was one.
    """

    concepts: tuple[Concept, ...]
    words: str
    title: str | None
    worded: bool
    mixed: bool
    antidote: Concept | None
    written: bytes | None = None


class B12Words(NamedTuple):
    """The words that name vitamin B12, and those that say that it was given as an antidote."""

    any: tuple[str, ...]
    antidote: tuple[tuple[str, Concept], ...]

    def antidote_in(self, text: str) -> Concept | None:
        """Return the antidote that a text in small letters names, or None."""
        return next((concept for word, concept in self.antidote if word in text), None)


NOTHING_ASKED = Asked(None, (), (), mixed=False, hazard=False)


def remembered(work_out: Callable[[bytes], _Meaning]) -> Remembered[bytes, _Meaning]:
    """Return what pieces of JSON mean; one that does not fit its shape raises as when it is decoded."""
    return Remembered(work_out, _MOST, lambda written: len(written) <= _LONGEST)


class Vocabulary:
    """The codes that are known, and what the pieces of charts seen so far mean by them."""

    def __init__(self, index: CodeIndex) -> None:
        """Begin knowing the codes alone."""
        self.index = index
        self.b12 = B12Words(
            tuple(word for word, concept in index.words if Role.COBALT in concept.roles),
            tuple((word, concept) for word, concept in index.words if Role.ANTIDOTE in concept.roles),
        )
        self.problem_words = tuple((word, concept) for word, concept in index.words if not concept.roles & _CODED_ONLY)
        self.relative_words = tuple((word, concept) for word, concept in index.words if Role.RELATIVE in concept.roles)
        self.asked: Remembered[bytes, Asked] = remembered(self._asked)
        self.problem: Remembered[bytes, Meant] = remembered(self._problem)
        self.problem_matters: Remembered[bytes, bool] = remembered(lambda code: bool(self.problem[code].concepts))
        self.medicine_matters: Remembered[bytes, bool] = remembered(self._medicine_matters)
        self.concepts: Remembered[bytes, tuple[Concept, ...]] = remembered(self._concepts)
        self.medicine: Remembered[bytes, Named] = remembered(self._medicine)
        self.status: Remembered[bytes, tuple[str, ...]] = remembered(_status)
        self.flag: Remembered[bytes, tuple[Flag | None, bool | None]] = remembered(_flag)

    def named(self, code: CodeableConcept) -> Named:
        """Return what a medicine's code names; of the cobalamins only the one that says most."""
        found: dict[str, Concept] = {}
        for coding in code.coding:
            name = coding.display or code.text or coding.code
            concept = self.index.medicine(coding.system or "", coding.code or "", name)
            if concept is not None:
                known = found.get(concept.id)
                found[concept.id] = known if known is not None and known.form else concept
        words = " ".join([text for text in (code.text, *(c.display for c in code.coding)) if text]).lower()
        concepts = _telling(tuple(found.values()))
        worded = any(word in words for word in self.b12.any)
        roles = frozenset[Role]().union(*(concept.roles for concept in concepts))
        mixed = worded and Role.FOLIC_ACID in roles and Role.COBALAMIN not in roles
        return Named(concepts, words, code.text, worded, mixed, self.b12.antidote_in(words))

    def _asked(self, written: bytes) -> Asked:
        code = concept_in(written)
        keys = dict.fromkeys((coding.system or "", coding.code or "") for coding in code.coding)
        tests = tuple(self.index.tests[key] for key in keys if key in self.index.tests)
        known = (self.index.concepts.get(key) for key in keys)
        states = tuple(c for c in known if c is not None and Role.STATUS_OBSERVATION in c.roles)
        if not tests and not states:
            return NOTHING_ASKED
        analytes = {code.test.analyte for code in tests}
        test = tests[0].test if tests else None
        hazard = not HAZARDS.isdisjoint(analytes)
        plain = test.analyte if test is not None and len(analytes) == 1 else None
        return Asked(test, tests, states, len(analytes) > 1, hazard, plain)

    def _problem(self, written: bytes) -> Meant:
        code = concept_in(written)
        found = self._coded(code)
        if found:
            return Meant(found, text_only=False)
        words = (code.text or "").lower()
        worded = {concept.id: concept for word, concept in self.problem_words if word in words}
        return Meant(tuple(worded.values()), text_only=True)

    def _concepts(self, written: bytes) -> tuple[Concept, ...]:
        return self._coded(concept_in(written))

    def _medicine(self, written: bytes) -> Named:
        return self.named(concept_in(written))._replace(written=written)

    def _medicine_matters(self, written: bytes) -> bool:
        """Return whether a medicine's code names what is looked for, or is not there, so that a reference may."""
        named = self.medicine[written]
        return written in NOT_TOLD or bool(named.concepts) or named.worded

    def _coded(self, code: CodeableConcept) -> tuple[Concept, ...]:
        """Return what codes mean, each thing once."""
        known = (self.index.concept(coding.system or "", coding.code or "") for coding in code.coding)
        return tuple({concept.id: concept for concept in known if concept is not None}.values())


def concept_in(written: bytes) -> CodeableConcept:
    """Return the CodeableConcept in a piece of JSON, an empty one when there is none; raises what decoding raises."""
    return (decoding.decode_concept.decode(written) if written else None) or _NO_CONCEPT


def _telling(found: tuple[Concept, ...]) -> tuple[Concept, ...]:
    cobalamins = [concept for concept in found if Role.COBALAMIN in concept.roles]
    if len(cobalamins) < 2:
        return found
    best = next((concept for concept in cobalamins if concept.form), cobalamins[0])
    return tuple(c for c in found if c is best or Role.COBALAMIN not in c.roles)


def _status(written: bytes) -> tuple[str, ...]:
    """Return what a status says, in codes or, without any, in words."""
    concept = concept_in(written)
    coded = tuple(coding.code for coding in concept.coding if coding.code)
    return coded or ((concept.text.strip().lower().replace(" ", "-"),) if concept.text else ())


def _flag(written: bytes) -> tuple[Flag | None, bool | None]:
    concepts: Iterable[CodeableConcept] | None = decoding.decode_concepts.decode(written) if written else None
    return flag_of(concepts or ())
