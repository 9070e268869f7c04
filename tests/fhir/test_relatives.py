"""What runs in the family, and whether somebody is pregnant now."""

from datetime import date

import pytest

from service.domain.evidence import gather
from service.domain.terms import Role
from service.fhir.whose import OtherPatient
from service.knowledge.load import load

from .kit import ICD_CM, ME, PERNICIOUS, PREGNANT, SCT, coded, condition, nothing_read, observation, quantity, read

TODAY = date(2026, 11, 22)
PROTOCOL = load().book.protocols["uk-ng239"]
STATUS = "82810-3"


def relative(code, **changes):
    base = {
        "resourceType": "FamilyMemberHistory",
        "id": "f1",
        "status": "completed",
        "patient": ME,
        "condition": [{"code": code}],
    }
    return {name: value for name, value in (base | changes).items() if value is not ...}


@pytest.mark.parametrize(
    "code",
    [
        coded(PERNICIOUS),
        coded((SCT, "190634004")),
        coded((ICD_CM, "D51.0")),
        {"text": "Pernicious anaemia in mother"},
        {"text": "Vitamin B12 deficiency"},
    ],
)
def test_b12_deficiency_of_a_relative_is_a_risk_and_no_diagnosis(code):
    (problem,) = read(relative(code)).problems

    assert problem.concept.roles == {Role.RISK, Role.RELATIVE}
    assert problem.concept.cause is None
    assert (problem.resource, problem.active, problem.text_only) == ("FamilyMemberHistory/f1", True, False)


@pytest.mark.parametrize(
    "history",
    [
        relative(coded((SCT, "38341003"))),
        relative({"text": "Hypertension"}),
        relative(coded(PERNICIOUS), status="entered-in-error"),
        relative(coded(PERNICIOUS), condition=...),
        relative(coded(PERNICIOUS), condition=[{}]),
    ],
)
def test_anything_else_in_the_family_is_passed_over(history):
    assert nothing_read(history)


def test_a_family_history_that_cannot_be_read_is_told():
    (told,) = read(relative(coded(PERNICIOUS), condition="pernicious anaemia")).unreadable

    assert told.resource == "FamilyMemberHistory/f1"


def test_two_affected_conditions_of_one_relative_are_one_risk():
    both = [{"code": coded(PERNICIOUS)}, {"code": {"text": "B12 deficiency"}}]

    assert len(read(relative(None, condition=both)).problems) == 1


def test_the_family_of_another_patient_is_refused():
    with pytest.raises(OtherPatient):
        read(relative(coded(PERNICIOUS), patient={"reference": "Patient/other"}))


def test_the_same_words_among_the_problems_are_no_family_history():
    assert nothing_read(condition(code={"text": "pernicious anaemia"}))


def answered(text, day):
    said = {"text": text} if text else coded(PREGNANT)
    return observation(STATUS, valueQuantity=..., valueCodeableConcept=said, effectiveDateTime=day)


def expecting(day):
    return condition(PREGNANT, **({"onsetDateTime": day} if day else {}))


@pytest.mark.parametrize(
    ("chart", "pregnant"),
    [
        ((expecting("2023-05-01"),), ["Condition/c1"]),
        ((expecting("2023-05-01"), answered("Not pregnant", "2026-10-01")), []),
        ((expecting("2026-10-02"), answered("Not pregnant", "2026-10-01")), ["Condition/c1"]),
        ((expecting("2026-10-01"), answered("Not pregnant", "2026-10-01")), ["Condition/c1"]),
        ((expecting(None), answered("Not pregnant", "2026-10-01")), ["Condition/c1"]),
        ((expecting("2023-05-01"), answered("Not pregnant", "2025-01-01")), ["Condition/c1"]),
        ((expecting("2026-05-01"), answered(None, "2026-10-01")), ["Condition/c1", "Observation/o1"]),
        ((answered("Not pregnant", "2026-10-01"),), []),
    ],
)
def test_a_current_status_that_denies_a_pregnancy_is_believed_before_an_older_problem(chart, pregnant):
    assert list(gather(read(*chart), PROTOCOL, TODAY).pregnant) == pregnant


def on_day(loinc, value, **changes):
    return observation(loinc, valueQuantity=value, effectiveDateTime="2026-11-01", **changes)


LOW_CELLS = {"referenceRange": [{"low": {"value": 340, "unit": "nmol/L"}}]}


@pytest.mark.parametrize(
    ("serum", "cells", "low"),
    [
        (2, None, True),
        (8, None, False),
        (None, {}, None),
        (None, LOW_CELLS, True),
        (8, LOW_CELLS, True),
        (8, {}, False),
        (None, None, None),
    ],
)
def test_folate_is_low_in_serum_or_by_the_laboratory_in_red_cells(serum, cells, low):
    chart = []
    if serum is not None:
        chart.append(on_day("2284-8", quantity(serum, "ug/L")))
    if cells is not None:
        chart.append(on_day("14731-4", quantity(200, "nmol/L"), id="o2", **cells))

    assert gather(read(*chart), PROTOCOL, TODAY).folate_low is low


def test_a_creatinine_in_either_unit_is_the_same_creatinine():
    (mass,) = read(observation("2160-0", valueQuantity={"value": 1.5, "unit": "mg/dL"})).results
    (moles,) = read(observation("14682-9", valueQuantity={"value": 132.6, "unit": "umol/L"})).results

    assert mass.measure == moles.measure
