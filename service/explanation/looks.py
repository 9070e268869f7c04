"""What a status rule looks at: its own predicate is run again on evidence that remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from service.domain.assess import Case, Rule
from service.domain.attribute import Causes
from service.domain.evidence import Evidence
from service.domain.record import Result
from service.domain.results import Reading
from service.domain.terms import Role
from service.explanation.facts import Facts, Sources
from service.explanation.trace import Cited, Finding, Look


class _Watched:
    """Stands for the evidence or the causes, and notes in order what is asked of them."""

    __slots__ = ("_asked", "_real")

    def __init__(self, real: object, asked: list[str]) -> None:
        self._real, self._asked = real, asked

    def __getattr__(self, name: str) -> Any:
        self._asked.append(name)
        return getattr(self._real, name)


def asked_by(rule: Rule, case: Case) -> tuple[bool, tuple[str, ...]]:
    """Return whether a rule fits, and what it asked of the case, in order, the last question last."""
    asked: list[str] = []
    watched = Case(cast(Evidence, _Watched(case.evidence, asked)), cast(Causes, _Watched(case.causes, asked)))
    fits = rule.fits(watched)
    last = dict.fromkeys(name for name in reversed(asked) if name not in _FRAME)
    return fits, tuple(reversed(last))


#: What every rule may use and no rule decides by: the lines themselves, and the day.
_FRAME = frozenset({"protocol", "today"})

Words = Callable[[Evidence, Facts], tuple[str, tuple[Finding, ...]]]


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing a rule can ask for: its name, how it reads, and which lines of the protocol it was compared with."""

    at: str
    reads: Words
    lines: tuple[str, ...] = ()


def look(name: str, case: Case, facts: Facts, sources: Sources) -> Look:
    """Return what a rule saw when it asked for something; raises KeyError for what has no words yet."""
    evidence = case.evidence
    if name in ("found", "causes"):
        found = case.causes.found
        return Look(
            at="causes found",
            found=", ".join(a.cause.title for a in found) or "none",
            findings=facts.of(r for a in found for r in a.basis),
            cites=(),
        )
    facet = FACETS[name]
    words, findings = facet.reads(evidence, facts)
    known = evidence.protocol.citations
    return Look(at=facet.at, found=words, findings=findings, cites=_cites(facet.lines, known, sources))


def _cites(lines: tuple[str, ...], known: Any, sources: Sources) -> tuple[Cited, ...]:
    return tuple(dict.fromkeys(sources.of(known[line]) for line in lines if line in known))


def _one(result: Result | None, words: str, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    return words, facts.result(result)


def _marker(reading: Reading | None, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    return (reading.marker.value, facts.result(reading.result)) if reading else ("no result that counts", ())


def _yes(resources: tuple[str, ...], facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    return ("on record", facts.of(resources)) if resources else ("none on record", ())


def _age(evidence: Evidence, _: Facts) -> tuple[str, tuple[Finding, ...]]:
    if evidence.age is None:
        return "no birth date that can be read", ()
    least, most = evidence.age
    return (f"{least} years" if least == most else f"{least} to {most} years"), ()


def _band(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    if evidence.band is not None:
        return _one(evidence.b12, evidence.band.value, facts)
    if evidence.b12 is not None:
        return _one(evidence.b12, "in no band of this protocol", facts)
    aside = tuple(r.resource for r, _ in evidence.set_aside)
    why = ", ".join(dict.fromkeys(w.value for _, w in evidence.set_aside))
    return (f"none that counts: {why}" if why else "no result"), facts.of(aside)


def _renal(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    words = {True: "impaired", False: "not impaired", None: "not known, counted as not impaired"}
    return words[evidence.renal], facts.of(evidence.kidney)


def _therapy(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    active = evidence.therapy.active
    return (("on record" if active else "none on record"), facts.of(e.resource for e in active))


def _symptom(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    coded = (*evidence.neurology, *evidence.possible_neurology, *(s for s in evidence.symptoms if not s.text_only))
    return _yes(tuple(p.resource for p in coded), facts)


def _diagnosis(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    return _yes(tuple(p.resource for p in evidence.record.active_problems(Role.B12_DIAGNOSIS)), facts)


def _folate(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    words = {True: "low", False: "not low", None: "not known"}
    return _one(evidence.folate, words[evidence.folate_low], facts)


def _anaemia(evidence: Evidence, facts: Facts) -> tuple[str, tuple[Finding, ...]]:
    return _one(evidence.haemoglobin, "yes" if evidence.anaemia else "no", facts)


_MMA = ("mma-raised", "mma-borderline", "mma-high")
_HCY = ("homocysteine-raised",)
#: By the name of what is asked of the evidence.
FACETS: dict[str, Facet] = {
    "age": Facet("age", _age, ("age-minimum",)),
    "band": Facet("band of the B12 that decides", _band, ("bands.b12", "bands.active-b12")),
    "b12": Facet("B12 that decides", _band, ("bands.b12", "bands.active-b12")),
    "total_low": Facet("low total B12", lambda e, f: _one(e.b12, "yes" if e.total_low else "no", f), ("bands.b12",)),
    "active_b12": Facet(
        "active B12",
        lambda e, f: _one(e.active_b12, "there" if e.active_b12 else "no result that counts", f),
        ("bands.active-b12",),
    ),
    "mma": Facet("MMA beside that B12", lambda e, f: _marker(e.mma, f), _MMA),
    "mma_alone": Facet("newest MMA", lambda e, f: _marker(e.mma_alone, f), _MMA),
    "homocysteine": Facet("homocysteine beside that B12", lambda e, f: _marker(e.homocysteine, f), _HCY),
    "homocysteine_alone": Facet("newest homocysteine", lambda e, f: _marker(e.homocysteine_alone, f), _HCY),
    "folate_low": Facet("folate", _folate, ("folate-low",)),
    "renal": Facet("kidneys", _renal, ("egfr-impaired",)),
    "gas": Facet("exposure to nitrous oxide", lambda e, f: _yes(e.gas, f), ("misuse-months", "medical-gas-weeks")),
    "neurological": Facet("attributable neurology", lambda e, f: _yes(tuple(p.resource for p in e.neurology), f)),
    "strong_picture": Facet("strong picture", lambda e, f: _yes(e.strong_picture, f)),
    "pregnant": Facet("pregnancy now", lambda e, f: _yes(e.pregnant, f), ("pregnancy-status-days",)),
    "any_symptom": Facet("any coded symptom", _symptom),
    "anaemia": Facet("anaemia", _anaemia, ("haemoglobin-anaemia",)),
    "therapy": Facet("B12 therapy now", _therapy, ("treated-weeks",)),
    "record": Facet("recorded diagnosis", _diagnosis),
}
