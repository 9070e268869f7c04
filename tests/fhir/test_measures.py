"""Units and values: what is converted, and what is refused because it would be a guess."""

import json
from decimal import Decimal

import pytest

from service.domain.record import Flag, Measure
from service.domain.terms import Analyte

from .kit import (
    B12,
    B12_MOLES,
    EGFR,
    FOLATE,
    HAEMOGLOBIN,
    HOMOCYSTEINE,
    INR,
    INTRINSIC_FACTOR,
    LOINC,
    MMA,
    PLATELETS,
    POTASSIUM,
    UCUM,
    bundle,
    coded,
    items_of,
    measured,
    observation,
    only_result,
    only_told,
    quantity,
    read,
    the_reader,
    worded,
)


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "expected"),
    [
        (B12, 150, "pg/mL", Measure(Decimal(150), "ng/L")),
        (B12, "0.15", "ng/mL", Measure(Decimal("150.00"), "ng/L")),
        (B12, "0.15", "mcg/L", Measure(Decimal("150.00"), "ng/L")),
        (B12, 150, "ng/L{serum}", Measure(Decimal(150), "ng/L")),
        (B12_MOLES, 120, "pmol/L", Measure(Decimal(120), "pmol/L")),
        (MMA, 410, "nmol/L", Measure(Decimal("0.410"), "umol/L")),
        (MMA, "0.41", "µmol/L", Measure(Decimal("0.41"), "umol/L")),
        (MMA, "0.41", "μmol/L", Measure(Decimal("0.41"), "umol/L")),
        (HOMOCYSTEINE, "0.016", "umol/mL", Measure(Decimal("16.000"), "umol/L")),
        (HAEMOGLOBIN, "7.9", "g/dL", Measure(Decimal("79.0"), "g/L")),
        (PLATELETS, 49, "K/uL", Measure(Decimal(49), "10*9/L")),
        (PLATELETS, 49, "10*3/uL", Measure(Decimal(49), "10*9/L")),
        (PLATELETS, 49000, "/uL", Measure(Decimal("49.000"), "10*9/L")),
        (PLATELETS, 49, "x10E9/L", Measure(Decimal(49), "10*9/L")),
        (EGFR, 59, "mL/min/1.73m2", Measure(Decimal(59), "mL/min")),
        (EGFR, 59, "mL/min/{1.73_m2}", Measure(Decimal(59), "mL/min")),
        (POTASSIUM, "3.4", "mEq/L", Measure(Decimal("3.4"), "mmol/L")),
        (INR, "3.1", "{INR}", Measure(Decimal("3.1"), "1")),
    ],
)
def test_a_unit_of_the_tests_own_property_is_converted(loinc, value, unit, expected):
    found = only_result(observation(loinc, valueQuantity={"value": float(value), "unit": unit})).measure

    assert found is not None
    assert (found.unit, found.comparator) == (expected.unit, "")
    assert found.value == expected.value


def test_the_value_keeps_the_digits_that_were_sent():
    assert only_result(measured(B12, 180.0, "pg/mL")).shown == "180.0 pg/mL"


