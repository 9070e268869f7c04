"""Medicines ordered, taken and given: which count, how, from when to when."""

from datetime import date
from decimal import Decimal

import pytest

from service.domain.record import Course, Form
from service.domain.terms import Role

from .kit import (
    ATC,
    CHLORAMPHENICOL,
    CYANO,
    DMD,
    HYDROXO,
    METFORMIN,
    RX,
    SCT,
    administration,
    bundle,
    coded,
    items_of,
    nothing_read,
    only_exposure,
    only_told,
    read,
    repeated,
    request,
    statement,
    the_reader,
)

JANUARY = date(2026, 1, 5)


@pytest.mark.parametrize(
    ("changes", "course"),
    [
        ({"status": "active"}, Course.ACTIVE),
        ({"status": "active", "intent": "plan"}, Course.ACTIVE),
        ({"status": "active", "intent": "instance-order"}, Course.ACTIVE),
        ({"status": "active", "intent": ...}, Course.ACTIVE),
        ({"status": "completed"}, Course.ENDED),
        ({"status": "stopped"}, Course.ENDED),
        ({"status": "on-hold"}, Course.ENDED),
        ({"status": "draft"}, Course.DRAFT),
        ({"status": "draft", "intent": "proposal"}, Course.DRAFT),
        ({"status": "active", "intent": "proposal"}, Course.DRAFT),
        ({"status": "active", "intent": "option"}, Course.DRAFT),
    ],
)
def test_a_request_stands_where_its_status_and_intent_say(changes, course):
    assert only_exposure(request(**changes)).course is course


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "cancelled"},
        {"status": "entered-in-error"},
        {"doNotPerform": True},
        {"status": "draft", "doNotPerform": True},
        {"status": "completed", "intent": "proposal"},
        {"status": "stopped", "intent": "option"},
    ],
)
def test_a_request_for_what_was_never_taken_is_none(changes):
    assert nothing_read(request(**changes))


@pytest.mark.parametrize("status", ["unknown", "signed", ...])
@pytest.mark.parametrize("made", [request, statement, administration])
def test_a_status_that_does_not_tell_is_told_if_the_medicine_matters(made, status):
    assert "status" in only_told(made(status=status)).why
    assert nothing_read(made((RX, "198440"), status=status))


@pytest.mark.parametrize(
    ("status", "course"),
    [
        ("active", Course.ACTIVE),
        ("completed", Course.ENDED),
        ("stopped", Course.ENDED),
        ("on-hold", Course.ENDED),
    ],
)
def test_a_statement_stands_where_its_status_says(status, course):
    assert only_exposure(statement(status=status)).course is course


@pytest.mark.parametrize("status", ["intended", "not-taken", "entered-in-error"])
def test_a_statement_of_what_is_not_taken_is_none(status):
    assert nothing_read(statement(status=status))


@pytest.mark.parametrize("status", ["completed", "in-progress", "stopped", "on-hold"])
def test_a_dose_that_was_begun_was_given(status):
    assert only_exposure(administration(status=status)).course is Course.GIVEN


@pytest.mark.parametrize("status", ["not-done", "entered-in-error"])
def test_a_dose_that_was_not_given_is_none(status):
    assert nothing_read(administration(status=status))


def test_a_dose_without_a_date_is_told():
    assert "no date" in only_told(administration(effectiveDateTime=...)).why


