"""FHIR dates of every shape: which days they can mean, and what is no date."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.record import When
from service.fhir import dates
from service.fhir.dates import NotADate
from service.fhir.shapes import Period

GARBAGE = [
    "yesterday",
    "2026-13",
    "2026-00",
    "2026-02-30",
    "0000",
    "0000-01-01",
    "26-01-01",
    "2026-1-1",
    "20260110",
    "20260110T10",
    "2026-W02-6",
    "2026-010",
    "2026/01/10",
    "10.01.2026",
    "2026-01-10 10:00",
    " 2026-01-10",
    "2026-01-1O",
    "２０２６",
    "2026-",
    "2026-01-",
    "-2026",
    "99999-01-01",
    "2026\n",
]


def days(first: str, last: str | None = None) -> When:
    return When(date.fromisoformat(first), date.fromisoformat(last or first))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-10", days("2026-03-10")),
        ("2026", days("2026-01-01", "2026-12-31")),
        ("2026-02", days("2026-02-01", "2026-02-28")),
        ("2024-02", days("2024-02-01", "2024-02-29")),
        ("2026-12", days("2026-12-01", "2026-12-31")),
        ("9999-12", days("9999-12-01", "9999-12-31")),
        ("9999", days("9999-01-01", "9999-12-31")),
        ("2026-03-10T23:30:00Z", days("2026-03-10")),
        ("2026-03-10T00:30:00.123+14:00", days("2026-03-10")),
        ("2026-03-10T23:30:00-11:00", days("2026-03-10")),
        ("2026-03-10T08:15", days("2026-03-10")),
    ],
)
def test_a_date_means_the_days_it_can_be_where_it_was_written(text, meant):
    assert dates.when(text) == meant


@pytest.mark.parametrize("text", GARBAGE)
def test_what_is_no_date_is_refused(text):
    with pytest.raises(NotADate):
        dates.when(text)


@given(st.text(max_size=24))
def test_no_text_breaks_the_reading_of_dates(text):
    try:
        meant = dates.when(text)
    except NotADate:
        return
    assert meant.earliest <= meant.latest


@given(st.dates())
def test_a_day_is_inside_its_month_and_its_year(day):
    for length in (4, 7, 10):
        meant = dates.when(day.isoformat()[:length])

        assert meant.earliest <= day <= meant.latest


@pytest.mark.parametrize(
    ("start", "end", "meant"),
    [
        ("2026-03-01", "2026-03-10", days("2026-03-01", "2026-03-10")),
        ("2026-03", "2026-04", days("2026-03-01", "2026-04-30")),
        ("2026-03", None, days("2026-03-01", "2026-03-31")),
        (None, "2026-03-10", days("2026-03-10")),
        ("2026-03-10", "2026-03", days("2026-03-10", "2026-03-31")),
        (None, None, None),
    ],
)
def test_a_period_covers_its_days_and_an_open_end_leaves_what_is_known(start, end, meant):
    assert dates.span(Period(start, end)) == meant


@pytest.mark.parametrize(("start", "end"), [("2026-03-10", "2026-03-09"), ("soon", None), ("2026", "later")])
def test_a_period_that_is_none_is_refused(start, end):
    with pytest.raises(NotADate):
        dates.span(Period(start, end))


def test_a_start_is_the_first_day_and_an_end_the_last():
    assert dates.start_of("2026-02") == date(2026, 2, 1)
    assert dates.end_of("2026-02") == date(2026, 2, 28)
    assert (dates.start_of(None), dates.end_of("never")) == (None, None)