@pytest.mark.parametrize(
    ("loinc", "changes", "why"),
    [
        (B12, {"unit": "pmol/L", "code": "pmol/L"}, "cannot measure mass"),
        (B12_MOLES, {"unit": "pg/mL", "code": "pg/mL"}, "cannot measure moles"),
        (B12, {"unit": "pg/mL", "code": "pmol/L"}, "cannot measure mass"),
        (B12, {"unit": "ng/mL", "code": "pg/mL"}, "written ng/mL and coded pg/mL"),
        (B12, {"unit": ..., "code": ...}, "it has no unit"),
        (B12, {"unit": ..., "code": "GPM", "system": "urn:local"}, "it has no unit"),
        (B12, {"unit": "picograms", "code": ...}, "is not UCUM"),
        (B12, {"unit": "Cel", "code": ...}, "is not UCUM"),
        (B12, {"unit": "[pH]", "code": ...}, "is not UCUM"),
        (B12, {"unit": "dB", "code": ...}, "is not UCUM"),
        (B12, {"unit": "10*400", "code": ...}, "cannot measure mass"),
        (INR, {"unit": "10*400", "code": ...}, "is not UCUM"),
        (B12, {"unit": "(" * 5000, "code": ...}, "is not UCUM"),
        (PLATELETS, {"unit": "G/L", "code": ...}, "cannot measure number"),
        (HAEMOGLOBIN, {"unit": "%", "code": "%"}, "cannot measure mass"),
    ],
)
def test_a_unit_that_would_have_to_be_guessed_is_refused_and_said(loinc, changes, why):
    told = only_told(observation(loinc, valueQuantity=quantity(150, **changes)))

    assert why in told.why
    assert len(told.why) < 200
    assert told.analyte is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "picograms per millilitre"},
        {"unit": ...},
        {"unit": "ng/L"},
        {"unit": "pg/ml"},
        {"system": ...},
        {"code": ..., "system": ...},
        {"code": "PGML", "system": "urn:local"},
    ],
)
def test_a_unit_that_code_and_words_do_not_dispute_is_taken(changes):
    assert only_result(observation(valueQuantity=quantity(150, **changes))).measure == Measure(Decimal(150), "ng/L")


@pytest.mark.parametrize(
    ("loinc", "value", "unit"),
    [
        (B12, 19, "pg/mL"),
        (B12, 10001, "pg/mL"),
        (B12, 0, "pg/mL"),
        (B12, -150, "pg/mL"),
        (HAEMOGLOBIN, 12, "g/L"),
        (HAEMOGLOBIN, 120, "g/dL"),
        (MMA, 410, "umol/L"),
        (POTASSIUM, 35, "mmol/L"),
        (EGFR, -1, "mL/min"),
        (FOLATE, -2, "ug/L"),
        (INR, -3, "1"),
    ],
)
def test_what_no_human_can_have_is_refused(loinc, value, unit):
    assert "not plausible" in only_told(measured(loinc, value, unit)).why


@pytest.mark.parametrize("value", [20, 10000])
def test_the_ends_of_what_is_plausible_are_read(value):
    assert only_result(measured(B12, value, "pg/mL")).measure == Measure(Decimal(value), "ng/L")


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
def test_a_comparator_is_kept(comparator):
    found = only_result(observation(valueQuantity=quantity(150, comparator=comparator)))

    assert found.measure == Measure(Decimal(150), "ng/L", comparator)
    assert found.shown == f"{comparator}150 pg/mL"


@pytest.mark.parametrize(
    ("comparator", "value", "kept"),
    [("<", 10, True), (">", 10001, False), ("<", 20000, True), ("<", 0, False), ("ad", 150, False), ("~", 150, False)],
)
def test_a_comparator_decides_what_is_plausible_and_a_strange_one_is_refused(comparator, value, kept):
    record = read(observation(valueQuantity=quantity(value, comparator=comparator)))

    assert (len(record.results), len(record.unreadable)) == ((1, 0) if kept else (0, 1))


@pytest.mark.parametrize("value", ["1e400", "1e999999999", "1e-999999999", '"NaN"', '"Infinity"', '"sNaN"', "1" * 5000])
def test_a_number_nobody_can_compute_with_costs_only_itself(value):
    text = json.dumps(bundle(observation(valueQuantity=quantity(-7)), measured(MMA, 1, "umol/L", id="o2")))
    record = the_reader().read(items_of(text.replace("-7", value).encode()), "p1")

    assert [r.resource for r in record.results] == ["Observation/o2"]
    assert [u.resource for u in record.unreadable] == ["Observation/o1"]


