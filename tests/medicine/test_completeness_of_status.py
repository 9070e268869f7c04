"""Every status rule can decide, and every combination of findings has one status: on the domain, not on charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import product

import pytest

from service.domain.assess import RULES, Assessment, assess
from service.domain.evidence import Evidence, gather
from service.domain.protocol import Book
from service.domain.record import Concept, Course, Exposure, Form, Measure, Problem, Result, When, record_of
from service.domain.results import Marker
from service.domain.terms import Analyte, Mechanism, Role, Status
from service.knowledge.load import load
from tests.vignettes import TODAY

RECENT = TODAY - timedelta(days=5)
LONG_AGO = TODAY - timedelta(days=400)
#: One value in each band of uk-ng239, and none.
B12 = {"low": "120", "between": "260", "normal": "500", "none": None}
MMA = {"raised far": "0.90", "raised": "0.50", "borderline": "0.33", "normal": "0.20", "none": None}
HOMOCYSTEINE = {"raised": "24", "normal": "9", "none": None}
EGFR = {"impaired": "40", "unknown": None}
FOLATE = {"low": "2", "none": None}
THERAPY = {"none": None, "injections": Form.INJECTION, "tablets": Form.ORAL}
AGES = {"grown": 50, "under 16": 15, "unknown": None}
SIGNS = {
    "gas": Role.NITROUS_OXIDE_MISUSE,
    "neurology": Role.NEUROLOGY,
    "pregnant": Role.PREGNANCY,
    "picture": Role.STRONG_PICTURE,
    "autoimmune": Role.B12_DIAGNOSIS,
}


@cache
def book() -> Book:
    return load().book


def result(analyte: Analyte, value: str, unit: str) -> Result:
    return Result(
        analyte, f"Observation/{analyte}", When(RECENT, RECENT), f"{value} {unit}", Measure(Decimal(value), unit)
    )


def problem(name: str) -> Problem:
    cause = "pernicious-anaemia" if name == "autoimmune" else None
    concept = Concept(name, name, frozenset({SIGNS[name]}), cause)
    return Problem(concept, f"Condition/{name}", None, None, active=True, certain=True)


def taken(form: Form) -> Exposure:
    concept = Concept("cobalamin", "cobalamin", frozenset({Role.COBALAMIN}))
    return Exposure(concept, "MedicationRequest/b12", Course.ACTIVE, form, LONG_AGO, None)


def told(age: int | None, every: int = 1) -> Iterator[Evidence]:
    """Every (or every nth) combination of the findings that the rules look at."""
    born = date(TODAY.year - age, 1, 1) if age is not None else None
    birth = When(born, born) if born else None
    protocol = book().protocols["uk-ng239"]
    place = -1
    signs = list(product((False, True), repeat=len(SIGNS)))
    for b12, mma, hcy, egfr, folate, form in product(
        B12.values(), MMA.values(), HOMOCYSTEINE.values(), EGFR.values(), FOLATE.values(), THERAPY.values()
    ):
        labs = [
            result(analyte, value, unit)
            for analyte, value, unit in (
                (Analyte.B12, b12, "ng/L"),
                (Analyte.MMA, mma, "umol/L"),
                (Analyte.HOMOCYSTEINE, hcy, "umol/L"),
                (Analyte.EGFR, egfr, "mL/min"),
                (Analyte.FOLATE, folate, "ug/L"),
            )
            if value is not None
        ]
        for present in signs:
            place += 1
            if place % every:
                continue
            record = record_of(
                labs,
                birth=birth,
                problems=tuple(problem(name) for name, here in zip(SIGNS, present, strict=True) if here),
                exposures=(taken(form),) if form else (),
            )
            yield gather(record, protocol, TODAY)


@cache
def judged() -> tuple[tuple[Evidence, Assessment], ...]:
    return tuple((evidence, assess(evidence, book().causes)) for evidence in told(AGES["grown"]))


def test_every_rule_decides_somewhere(record_property: Callable[[str, object], None]) -> None:
    decided = Counter(id(verdict.rule) for _, verdict in judged())
    by_age = {id(assess(next(told(age)), book().causes).rule) for age in (AGES["under 16"], AGES["unknown"])}
    record_property("count", f"completeness of status: {len(judged()):,} combinations of findings, {len(RULES)} rules")

    assert [rule.says for rule in RULES if id(rule) not in {*decided, *by_age}] == []


@pytest.mark.parametrize(("age", "status"), [("under 16", Status.OUT_OF_SCOPE), ("unknown", Status.UNKNOWN)])
def test_age_comes_before_every_finding(age: str, status: Status) -> None:
    for evidence in told(AGES[age], every=23):
        verdict = assess(evidence, book().causes)
        assert (verdict.status, verdict.start_now) == (status, False)


# What no status may be, from decisions, section 3: whom it is about, and what breaks it.


def _raised(evidence: Evidence) -> bool:
    readings = (evidence.mma_alone, evidence.homocysteine_alone)
    return any(reading is not None and reading.marker is Marker.RAISED for reading in readings)


def _seen(evidence: Evidence, role: Role) -> bool:
    return any(role in each.concept.roles for each in evidence.record.problems)


def _b12(evidence: Evidence) -> str | None:
    """The B12 of the chart by its printed value; None on therapy, where it does not count."""
    found = evidence.record.of(Analyte.B12)
    return found[0].measure.value.__str__() if found and found[0].measure and not evidence.record.exposures else None


def _failed_tablets(evidence: Evidence) -> bool:
    """A low total B12 while on tablets: the one use of a B12 taken on therapy."""
    low = any(r.measure and r.measure.value < 180 for r in evidence.record.of(Analyte.B12))
    return low and any(e.form is Form.ORAL for e in evidence.record.exposures)


WRONG: dict[str, Callable[[Evidence, Assessment], bool]] = {
    "confirmed without a low B12, a raised marker, a recorded diagnosis or failing tablets": lambda e, v: (
        v.status is Status.CONFIRMED
        and _b12(e) != B12["low"]
        and not _raised(e)
        and not _seen(e, Role.B12_DIAGNOSIS)
        and not _failed_tablets(e)
    ),
    "a low B12 not confirmed, but in a pregnancy that may explain it": lambda e, v: (
        _b12(e) == B12["low"] and v.status is not Status.CONFIRMED and not _seen(e, Role.PREGNANCY)
    ),
    "a marker confirms although the kidneys are impaired": lambda e, v: (
        v.status is Status.CONFIRMED
        and e.renal is True
        and _b12(e) != B12["low"]
        and not _seen(e, Role.B12_DIAGNOSIS)
        and not _failed_tablets(e)
    ),
    "homocysteine alone confirms, without low B12 or nitrous oxide": lambda e, v: (
        v.status is Status.CONFIRMED
        and (e.mma_alone is None or e.mma_alone.marker is not Marker.RAISED)
        and _b12(e) != B12["low"]
        and not _seen(e, Role.NITROUS_OXIDE_MISUSE)
        and not _seen(e, Role.B12_DIAGNOSIS)
        and not _failed_tablets(e)
    ),
    "confirmed and not treated": lambda e, v: v.status is Status.CONFIRMED and not v.start_now,
    "treated without a deficiency in question": lambda e, v: (
        v.start_now and v.status not in (Status.CONFIRMED, Status.INDETERMINATE)
    ),
    "not settled, and treated without a pressing reason": lambda e, v: (
        v.status is Status.INDETERMINATE
        and v.start_now
        and not _seen(e, Role.NEUROLOGY)
        and not _seen(e, Role.B12_DIAGNOSIS)
    ),
    "neurology not settled, and not treated": lambda e, v: (
        v.status is Status.INDETERMINATE and _seen(e, Role.NEUROLOGY) and not v.start_now
    ),
    "unlikely although nitrous oxide meets neurology": lambda e, v: (
        v.status is Status.UNLIKELY
        and _seen(e, Role.NITROUS_OXIDE_MISUSE)
        and _seen(e, Role.NEUROLOGY)
        and not any(x.form is Form.INJECTION for x in e.record.exposures)
    ),
    "unlikely although the picture is strong and B12 normal": lambda e, v: (
        v.status is Status.UNLIKELY and _seen(e, Role.STRONG_PICTURE) and _b12(e) == B12["normal"]
    ),
    "autoimmune gastritis on record is not the deciding cause": lambda e, v: (
        bool(v.causes) and _seen(e, Role.B12_DIAGNOSIS) and v.mechanism is not Mechanism.AUTOIMMUNE_GASTRITIS
    ),
    "a deficiency to explain without a cause": lambda e, v: (
        v.status in (Status.CONFIRMED, Status.INDETERMINATE, Status.ON_TREATMENT) and not v.causes
    ),
}


def test_no_combination_of_findings_gets_a_status_the_decisions_forbid() -> None:
    broken = Counter(name for e, verdict in judged() for name, wrong in WRONG.items() if wrong(e, verdict))

    assert broken == {}
