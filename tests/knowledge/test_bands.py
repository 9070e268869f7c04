"""Where the bands end: decisions, section 2, edge by edge, in each printed unit."""

from datetime import date
from decimal import Decimal

import pytest

from service.domain.protocol import Band
from service.domain.record import Flag, Measure, Result, When
from service.domain.results import band_of
from service.domain.terms import Analyte
from service.knowledge.load import load

TODAY = date(2026, 3, 2)
LOW, MIDDLE, UNLIKELY = Band.LOW, Band.INDETERMINATE, Band.UNLIKELY
PROTOCOLS = load().book.protocols


def result(
    value: str, unit: str, comparator: str = "", *, analyte: Analyte = Analyte.B12, low: str | None = None
) -> Result:
    """A result of today as the reader of FHIR hands it on."""
    return Result(
        analyte=analyte,
        resource="Observation/b12",
        taken=When(TODAY, TODAY),
        shown=f"{comparator}{value} {unit}",
        measure=Measure(Decimal(value), unit, comparator),
        range_low=Decimal(low) if low else None,
    )


@pytest.mark.parametrize(
    ("value", "unit", "band"),
    [
        ("179.9", "ng/L", LOW),
        ("180", "ng/L", MIDDLE),
        ("350", "ng/L", MIDDLE),
        ("350.1", "ng/L", UNLIKELY),
        ("132.9", "pmol/L", LOW),
        ("133", "pmol/L", MIDDLE),
        ("258", "pmol/L", MIDDLE),
        ("258.1", "pmol/L", UNLIKELY),
    ],
)
def test_uk_ng239_is_low_under_its_first_line_and_unlikely_above_its_second(value: str, unit: str, band: Band) -> None:
    assert band_of(result(value, unit), PROTOCOLS["uk-ng239"]) is band


@pytest.mark.parametrize(("value", "band"), [("24.9", LOW), ("25", MIDDLE), ("70", MIDDLE), ("70.1", UNLIKELY)])
def test_uk_ng239_bands_active_b12_by_its_own_lines(value: str, band: Band) -> None:
    assert band_of(result(value, "pmol/L", analyte=Analyte.ACTIVE_B12), PROTOCOLS["uk-ng239"]) is band


@pytest.mark.parametrize(
    ("value", "unit", "band"),
    [
        ("149.9", "ng/L", LOW),
        ("150", "ng/L", MIDDLE),
        ("399.9", "ng/L", MIDDLE),
        ("400", "ng/L", UNLIKELY),
        ("110.9", "pmol/L", LOW),
        ("111", "pmol/L", MIDDLE),
        ("294.9", "pmol/L", MIDDLE),
        ("295", "pmol/L", UNLIKELY),
    ],
)
def test_us_aafp_is_low_under_its_first_line_and_unlikely_from_its_second(value: str, unit: str, band: Band) -> None:
    assert band_of(result(value, unit), PROTOCOLS["us-aafp"]) is band


@pytest.mark.parametrize("protocol", ["us-aafp", "us-label"])
@pytest.mark.parametrize(("value", "band"), [("34.9", LOW), ("35", UNLIKELY), ("500", UNLIKELY)])
def test_us_protocols_band_active_b12_by_the_laboratorys_range(protocol: str, value: str, band: Band) -> None:
    taken = result(value, "pmol/L", analyte=Analyte.ACTIVE_B12, low="35")

    assert band_of(taken, PROTOCOLS[protocol]) is band


@pytest.mark.parametrize(("value", "band"), [("199", LOW), ("200", UNLIKELY), ("5000", UNLIKELY)])
def test_us_label_bands_by_the_laboratorys_range_alone(value: str, band: Band) -> None:
    assert band_of(result(value, "ng/L", low="200"), PROTOCOLS["us-label"]) is band


def test_us_label_has_no_band_without_a_range() -> None:
    assert band_of(result("20", "ng/L"), PROTOCOLS["us-label"]) is None


@pytest.mark.parametrize(("flag", "band"), [(Flag.LOW, LOW), (Flag.NORMAL, UNLIKELY), (Flag.HIGH, UNLIKELY)])
def test_us_label_takes_the_laboratorys_flag(flag: Flag, band: Band) -> None:
    flagged = Result(Analyte.B12, "Observation/b12", When(TODAY, TODAY), "flagged", flag=flag)

    assert band_of(flagged, PROTOCOLS["us-label"]) is band


@pytest.mark.parametrize(
    ("comparator", "value", "band"),
    [
        ("<", "50", LOW),
        ("<", "180", LOW),
        ("<=", "179.9", LOW),
        ("<=", "180", None),
        ("<", "400", None),
        (">", "350", UNLIKELY),
        (">=", "350.1", UNLIKELY),
        (">=", "350", None),
        (">", "349", None),
        (">", "100", None),
    ],
)
def test_a_comparator_counts_only_when_all_it_allows_lies_in_one_band(
    comparator: str, value: str, band: Band | None
) -> None:
    assert band_of(result(value, "ng/L", comparator), PROTOCOLS["uk-ng239"]) is band


@pytest.mark.parametrize(
    ("comparator", "value", "band"), [(">=", "400", UNLIKELY), (">", "400", UNLIKELY), ("<", "400", None)]
)
def test_a_comparator_at_a_line_that_belongs_above_is_decided(comparator: str, value: str, band: Band | None) -> None:
    assert band_of(result(value, "ng/L", comparator), PROTOCOLS["us-aafp"]) is band


def test_a_unit_the_guideline_did_not_print_has_no_band() -> None:
    assert band_of(result("0.1", "ug/L"), PROTOCOLS["uk-ng239"]) is None


def test_a_result_without_a_value_has_no_band() -> None:
    empty = Result(Analyte.B12, "Observation/b12", When(TODAY, TODAY), "")

    assert [band_of(empty, protocol) for protocol in PROTOCOLS.values()] == [None, None, None]