def days(start, end=None):
    return (start and date.fromisoformat(start), end and date.fromisoformat(end))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, days("2026-01-05")),
        ({"authoredOn": "2026-01"}, days("2026-01-01")),
        ({"authoredOn": ...}, days(None)),
        ({"authoredOn": "someday"}, days(None)),
        ({"dispenseRequest": {"validityPeriod": {"start": "2026-01-01", "end": "2026-06"}}}, days("2026-01-05")),
        (
            {"authoredOn": ..., "dispenseRequest": {"validityPeriod": {"start": "2026-01-01"}}},
            days("2026-01-01"),
        ),
        (
            {"status": "stopped", "dispenseRequest": {"validityPeriod": {"end": "2026-06"}}},
            days("2026-01-05", "2026-06-30"),
        ),
        (
            {"dosageInstruction": repeated(boundsPeriod={"start": "2026-02-01", "end": "2026-02-14"})},
            days("2026-02-01", "2026-02-14"),
        ),
        ({"dosageInstruction": repeated(boundsPeriod={"end": "2026-02"})}, days("2026-01-05", "2026-02-28")),
        ({"dosageInstruction": repeated(boundsPeriod={"start": "soon", "end": "later"})}, days("2026-01-05")),
        ({"dosageInstruction": repeated(boundsDuration={"value": 14, "code": "d"})}, days("2026-01-05", "2026-01-18")),
        ({"dosageInstruction": repeated(boundsDuration={"value": 2, "unit": "wk"})}, days("2026-01-05", "2026-01-18")),
        (
            {"dosageInstruction": repeated(boundsDuration={"value": 1, "unit": "week"})},
            days("2026-01-05", "2026-01-11"),
        ),
        ({"dosageInstruction": repeated(boundsDuration={"value": 48, "code": "h"})}, days("2026-01-05", "2026-01-06")),
        ({"dosageInstruction": repeated(boundsDuration={"value": 1, "code": "mo"})}, days("2026-01-05", "2026-02-03")),
        ({"dosageInstruction": repeated(boundsDuration={"value": 14, "code": "fortnight"})}, days("2026-01-05")),
        ({"dosageInstruction": repeated(boundsDuration={"value": -14, "code": "d"})}, days("2026-01-05")),
        ({"dosageInstruction": repeated(boundsDuration={"value": "NaN", "code": "d"})}, days("2026-01-05")),
        ({"dosageInstruction": repeated(boundsDuration={"value": "1e999999999", "code": "d"})}, days("2026-01-05")),
        (
            {"authoredOn": "9999-12-30", "dosageInstruction": repeated(boundsDuration={"value": 9, "code": "a"})},
            days("9999-12-30", "9999-12-31"),
        ),
    ],
)
def test_a_request_runs_from_its_bounds_or_its_signature_to_its_bounds(changes, expected):
    found = only_exposure(request(**changes))

    assert (found.start, found.end) == expected


LOADING = {"timing": {"repeat": {"boundsPeriod": {"start": "2026-01-05", "end": "2026-01-18"}}}}
THEN = {"timing": {"repeat": {"boundsPeriod": {"start": "2026-01-19", "end": "2026-07-18"}}}}


@pytest.mark.parametrize(
    ("dosages", "end"),
    [
        ([LOADING], date(2026, 1, 18)),
        ([LOADING, THEN], date(2026, 7, 18)),
        ([THEN, LOADING], date(2026, 7, 18)),
        ([LOADING, {"timing": {"repeat": {"frequency": 1, "period": 3, "periodUnit": "mo"}}}], None),
        ([LOADING, {"text": "then every 3 months for life"}], None),
    ],
)
def test_an_order_of_several_dosages_ends_with_the_last_and_never_when_one_has_no_end(dosages, end):
    found = only_exposure(request(dosageInstruction=dosages, authoredOn="2026-01-02"))

    assert (found.start, found.end) == (JANUARY, end)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, days("2026-01-05")),
        ({"effectivePeriod": {"start": "2026-01", "end": "2026-03"}}, days("2026-01-01", "2026-03-31")),
        ({"effectivePeriod": ..., "effectiveDateTime": "2026-02-02"}, days("2026-02-02")),
        ({"effectivePeriod": ..., "dateAsserted": "2026-03-03"}, days("2026-03-03")),
        ({"effectivePeriod": {"end": "2026-03-01"}, "dateAsserted": "2026-03-03"}, days("2026-03-03", "2026-03-01")),
        ({"effectivePeriod": ...}, days(None)),
        (
            {"dosage": repeated(boundsPeriod={"start": "2025-01-01", "end": "2026-01-31"})},
            days("2026-01-05", "2026-01-31"),
        ),
        (
            {"effectivePeriod": ..., "dosage": repeated(boundsPeriod={"start": "2025-01-01", "end": "2026-01-31"})},
            days("2025-01-01", "2026-01-31"),
        ),
    ],
)
def test_a_statement_runs_over_its_period_or_from_when_it_was_said(changes, expected):
    found = only_exposure(statement(**changes))

    assert (found.start, found.end) == expected


