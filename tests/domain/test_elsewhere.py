"""What another protocol would do with a patient is what it does, whichever way it is worked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from service.compare.worked import worked
from service.domain.decision import Decision, decide
from service.domain.elsewhere import View, differs, elsewhere, view_of
from service.domain.protocol import Book, Protocol
from service.domain.record import Concept, Course, Exposure, Flag, Form, Record, record_of
from service.domain.terms import Analyte, Role
from service.fhir.pages import sheet
from service.fhir.reading import Reader
from tests.medicine.test_sharp import (
    ADULT,
    B12,
    BOOK,
    COBALAMIN,
    KNOWN,
    MMA,
    NERVES,
    PREGNANT,
    TODAY,
    b12,
    problem,
    result,
)

READER = Reader(KNOWN.index)


def shifted(protocol: Protocol, name: str, by: str) -> Protocol:
    """The same guideline with other lines for B12."""
    bands = {
        analyte: {unit: replace(line, low_below=line.low_below * Decimal(by)) for unit, line in lines.items()}
        for analyte, lines in protocol.bands.items()
    }
    return replace(protocol, id=name, bands=bands)


def book() -> Book:
    """The shipped guidelines, and sites' own: other lines, none at all for active B12, other limits."""
    shipped = dict(BOOK.protocols)
    uk, us = shipped["uk-ng239"], shipped["us-aafp"]
    own = (
        shifted(uk, "higher", "1.3"),
        shifted(us, "lower", "0.6"),
        replace(uk, id="short", limits=replace(uk.limits, b12_months=2, mma_raised=Decimal("0.9"))),
        replace(us, id="severe", limits=replace(us.limits, haemoglobin_severe=Decimal(11), age_minimum=60)),
    )
    return replace(BOOK, protocols=shipped | {protocol.id: protocol for protocol in own})


WHOLE = book()


def expected(record: Record, decision: Decision, today: date) -> Iterator[View]:
    """What each of the others decides by itself, where that differs."""
    own = view_of(decision)
    for other in WHOLE.protocols.values():
        view = view_of(decide(record, other, WHOLE, today))
        if other is not decision.protocol and differs(view, own):
            yield view


def hold(record: Record, today: date) -> None:
    for protocol in WHOLE.protocols.values():
        decision = decide(record, protocol, WHOLE, today)
        assert elsewhere(decision, WHOLE) == tuple(expected(record, decision, today)), protocol.id


@pytest.mark.parametrize("patient", worked(), ids=lambda patient: patient.id)
def test_a_worked_patient_is_seen_by_others_as_they_see_him(patient) -> None:
    hold(READER.read(sheet(patient.chart).items, None), date.fromisoformat(str(patient.today)))


FLAGGED = result(B12, None, days=300, name="flagged", flag=Flag.LOW)
ACTIVE = result(Analyte.ACTIVE_B12, "40", "pmol/L", name="active")
TABLETS = Exposure(COBALAMIN, "MedicationRequest/b", Course.ACTIVE, Form.ORAL, date(2025, 1, 5), None)
INJECTIONS = TABLETS._replace(form=Form.INJECTION)
NEW_TABLETS = TABLETS._replace(start=TODAY - timedelta(days=20))


@pytest.mark.parametrize(
    "results",
    [
        (b12("170"),),
        (b12("200"), b12("120", 200)._replace(resource="Observation/old")),
        (b12("200"), FLAGGED),
        (b12("170"), b12("300")._replace(resource="Observation/same-day")),
        (result(B12, "190", "ng/L", comparator="<"), b12("160", 30)._replace(resource="Observation/older")),
        (ACTIVE, b12("170")),
        (ACTIVE, b12("170", 30)),
        (b12("250"), result(MMA, "0.8")),
        (result(MMA, "0.8"),),
        (b12("210"), result(Analyte.HAEMOGLOBIN, "105", "g/L")),
    ],
    ids=[
        "low for some",
        "older",
        "only flagged",
        "same day",
        "comparator",
        "active",
        "active newer",
        "mma",
        "alone",
        "hb",
    ],
)
@pytest.mark.parametrize("expecting", [False, True], ids=["", "pregnant"])
@pytest.mark.parametrize(
    "taken", [(), (TABLETS,), (INJECTIONS,), (NEW_TABLETS,)], ids=["untreated", "tablets", "injections", "new"]
)
@pytest.mark.parametrize("severe", [False, True], ids=["", "severe"])
def test_the_short_way_is_the_long_one(results, expecting: bool, taken: tuple[Exposure, ...], severe: bool) -> None:
    problems = ((problem(PREGNANT),) if expecting else ()) + ((problem(NERVES),) if severe else ())
    dosed = tuple(r._replace(shown="x") for r in results)
    hold(record_of(dosed, problems, taken, birth=ADULT), TODAY)


@pytest.mark.parametrize("severe", [(), (result(Analyte.HAEMOGLOBIN, "60", "g/L"),)], ids=["", "severe anaemia"])
def test_a_sample_from_before_the_tablets_is_seen_alike(severe) -> None:
    hold(record_of((b12("210", 40), *severe), (problem(NERVES),), (NEW_TABLETS,), birth=ADULT), TODAY)


def test_a_site_that_stocks_nothing_for_it_has_no_first_option() -> None:
    us = WHOLE.protocols["us-aafp"]
    empty = replace(us, id="empty", products=())
    with_it = replace(WHOLE, protocols={**WHOLE.protocols, "empty": empty})
    decision = decide(record_of((b12("90"),), birth=ADULT), us, with_it, TODAY)
    (view,) = [view for view in elsewhere(decision, with_it) if view.protocol is empty]

    assert (view.option, view.status) == (None, decision.assessment.status)
    assert decision.schedules


def test_a_concept_without_a_role_changes_nobodys_view() -> None:
    other = problem(Concept("x", "x", frozenset({Role.RISK})))
    hold(record_of((b12("170"),), (other,), birth=ADULT), TODAY)