@pytest.mark.parametrize(
    ("text", "expected", "shown"),
    [
        ("180 pg/mL", Measure(Decimal(180), "ng/L"), "180 pg/mL"),
        ("<50 ng/L", Measure(Decimal(50), "ng/L", "<"), "<50 ng/L"),
        (" < 50ng/L ", Measure(Decimal(50), "ng/L", "<"), "<50 ng/L"),
        (">=2000 pg/mL", Measure(Decimal(2000), "ng/L", ">="), ">=2000 pg/mL"),
        ("≤50 ng/L", Measure(Decimal(50), "ng/L", "<="), "<=50 ng/L"),
    ],
)
def test_a_number_in_words_is_read_with_its_unit(text, expected, shown):
    found = only_result(worded(B12, text))

    assert (found.measure, found.shown) == (expected, shown)


@pytest.mark.parametrize(
    "text",
    ["180", "1,180 pg/mL", "180-200 pg/mL", "low", "see note", "Not detected", "Positive", "-150 pg/mL", "", "1:40"],
)
def test_words_that_are_no_number_with_a_unit_are_refused_for_a_measured_test(text):
    assert only_told(worded(B12, text)).analyte is Analyte.B12


@pytest.mark.parametrize("changes", [{"valueBoolean": True}, {"valueInteger": 150}, {"valueTime": "10:00"}, {}])
def test_a_value_of_another_type_is_refused_for_a_measured_test(changes):
    assert only_told(observation(valueQuantity=..., **changes)).analyte is Analyte.B12


def test_an_integer_is_read_where_no_unit_is_needed():
    assert only_result(observation(INR, valueQuantity=..., valueInteger=4)).measure == Measure(Decimal(4), "1")


def with_range(*ranges, value=None, **changes):
    return only_result(
        observation(MMA, valueQuantity=value or quantity("0.5", "umol/L"), referenceRange=list(ranges), **changes)
    )


@pytest.mark.parametrize(
    ("given", "low", "high"),
    [
        ({"high": {"value": 0.4, "unit": "umol/L"}}, None, "0.4"),
        ({"low": {"value": 0.1}, "high": {"value": 0.4}}, "0.1", "0.4"),
        ({"high": {"value": 400, "unit": "nmol/L"}}, None, "0.400"),
        ({"high": {"value": 400, "unit": "pounds"}}, None, None),
        ({"high": {"value": 400, "unit": "ng/L"}}, None, None),
        ({"low": {"value": 0}, "high": {"value": 0}}, None, None),
        ({"low": {"value": 0.4}, "high": {"value": 0.1}}, None, None),
        ({"high": {"value": "NaN"}}, None, None),
        ({"high": {"value": "1e999999"}}, None, None),
        ({"text": "0.10-0.40 umol/L"}, "0.10", "0.40"),
        ({"text": "0.10 to 0.40"}, "0.10", "0.40"),
        ({"text": "100 – 400 nmol/L"}, "0.100", "0.400"),
        ({"text": "100-400 ng/L"}, None, None),
        ({"text": "0.10-0.40 for adults"}, None, None),
        ({"text": "< 0.40"}, None, "0.40"),
        ({"text": "<=400 nmol/L"}, None, "0.400"),
        ({"text": ">0.10"}, "0.10", None),
        ({"text": "see report"}, None, None),
        ({}, None, None),
    ],
)
def test_the_laboratorys_range_is_read_in_its_own_unit_or_not_at_all(given, low, high):
    found = with_range(given)

    assert found.range_low == (Decimal(low) if low else None)
    assert found.range_high == (Decimal(high) if high else None)


def test_a_range_without_a_unit_is_in_the_values_unit():
    found = with_range({"high": {"value": 400}}, value=quantity(500, "nmol/L"))

    assert found.range_high == Decimal("0.400")