@pytest.mark.parametrize(
    ("dated", "expected"),
    [
        ({"effectiveDateTime": "2026-01-05T10:00:00+01:00"}, days("2026-01-05", "2026-01-05")),
        ({"effectiveDateTime": "2026-01"}, days("2026-01-01", "2026-01-31")),
        ({"effectivePeriod": {"start": "2026-01-05"}}, days("2026-01-05", "2026-01-05")),
        ({"effectivePeriod": {"start": "2026-01-05", "end": "2026-01-06"}}, days("2026-01-05", "2026-01-06")),
    ],
)
def test_a_dose_was_given_when_it_says(dated, expected):
    found = only_exposure(administration(**({"effectiveDateTime": ...} | dated)))

    assert (found.start, found.end) == expected


@pytest.mark.parametrize(
    ("repeat", "every"),
    [
        ({"frequency": 1, "period": 3, "periodUnit": "mo"}, Decimal(90)),
        ({"frequency": 1, "period": 2, "periodUnit": "d"}, Decimal(2)),
        ({"frequency": 3, "period": 1, "periodUnit": "wk"}, Decimal(7) / 3),
        ({"period": 8, "periodUnit": "wk"}, Decimal(56)),
        ({"frequency": 0, "period": 1, "periodUnit": "d"}, Decimal(1)),
        ({"frequency": -2, "period": 1, "periodUnit": "d"}, Decimal(1)),
        ({"period": 8}, None),
        ({"period": 8, "periodUnit": "fortnight"}, None),
        ({"period": -8, "periodUnit": "wk"}, None),
        ({"period": 0, "periodUnit": "wk"}, None),
        ({"period": "NaN", "periodUnit": "wk"}, None),
        ({"period": "1e999999999", "periodUnit": "wk"}, None),
        ({}, None),
    ],
)
def test_the_days_between_two_doses_come_from_the_timing(repeat, every):
    assert only_exposure(request(dosageInstruction=repeated(**repeat))).every_days == every


def route(*codings, text=None):
    return [{"route": coded(*codings, text=text)}]


@pytest.mark.parametrize(
    ("made", "form"),
    [
        (request(HYDROXO), Form.INJECTION),
        (request((RX, "309594")), Form.INJECTION),
        (request((RX, "309593")), Form.ORAL),
        (request((DMD, "39111511000001100")), Form.INJECTION),
        (request((SCT, "39111511000001100")), Form.INJECTION),
        (request((SCT, "327545000")), Form.ORAL),
        (request(CYANO), Form.UNKNOWN),
        (request(CYANO, (RX, "309593")), Form.ORAL),
        (request((RX, "309593"), CYANO, (ATC, "B03BA01")), Form.ORAL),
        (request((RX, "309593"), dosageInstruction=route((SCT, "78421000"))), Form.ORAL),
        (request(CYANO, dosageInstruction=route((SCT, "78421000"))), Form.INJECTION),
        (request(CYANO, dosageInstruction=route((SCT, "34206005"))), Form.INJECTION),
        (request(CYANO, dosageInstruction=route((SCT, "46713006"))), Form.NASAL),
        (request(CYANO, dosageInstruction=route((SCT, "26643006"))), Form.ORAL),
        (request(CYANO, dosageInstruction=route(("http://local", "IM"), text="Intramuscular")), Form.INJECTION),
        (request(CYANO, dosageInstruction=[{"text": "1 mg by mouth daily"}]), Form.ORAL),
        (request(CYANO, dosageInstruction=[{"text": "one tablet"}]), Form.ORAL),
        (request(CYANO, dosageInstruction=[{"text": "1 spray in one nostril weekly"}]), Form.NASAL),
        (request(medicationCodeableConcept=coded(CYANO, text="cyanocobalamin injection")), Form.INJECTION),
        (statement(CYANO, dosage=route((SCT, "78421000"))), Form.INJECTION),
        (administration(CYANO, dosage={"route": coded((SCT, "78421000"))}), Form.INJECTION),
        (request(CYANO, dosageInstruction=[{"text": "as before, temporal"}]), Form.UNKNOWN),
    ],
)
def test_how_a_medicine_is_given_comes_from_the_product_then_the_route_then_the_words(made, form):
    assert only_exposure(made).form is form


def test_several_codes_of_one_cobalamin_are_one_medicine_and_of_two_medicines_two():
    assert only_exposure(request((RX, "317106"), HYDROXO, CYANO)).concept.id == "hydroxocobalamin"
    assert len(read(request(CYANO, METFORMIN)).exposures) == 2


