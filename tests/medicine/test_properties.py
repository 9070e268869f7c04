"""What holds for any chart: drawn by hypothesis, bounded, the same draws every time."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.noise import noise
from tests.chart.render import bundle, bundle_of
from tests.chart.resources import Resource
from tests.vignettes import PROTOCOLS, TODAY, Vignette, vignettes

from .ask import Answer, answer, cited, held
from .expect import departures

few = settings(max_examples=40, derandomize=True, deadline=None)
any_vignette = st.sampled_from(vignettes())
any_protocol = st.sampled_from(PROTOCOLS)
any_seed = st.integers(min_value=0, max_value=999)
# Worst to best: less B12 must never move to the right.
BETTER = ("confirmed", "indeterminate", "unlikely")


def drawn(told: Vignette, seed: int) -> list[Resource]:
    chart = bundle(told.facts, told.today, Choice.seeded(seed))
    return [entry["resource"] for entry in chart["entry"]]


@few
@given(told=any_vignette, protocol=any_protocol, seed=any_seed)
def test_the_order_of_a_bundle_never_matters(told: Vignette, protocol: str, seed: int) -> None:
    resources = drawn(told, seed)
    shuffled = random.Random(seed).sample(resources, len(resources))

    assert answer(bundle_of(shuffled), protocol, told.today) == answer(bundle_of(resources), protocol, told.today)


@few
@given(told=any_vignette, protocol=any_protocol, seed=any_seed)
def test_a_repeated_resource_changes_nothing(told: Vignette, protocol: str, seed: int) -> None:
    resources = drawn(told, seed)
    repeated = [*resources, random.Random(seed).choice(resources)]

    assert answer(bundle_of(repeated), protocol, told.today) == answer(bundle_of(resources), protocol, told.today)


@few
@given(told=any_vignette, protocol=any_protocol, seed=any_seed)
def test_an_irrelevant_resource_changes_nothing(told: Vignette, protocol: str, seed: int) -> None:
    resources = drawn(told, seed)
    crowded = [*resources, *noise(told.today, seed)]

    assert answer(bundle_of(crowded), protocol, told.today) == answer(bundle_of(resources), protocol, told.today)


@few
@given(told=any_vignette, protocol=any_protocol, seed=any_seed)
def test_every_reason_was_in_the_request(told: Vignette, protocol: str, seed: int) -> None:
    chart = bundle_of(drawn(told, seed))

    assert cited(answer(chart, protocol, told.today)) <= held(chart)


@few
@given(told=any_vignette, protocol=any_protocol, seed=any_seed)
def test_the_same_request_on_the_same_day_has_the_same_answer(told: Vignette, protocol: str, seed: int) -> None:
    chart = bundle_of(drawn(told, seed))

    assert answer(chart, protocol, told.today) == answer(chart, protocol, told.today)


@few
@given(told=any_vignette, seed=any_seed)
def test_codes_drawn_at_random_get_the_expected_answer(told: Vignette, seed: int) -> None:
    chart = bundle_of(drawn(told, seed))

    for protocol in told.expect.under:
        assert departures(told, protocol, answer(chart, protocol, told.today), chart) == []


@few
@given(told=any_vignette, protocol=any_protocol, weeks=st.integers(min_value=1, max_value=300))
def test_a_whole_chart_moved_in_time_has_the_same_verdict(told: Vignette, protocol: str, weeks: int) -> None:
    moved = told.today - timedelta(weeks=weeks)
    if any(getattr(each, name, None) for each in (*told.facts.labs, *told.facts.medicines) for name in DATED):
        return

    now = answer(bundle(told.facts, told.today, Choice.nth(0)), protocol, told.today)
    then = answer(bundle(told.facts, moved, Choice.nth(0)), protocol, moved)

    assert undated(then) == undated(now)


DATED = ("dated", "start", "end")


def undated(verdict: Answer) -> dict[str, Any]:
    kept = ("status", "rule", "causes", "modifiers", "startNow", "notices")
    return {
        **{name: verdict[name] for name in kept},
        "plans": [each["regimen"] for each in verdict["options"]],
    }


AROUND_THE_BANDS = {
    ("b12", "ng/L"): (20, 60, 110, 149, 150, 151, 179, 180, 181, 260, 349, 350, 351, 399, 400, 401, 700),
    ("b12", "pmol/L"): (20, 60, 110, 111, 112, 132, 133, 134, 200, 257, 258, 259, 294, 295, 296, 500),
    ("active_b12", "pmol/L"): (5, 15, 24, 24.9, 25, 25.1, 48, 69.9, 70, 70.1, 71, 120),
}
BACKGROUNDS: tuple[dict[str, Any], ...] = (
    {},
    {"neuro": True},
    {"pregnant": True},
    {"n2o": "recreational_current"},
    {"strong_picture": ("megaloblastic_film",)},
    {"labs": (("mma", 0.2, "umol/L"),)},
    {"labs": (("mma", 0.33, "umol/L"),)},
    {"labs": (("mma", 0.6, "umol/L"),)},
    {"labs": (("mma", 0.9, "umol/L"),)},
    {"labs": (("hcy", 24, "umol/L"),)},
    {"labs": (("hcy", 24, "umol/L"), ("folate", 1.9, "ug/L"))},
    {"labs": (("mma", 0.9, "umol/L"), ("egfr", 40, "mL/min/1.73m2"))},
    {"labs": (("mma", 0.6, "umol/L"), ("hcy", 24, "umol/L"))},
    {"conditions": ("pernicious_anaemia",)},
)


@pytest.mark.parametrize("protocol", ["uk-ng239", "us-aafp"])
@pytest.mark.parametrize(("analyte", "unit"), AROUND_THE_BANDS)
@pytest.mark.parametrize("background", BACKGROUNDS, ids=repr)
def test_less_b12_is_never_better(analyte: str, unit: str, background: dict[str, Any], protocol: str) -> None:
    found = []
    for value in AROUND_THE_BANDS[analyte, unit]:
        labs = ((analyte, value, unit), *background.get("labs", ()))
        chart = bundle(Facts(**{"age": 50, **background, "labs": labs}), TODAY, Choice.nth(0))
        found.append((value, answer(chart, protocol)["status"]))
    banded = [(value, BETTER.index(status)) for value, status in found if status in BETTER]

    assert banded == sorted(banded, key=lambda each: (each[1], each[0])), found
