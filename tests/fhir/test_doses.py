"""How much one dose is, and whether a cobalamin was given as an antidote."""

from decimal import Decimal

import pytest

from service.domain.record import Form, Measure
from service.domain.terms import Role

from .kit import CYANO, HYDROXO, METFORMIN, RX, administration, only_exposure, quantity, read, request, statement


def dosed(**dose):
    return [{"doseAndRate": [dose]}]


def ug(number, comparator=""):
    return Measure(Decimal(number), "ug", comparator)


@pytest.mark.parametrize(
    ("dosage", "dose"),
    [
        (dosed(doseQuantity=quantity(1, "mg")), ug(1000)),
        (dosed(doseQuantity=quantity(1000, "ug")), ug(1000)),
        (dosed(doseQuantity={"value": 1000, "unit": "micrograms"}), ug(1000)),
        (dosed(doseQuantity={"value": 1000, "unit": "mcg"}), ug(1000)),
        (dosed(doseQuantity={"value": 1, "unit": "milligram"}), ug(1000)),
        (dosed(doseQuantity=quantity(5, "g")), ug(5_000_000)),
        (dosed(doseRange={"low": quantity(1, "mg"), "high": quantity(2, "mg")}), ug(2000, "<=")),
        (dosed(doseQuantity=quantity(1, "mL")), None),
        (dosed(doseQuantity=quantity(1, "{tbl}")), None),
        (dosed(doseQuantity={"value": 1, "unit": "ampoule"}), None),
        (dosed(doseQuantity={"unit": "mg"}), None),
        (dosed(doseQuantity=quantity(0, "mg")), None),
        (dosed(), None),
        ([{"text": "1 mg"}], None),
        ([{"text": "as before"}, *dosed(doseQuantity=quantity(1, "mg"))], ug(1000)),
    ],
)
def test_a_dose_is_read_where_it_is_said_in_a_unit_of_mass(dosage, dose):
    assert only_exposure(request(dosageInstruction=dosage)).dose == dose
    assert only_exposure(statement(dosage=dosage)).dose == dose


def test_a_dose_that_was_given_is_read():
    assert only_exposure(administration(dosage={"dose": quantity(1, "mg")})).dose == ug(1000)


@pytest.mark.parametrize("dose", ["1 mg", [{"doseQuantity": 1}], {"doseQuantity": quantity(1, "mg")}])
def test_a_dose_that_cannot_be_read_is_told_and_the_therapy_stands(dose):
    record = read(request(dosageInstruction=[{"doseAndRate": dose}]))

    assert [e.dose for e in record.exposures] == [None]
    assert ["dose cannot be read" in told.why for told in record.unreadable] == [True]


def test_only_the_dose_of_b12_is_read():
    assert only_exposure(request(METFORMIN, dosageInstruction=[{"doseAndRate": "1 g"}])).dose is None


@pytest.mark.parametrize(
    ("order", "against"),
    [
        (request(HYDROXO, dosageInstruction=[{"text": "5 g Cyanokit infusion"}]), True),
        (request(HYDROXO, dosageInstruction=[{"text": "cyanide ANTIDOTE, once"}]), True),
        (request(HYDROXO, dosageInstruction=[{"route": {"text": "Intravenous"}}]), True),
        (request(HYDROXO, dosageInstruction=[{"text": "1 mg intramuscular"}]), False),
        (request(METFORMIN, dosageInstruction=[{"text": "intravenous"}]), False),
    ],
)
def test_an_order_whose_words_say_antidote_or_intravenous_is_marked(order, against):
    assert only_exposure(order).as_antidote is against


def test_an_antidote_known_by_its_name_alone_is_no_b12_therapy():
    found = only_exposure(request(medicationCodeableConcept={"text": "Cyanokit 5 g powder"}))

    assert found.as_antidote
    assert found.concept.roles == {Role.ANTIDOTE}
    assert found.form is Form.UNKNOWN


def test_b12_known_by_its_name_alone_is_still_told():
    assert read(request(medicationCodeableConcept={"text": "Vitamin B12 injection"})).exposures == ()
    assert only_exposure(request(CYANO)).dose is None


@pytest.mark.parametrize("name", ["folic acid / vitamin B12 / pyridoxine Oral Tablet", "cobalamin and folic acid"])
def test_a_product_of_folic_acid_and_b12_is_told_and_is_no_folic_acid_alone(name):
    record = read(request(medicationCodeableConcept={"coding": [{"system": RX, "code": "999999", "display": name}]}))

    assert record.exposures == ()
    assert len(record.unreadable) == 1


def test_folic_acid_is_known_by_its_ingredient():
    code = {"coding": [{"system": RX, "code": "999999", "display": "folic acid 1 MG Oral Tablet"}]}

    assert only_exposure(request(medicationCodeableConcept=code)).concept.roles == {Role.FOLIC_ACID}