@pytest.mark.parametrize(
    ("changes", "systemic"),
    [
        ({"dosageInstruction": [{"text": "1 drop in each eye four times a day"}]}, False),
        ({"dosageInstruction": [{"route": {"text": "Ophthalmic"}}]}, False),
        ({"dosageInstruction": [{"text": "3 drops into both ears"}]}, False),
        ({"medicationCodeableConcept": coded(CHLORAMPHENICOL, text="Chloramphenicol 0.5% eye drops")}, False),
        ({"dosageInstruction": [{"text": "twice a day, early and late"}]}, True),
        ({"dosageInstruction": [{"text": "for the eye", "route": coded((SCT, "26643006"))}]}, True),
        ({"dosageInstruction": [{"text": "inject under the skin"}]}, True),
        ({}, True),
    ],
)
def test_a_medicine_for_one_place_is_not_for_the_whole_body(changes, systemic):
    found = only_exposure(request(CHLORAMPHENICOL, **changes))

    assert found.systemic is systemic
    assert Role.CHLORAMPHENICOL in found.concept.roles


def test_metformin_early_in_the_morning_is_still_taken():
    assert only_exposure(request(METFORMIN, dosageInstruction=[{"text": "early in the morning"}])).systemic


@pytest.mark.parametrize(
    "concept",
    [
        {"text": "Hydroxocobalamin 1 mg injection"},
        {"text": "vitamin B12 tablets"},
        {"coding": [{"system": RX, "code": "999999", "display": "cyanocobalamin nasal"}]},
    ],
)
def test_b12_named_in_words_only_is_told_and_never_taken_for_therapy(concept):
    assert "vitamin B12" in only_told(request(medicationCodeableConcept=concept)).why
    assert nothing_read(request(medicationCodeableConcept=concept, status="cancelled"))


def test_another_medicine_is_neither_read_nor_told():
    assert nothing_read(request((RX, "198440")), statement((RX, "198440")), administration((RX, "198440")))


def by_reference(reference, **changes):
    return request(medicationCodeableConcept=..., medicationReference=reference, **changes)


MEDICATION = {"resourceType": "Medication", "id": "d1", "code": coded(HYDROXO)}


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("Medication/d1", None),
        ("Medication/d1/_history/3", None),
        ("https://ehr.example/fhir/Medication/d1", None),
        ("https://ehr.example/fhir/Medication/d1/_history/3", None),
        ("https://ehr.example/fhir/Medication/d1", "https://ehr.example/fhir/Medication/d1"),
        ("urn:uuid:7c2f", "urn:uuid:7c2f"),
        ("urn:uuid:d1", None),
    ],
)
@pytest.mark.parametrize("made", [request, statement, administration])
def test_a_referenced_medicine_is_followed(made, reference, url):
    order = made(medicationCodeableConcept=..., medicationReference={"reference": reference})
    document = bundle(order, MEDICATION, urls={1: url} if url else {})
    record = the_reader().read(items_of(document), "p1")

    assert [e.concept.id for e in record.exposures] == ["hydroxocobalamin"]
    assert record.unreadable == ()


def test_a_referenced_medicine_without_an_id_is_known_by_its_full_url():
    nameless = {"resourceType": "Medication", "code": coded(HYDROXO)}
    document = bundle(
        by_reference({"reference": "Medication/d1"}), nameless, urls={1: "https://ehr.example/fhir/Medication/d1"}
    )

    assert len(the_reader().read(items_of(document), "p1").exposures) == 1


def test_a_contained_medicine_is_found_among_others():
    contained = [{"resourceType": "Organization", "id": "x"}, {"resourceType": "Medication", "id": 5}, MEDICATION]
    found = only_exposure(by_reference({"reference": "#d1"}, contained=contained))

    assert found.concept.id == "hydroxocobalamin"


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Medication/gone"},
        {"reference": "#gone"},
        {"reference": "urn:uuid:gone"},
        {"display": "Axid 150 mg"},
        {"identifier": {"value": "5"}},
        {},
    ],
)
def test_a_reference_that_cannot_be_followed_is_told_unless_the_order_never_mattered(reference):
    assert "could not be followed" in only_told(by_reference(reference)).why
    assert nothing_read(by_reference(reference, status="entered-in-error"))


def test_a_reference_that_cannot_be_followed_still_says_what_its_words_say():
    record = read(by_reference({"reference": "Medication/gone", "display": "cyanocobalamin"}))

    assert len(record.unreadable) == 2


def test_an_order_that_names_no_medicine_is_told():
    assert "names no medicine" in only_told(request(medicationCodeableConcept=...)).why
