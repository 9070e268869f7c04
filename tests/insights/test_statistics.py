"""The p-chart and the percentiles, by their properties."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from math import isclose, sqrt
from statistics import median_low

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from service.insights.statistics import (
    BASELINE_DAYS,
    ENOUGH_DAYS,
    Share,
    control_chart,
    limits,
    percentile,
)

FIRST = date(2026, 1, 1)
BASELINE = [FIRST + timedelta(days=number) for number in range(BASELINE_DAYS)]
JUDGED = [BASELINE[-1] + timedelta(days=number) for number in range(1, 29)]
shares = st.integers(1, 2000).flatmap(lambda of: st.builds(Share, st.integers(0, of), st.just(of)))
usuals = st.floats(0, 1)
sizes = st.integers(1, 10_000)


def test_a_textbook_day_has_three_standard_errors_on_either_side() -> None:
    lower, upper = limits(0.5, 100)
    assert (lower, upper) == pytest.approx((0.35, 0.65))
    assert limits(0.2, 400) == pytest.approx((0.14, 0.26))


@given(usuals, sizes)
def test_limits_are_shares_with_what_is_usual_between_them(usual: float, of: int) -> None:
    lower, upper = limits(usual, of)
    assert 0 <= lower <= usual <= upper <= 1


@given(usuals, sizes)
def test_where_events_are_not_rare_limits_are_exactly_three_standard_errors_away(usual: float, of: int) -> None:
    assume(1 <= usual * of <= of - 1)
    error = 3 * sqrt(usual * (1 - usual) / of)
    lower, upper = limits(usual, of)
    assert isclose(upper, min(1, usual + error), abs_tol=1e-12)
    assert isclose(lower, max(0, usual - error), abs_tol=1e-12)


@given(usuals, sizes)
def test_the_limits_of_acceptance_mirror_those_of_its_opposite(usual: float, of: int) -> None:
    lower, upper = limits(usual, of)
    other_lower, other_upper = limits(1 - usual, of)
    assert isclose(lower, 1 - other_upper, abs_tol=1e-9)
    assert isclose(upper, 1 - other_lower, abs_tol=1e-9)


@given(usuals, sizes)
def test_more_cards_never_widen_the_limits(usual: float, of: int) -> None:
    lower, upper = limits(usual, of)
    nearer_lower, nearer_upper = limits(usual, of * 2)
    assert nearer_upper <= upper + 1e-12
    assert nearer_lower >= lower - 1e-12


@given(st.floats(0, 0.01), sizes)
def test_one_event_of_a_rare_kind_is_no_signal(usual: float, of: int) -> None:
    _, upper = limits(usual, of)
    assert 1 / of <= upper


@given(st.integers(1, 500), st.integers(1, 20))
def test_a_rule_that_does_what_it_did_is_never_outside(events: int, times: int) -> None:
    same = Share(events, events * times)
    chart = control_chart(dict.fromkeys([*BASELINE, *JUDGED], same), BASELINE, JUDGED)
    assert chart.usual == pytest.approx(1 / times)
    assert len(chart.points) == len(JUDGED)
    assert chart.flagged == ()


@given(st.dictionaries(st.sampled_from([*BASELINE, *JUDGED]), shares))
def test_a_day_is_flagged_if_and_only_if_its_share_is_beyond_its_limit(days: dict[date, Share]) -> None:
    chart = control_chart(days, BASELINE, JUDGED)
    known = [days[day] for day in BASELINE if day in days]
    assert (chart.usual is None) == (len(known) < ENOUGH_DAYS)
    if chart.usual is None:
        assert chart.points == ()
        return
    assert chart.usual == sum(each.events for each in known) / sum(each.of for each in known)
    assert [point.day for point in chart.points] == [day for day in JUDGED if day in days]
    for point in chart.points:
        value = point.share.events / point.share.of
        assert (point.outside == "above") == (value > point.upper)
        assert (point.outside == "below") == (value < point.lower)


def test_a_sudden_refusal_is_flagged_below_and_a_sudden_flood_above() -> None:
    days = dict.fromkeys(BASELINE, Share(60, 100)) | {JUDGED[3]: Share(30, 100), JUDGED[9]: Share(90, 100)}
    chart = control_chart(days, BASELINE, JUDGED)
    assert [(point.day, point.outside) for point in chart.flagged] == [(JUDGED[3], "below"), (JUDGED[9], "above")]


def test_days_without_cards_say_nothing_and_half_a_baseline_is_enough() -> None:
    half = dict.fromkeys(BASELINE[:ENOUGH_DAYS], Share(5, 10))
    assert control_chart(half | {JUDGED[0]: Share(0, 0)}, BASELINE, JUDGED).points == ()
    assert control_chart(half, BASELINE, JUDGED).usual == 0.5
    del half[BASELINE[0]]
    assert control_chart(half, BASELINE, JUDGED).usual is None


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_covers_its_share(values: list[int], share: float) -> None:
    counted: Counter[float] = Counter(values)
    found = percentile(counted, share)
    assert found is not None
    assert sum(each <= found for each in values) >= share * len(values) - 1e-6
    assert sum(each < found for each in values) < share * len(values) + 1e-6


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_half_and_all_are_the_lower_median_and_the_largest(values: list[int]) -> None:
    counted: Counter[float] = Counter(values)
    assert percentile(counted, 0.5) == median_low(values)
    assert percentile(counted, 1) == max(values)


def test_nothing_has_no_percentile_and_no_share() -> None:
    assert percentile({}, 0.5) is None
    assert Share(0, 0).value is None
