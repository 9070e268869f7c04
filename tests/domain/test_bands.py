"""A B12 or a marker that cannot be put on one side of a line is on neither."""

from __future__ import annotations

from decimal import Decimal

import pytest

from service.domain.doubts import not_used
from service.domain.protocol import Band
from service.domain.record import Flag
from service.domain.results import Aside, Marker, band_of, read_marker
from service.domain.terms import Analyte
from tests.medicine.test_sharp import B12, BOOK, MMA, UK, b12, judged, result, seen

US = BOOK.protocols["us-aafp"]
RANGE = {"range_low": Decimal(35), "range_high": Decimal(100)}


def test_without_a_number_or_in_a_unit_without_a_line_a_b12_has_no_band_of_the_protocol() -> None:
    assert band_of(result(B12, None, flag=Flag.LOW), UK) is None
    assert band_of(result(B12, "90", "pg/dL"), UK) is None
    assert band_of(b12("90"), UK) is Band.LOW


@pytest.mark.parametrize(
    ("value", "comparator", "band"),
    [
        ("20", "", Band.LOW),
        ("40", "", Band.UNLIKELY),
        ("20", "<", Band.LOW),
        ("40", "<", None),
        ("40", ">", Band.UNLIKELY),
    ],
)
def test_where_the_protocol_has_no_line_the_laboratorys_range_decides_what_it_can(
    value: str, comparator: str, band: Band | None
) -> None:
    active = result(Analyte.ACTIVE_B12, value, "pmol/L", comparator=comparator, **RANGE)

    assert Analyte.ACTIVE_B12 not in US.bands
    assert band_of(active, US) is band


@pytest.mark.parametrize(
    ("value", "comparator", "marker"),
    [("120", "", Marker.RAISED), ("90", "", Marker.NORMAL), ("90", ">", None), ("100", ">", Marker.RAISED)],
)
def test_a_marker_is_read_by_the_laboratorys_range_as_far_as_its_comparator_allows(
    value: str, comparator: str, marker: Marker | None
) -> None:
    assert read_marker(result(MMA, value, "nmol/L", comparator=comparator, **RANGE), Decimal(1)) is marker


def test_a_marker_of_the_day_of_the_b12_is_never_told_as_too_far_from_it() -> None:
    """Where the age is not known nothing rests on it, and it was paired all the same."""
    evidence = seen(b12("200"), result(MMA, "0.2"), birth=None)
    verdict = judged(b12("200"), result(MMA, "0.2"), birth=None)

    assert (verdict.basis, evidence.mma) == ((), evidence.mma_alone)
    assert Aside.UNPAIRED not in [why for _, why in not_used(evidence, verdict)]
