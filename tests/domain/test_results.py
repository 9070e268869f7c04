"""Which results count on a day, and in which band or state they lie, to the edge."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from service.domain.evidence import gather
from service.domain.protocol import Band
from service.domain.record import Flag, Measure, Result, When, record_of
from service.domain.results import Aside, Marker, band_of, is_low, is_positive, read_marker, undecidable, window
from service.domain.terms import Analyte
from service.knowledge.load import load

PROTOCOLS = load().book.protocols
UK, AAFP, LABEL = PROTOCOLS["uk-ng239"], PROTOCOLS["us-aafp"], PROTOCOLS["us-label"]
TODAY = date(2026, 3, 31)
TOTAL, ACTIVE, MMA = Analyte.B12, Analyte.ACTIVE_B12, Analyte.MMA


def result(analyte, value=None, unit="ng/L", comparator="", taken=TODAY, name="o1", **rest):
    measure = None if value is None else Measure(Decimal(value), unit, comparator)
    when = taken if isinstance(taken, When) else When(taken, taken)
    return Result(analyte, f"Observation/{name}", when, f"{value} {unit}", measure, **rest)


@pytest.mark.parametrize(
    ("analyte", "oldest"),
    [
        (TOTAL, date(2025, 3, 31)),
        (ACTIVE, date(2025, 3, 31)),
        (MMA, date(2025, 3, 31)),
        (Analyte.HOMOCYSTEINE, date(2025, 3, 31)),
        (Analyte.FOLATE, date(2025, 3, 31)),
        (Analyte.EGFR, date(2025, 3, 31)),
        (Analyte.HAEMOGLOBIN, date(2025, 12, 31)),
        (Analyte.MCV, date(2025, 12, 31)),
        (Analyte.FILM, date(2025, 12, 31)),
        (Analyte.INR, date(2026, 3, 1)),
        (Analyte.PLATELETS, date(2026, 3, 1)),
        (Analyte.POTASSIUM, date(2026, 3, 24)),
        (Analyte.INTRINSIC_FACTOR_ANTIBODY, date.min),
        (Analyte.PARIETAL_CELL_ANTIBODY, date.min),
    ],
)
def test_a_result_counts_from_its_oldest_day_to_today(analyte, oldest):
    frame = window(UK.limits, analyte, TODAY)

    assert frame.aside(result(analyte, 1, taken=oldest)) is None
    assert frame.aside(result(analyte, 1, taken=TODAY)) is None
    assert frame.aside(result(analyte, 1, taken=TODAY + timedelta(days=1))) is Aside.FUTURE
    if oldest > date.min:
        assert frame.aside(result(analyte, 1, taken=oldest - timedelta(days=1))) is Aside.OLD
        assert frame.aside(result(analyte, 1, taken=When(oldest - timedelta(days=1), TODAY))) is Aside.OLD


LOW, BETWEEN, UNLIKELY = Band.LOW, Band.INDETERMINATE, Band.UNLIKELY


@pytest.mark.parametrize(
    ("protocol", "analyte", "unit", "value", "band"),
    [
        (UK, TOTAL, "ng/L", "179.99", LOW),
        (UK, TOTAL, "ng/L", "180", BETWEEN),
        (UK, TOTAL, "ng/L", "350", BETWEEN),
        (UK, TOTAL, "ng/L", "350.01", UNLIKELY),
        (UK, TOTAL, "pmol/L", "132.9", LOW),
        (UK, TOTAL, "pmol/L", "133", BETWEEN),
        (UK, TOTAL, "pmol/L", "258", BETWEEN),
        (UK, TOTAL, "pmol/L", "258.1", UNLIKELY),
        (UK, ACTIVE, "pmol/L", "24.9", LOW),
        (UK, ACTIVE, "pmol/L", "25", BETWEEN),
        (UK, ACTIVE, "pmol/L", "70", BETWEEN),
        (UK, ACTIVE, "pmol/L", "70.1", UNLIKELY),
        (AAFP, TOTAL, "ng/L", "149.9", LOW),
        (AAFP, TOTAL, "ng/L", "150", BETWEEN),
        (AAFP, TOTAL, "ng/L", "399.9", BETWEEN),
        (AAFP, TOTAL, "ng/L", "400", UNLIKELY),
        (AAFP, TOTAL, "pmol/L", "110.9", LOW),
        (AAFP, TOTAL, "pmol/L", "111", BETWEEN),
        (AAFP, TOTAL, "pmol/L", "294.9", BETWEEN),
        (AAFP, TOTAL, "pmol/L", "295", UNLIKELY),
        (LABEL, TOTAL, "ng/L", "100", None),
        (AAFP, ACTIVE, "pmol/L", "10", None),
    ],
)
def test_a_band_ends_where_its_protocol_says(protocol, analyte, unit, value, band):
    assert band_of(result(analyte, value, unit), protocol) is band


@pytest.mark.parametrize("protocol", [UK, AAFP])
@pytest.mark.parametrize(
    ("comparator", "value", "band"),
    [
        ("<", 50, LOW),
        ("<=", 149, LOW),
        ("<", 150, LOW),
        ("<", 400, None),
        (">", 149, None),
        (">", 400, UNLIKELY),
        (">=", 400, UNLIKELY),
        (">", 200, None),
        ("<=", 300, None),
    ],
)
def test_a_comparator_gives_a_band_only_when_all_it_allows_lies_in_it(protocol, comparator, value, band):
    one = result(TOTAL, value, comparator=comparator)

    assert band_of(one, protocol) is band
    assert undecidable(one, protocol) is (band is None)


@pytest.mark.parametrize(
    ("value", "rest", "band"),
    [
        (199, {"range_low": Decimal(200)}, LOW),
        (200, {"range_low": Decimal(200)}, UNLIKELY),
        (2000, {"range_low": Decimal(200), "range_high": Decimal(900)}, UNLIKELY),
        (100, {"range_high": Decimal(900)}, None),
        (100, {"flag": Flag.LOW}, LOW),
        (100, {"flag": Flag.HIGH}, UNLIKELY),
        (None, {"flag": Flag.LOW}, LOW),
    ],
)
def test_the_label_goes_by_the_laboratorys_own_range(value, rest, band):
    assert band_of(result(TOTAL, value, **rest), LABEL) is band


@pytest.mark.parametrize(
    ("value", "comparator", "rest", "marker"),
    [
        ("0.28", "", {}, Marker.NORMAL),
        ("0.281", "", {}, Marker.BORDERLINE),
        ("0.40", "", {}, Marker.BORDERLINE),
        ("0.401", "", {}, Marker.RAISED),
        ("0.40", ">", {}, Marker.RAISED),
        ("0.40", ">=", {}, None),
        ("0.30", "<", {}, None),
        ("0.28", "<", {}, Marker.NORMAL),
        ("0.50", "", {"range_high": Decimal("0.50")}, Marker.NORMAL),
        ("0.51", "", {"range_high": Decimal("0.50")}, Marker.RAISED),
        ("0.35", "", {"range_high": Decimal("0.30")}, Marker.RAISED),
        ("9", "", {"flag": Flag.NORMAL}, Marker.NORMAL),
        ("0.1", "", {"flag": Flag.HIGH}, Marker.RAISED),
        (None, "", {"flag": Flag.HIGH}, Marker.RAISED),
        (None, "", {}, None),
    ],
)
def test_a_marker_goes_by_the_laboratorys_flag_then_its_range_then_the_limits(value, comparator, rest, marker):
    limits = UK.limits

    assert (
        read_marker(result(MMA, value, "umol/L", comparator, **rest), limits.mma_raised, limits.mma_borderline)
        is marker
    )


@pytest.mark.parametrize(
    ("value", "rest", "low"),
    [
        ("2.9", {}, True),
        ("3", {}, False),
        ("3.5", {"range_low": Decimal(4)}, True),
        ("2", {"flag": Flag.NORMAL}, False),
        ("9", {"flag": Flag.LOW}, True),
        (None, {}, None),
    ],
)
def test_folate_is_low_by_flag_by_range_or_under_3(value, rest, low):
    assert is_low(result(Analyte.FOLATE, value, "ug/L", **rest), UK.limits.folate_low) is low


@pytest.mark.parametrize(
    ("value", "rest", "positive"),
    [
        (None, {"positive": True}, True),
        (None, {"positive": False, "flag": Flag.HIGH}, False),
        (40, {"flag": Flag.HIGH}, True),
        (40, {"range_high": Decimal(40)}, False),
        (41, {"range_high": Decimal(40)}, True),
        (41, {}, None),
    ],
)
def test_an_antibody_is_positive_when_said_flagged_or_above_its_range(value, rest, positive):
    assert is_positive(result(Analyte.INTRINSIC_FACTOR_ANTIBODY, value, "U/mL", **rest)) is positive


def seen(*results, protocol=UK, today=TODAY):
    return gather(record_of(results, birth=When(date(1960, 1, 1), date(1960, 1, 1))), protocol, today)


@pytest.mark.parametrize(("days", "pairs"), [(0, True), (90, True), (91, False), (-90, True)])
def test_a_marker_pairs_with_a_b12_within_90_days(days, pairs):
    drawn = TODAY - timedelta(days=100)
    marker = result(MMA, 1, "umol/L", taken=drawn + timedelta(days=days), name="o2")
    found = seen(result(TOTAL, 250, taken=drawn), marker)

    assert (found.mma is not None) is pairs
    assert found.mma_alone is not None


def test_the_newest_b12_decides_and_on_one_day_the_more_deficient_whatever_its_unit():
    earlier = TODAY - timedelta(days=1)
    low, normal = result(TOTAL, 100, name="o1"), result(TOTAL, 300, "pmol/L", name="o2")

    assert seen(low, normal).b12 == low
    assert seen(normal, low).b12 == low
    assert seen(result(TOTAL, 100, taken=earlier), normal).b12 == normal
    assert seen(result(TOTAL, 900, name="o0"), result(ACTIVE, 20, "pmol/L", name="o9")).band is Band.LOW


@pytest.mark.parametrize(
    ("haemoglobin", "severe", "anaemia"),
    [("79.9", True, True), ("80", False, True), ("109.9", False, True), ("110", False, False)],
)
def test_anaemia_and_severe_anaemia_end_at_110_and_80(haemoglobin, severe, anaemia):
    found = seen(result(Analyte.HAEMOGLOBIN, haemoglobin, "g/L"))

    assert (found.severe_anaemia, found.anaemia) == (severe, anaemia)


@pytest.mark.parametrize(("egfr", "renal"), [("59.9", True), ("60", False)])
def test_the_kidneys_are_impaired_under_60_and_unknown_without_a_number(egfr, renal):
    assert seen(result(Analyte.EGFR, egfr, "mL/min")).renal is renal
    assert seen().renal is None


@pytest.mark.parametrize(
    ("birth", "age"),
    [
        (When(date(2010, 3, 31), date(2010, 3, 31)), (16, 16)),
        (When(date(2010, 4, 1), date(2010, 4, 1)), (15, 15)),
        (When(date(2010, 1, 1), date(2010, 12, 31)), (15, 16)),
        (When(date(2010, 3, 1), date(2010, 3, 31)), (16, 16)),
        (When(date(2027, 1, 1), date(2027, 1, 1)), None),
        (None, None),
    ],
)
def test_an_age_is_what_the_birth_date_allows(birth, age):
    assert gather(record_of((), birth=birth), UK, TODAY).age == age