def test_of_several_ranges_the_one_for_everybody_counts():
    women = {"high": {"value": 0.3}, "appliesTo": [{"text": "women"}]}
    everybody = {"high": {"value": 0.4}}

    assert with_range(women, everybody).range_high == Decimal("0.4")
    assert with_range(women).range_high == Decimal("0.3")
    assert with_range(women, women | {"high": {"value": 0.2}}).range_high is None
    assert with_range(everybody, {"high": {"value": 0.2}}).range_high is None


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ([coded((f"{UCUM}/x", "H"))], Flag.HIGH),
        ([coded(("v3", "HH"))], Flag.HIGH),
        ([coded(("v3", "L"))], Flag.LOW),
        ([coded(("v3", "LL"))], Flag.LOW),
        ([coded(("v3", "N"))], Flag.NORMAL),
        ([{"text": "High"}], Flag.HIGH),
        ([coded(("local", "?")), coded(("v3", "L"))], Flag.LOW),
        ([coded(("v3", "A"))], None),
        ([], None),
    ],
)
def test_the_laboratorys_flag_is_read_in_codes_or_words(given, flag):
    assert only_result(observation(interpretation=given)).flag is flag


def test_a_flag_alone_is_a_result():
    found = only_result(observation(valueQuantity=..., interpretation=[coded(("v3", "L"))]))

    assert (found.measure, found.flag, found.shown) == (None, Flag.LOW, "flagged by the laboratory")


def test_positive_is_no_flag_of_a_measured_test():
    assert only_result(observation(interpretation=[coded(("v3", "POS"))])).positive is None


@pytest.mark.parametrize(
    ("text", "positive"),
    [
        ("Positive", True),
        ("POS", True),
        ("positive (1:40)", True),
        ("Reactive", True),
        ("Detected", True),
        ("Negative", False),
        ("neg.", False),
        ("Not detected", False),
        ("Non-reactive", False),
        ("Absent", False),
    ],
)
def test_an_antibody_is_positive_or_negative_in_words(text, positive):
    for said in (
        worded(INTRINSIC_FACTOR, text),
        observation(INTRINSIC_FACTOR, valueQuantity=..., valueCodeableConcept={"text": text}),
        observation(INTRINSIC_FACTOR, valueQuantity=..., valueCodeableConcept={"coding": [{"display": text}]}),
    ):
        assert only_result(said).positive is positive


@pytest.mark.parametrize("text", ["Equivocal", "Possible interference", "Postponed", "presently not done", "", "?"])
def test_an_answer_that_is_neither_is_told_and_never_taken_for_one(text):
    assert only_told(worded(INTRINSIC_FACTOR, text)).analyte is Analyte.INTRINSIC_FACTOR_ANTIBODY


def test_an_antibody_may_answer_by_a_boolean_or_an_interpretation():
    none = observation(INTRINSIC_FACTOR, valueQuantity=...)

    assert only_result(none | {"valueBoolean": True}).positive is True
    assert only_result(none | {"valueBoolean": False}).positive is False
    assert only_result(none | {"interpretation": [coded(("v3", "POS"))]}).positive is True
    assert only_result(none | {"interpretation": [coded(("v3", "NEG"))]}).positive is False


def test_an_antibody_in_the_laboratorys_own_units_keeps_its_range():
    value = {"value": 40, "unit": "U/mL", "system": UCUM, "code": "[U]/mL"}
    found = only_result(
        observation(INTRINSIC_FACTOR, valueQuantity=value, referenceRange=[{"high": {"value": 20, "unit": "U/mL"}}])
    )

    assert (found.measure, found.range_high) == (Measure(Decimal(40), "U/mL"), Decimal(20))


def test_a_titre_is_read_as_what_stands_behind_the_one():
    found = only_result(worded(INTRINSIC_FACTOR, "1:320", referenceRange=[{"high": {"value": 40}}]))

    assert (found.measure, found.range_high) == (Measure(Decimal(320), "1"), Decimal(40))


def test_a_second_code_of_the_same_test_may_carry_the_unit():
    both = coded((LOINC, B12_MOLES), (LOINC, B12))

    assert only_result(observation(code=both)).measure == Measure(Decimal(150), "ng/L")


def test_codes_of_two_tests_in_one_result_are_refused():
    told = only_told(observation(code=coded((LOINC, B12), (LOINC, FOLATE))))

    assert "different tests" in told.why
