"""The report: a history, counted. Pure; the last 28 whole days are judged by the 28 before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from service.insights.reading import History, Reply
from service.insights.statistics import BASELINE_DAYS, ControlChart, Share, control_chart, percentile

JUDGED_DAYS = 28
FIRING, ACCEPTANCE, OVERRIDE = "firing", "acceptance", "override"
MEASURES = (FIRING, ACCEPTANCE, OVERRIDE)
PERCENTILES = (0.5, 0.95, 0.99)
#: Upper ends of how long an answer took, in seconds, and their words.
SPANS = (
    (10.0, "up to 10 s"),
    (60.0, "up to 1 min"),
    (300.0, "up to 5 min"),
    (3600.0, "up to 1 h"),
    (86400.0, "up to 1 day"),
    (float("inf"), "longer"),
)
NO_REASON = "no reason given"
NO_PLAN = "no plan"


@dataclass(frozen=True, slots=True)
class Day:
    """One day: `calls` is None where they were not counted yet."""

    day: date
    calls: int | None
    with_cards: int
    cards: int
    latency: tuple[float | None, ...]

    @property
    def firing(self) -> float | None:
        """Return the share of calls in which a card was shown."""
        return Share(self.with_cards, max(self.calls, self.with_cards)).value if self.calls else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the cards with one plan under one version of the rules."""

    plan: str
    protocol: str
    rule_set: str
    shown: int
    accepted: int
    overridden: int

    @property
    def unanswered(self) -> int:
        """Return how many nobody answered."""
        return self.shown - self.accepted - self.overridden


@dataclass(frozen=True, slots=True)
class Delay:
    """How long after a card was shown its answer came."""

    outcome: str
    count: int
    median: float | None
    ninetieth: float | None
    spans: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """One measure of one rule over time."""

    rule: str
    measure: str
    chart: ControlChart


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page, the CSV and the JSON say."""

    first: date
    last: date
    days: tuple[Day, ...]
    deliveries: Mapping[str, int]
    outcomes: tuple[Outcome, ...]
    reasons: tuple[tuple[str, int], ...]
    delays: tuple[Delay, ...]
    latency: tuple[float | None, ...]
    problems: tuple[tuple[str, str, int], ...]
    controls: tuple[Control, ...]
    today: Day

    @property
    def flagged(self) -> tuple[Control, ...]:
        """Return the measures that were outside their limits on some day."""
        return tuple(each for each in self.controls if each.chart.flagged)


def span(today: date) -> tuple[date, date]:
    """Return the first and last day that a report of this day reads: baseline, judged days, and today so far."""
    return today - timedelta(days=BASELINE_DAYS + JUDGED_DAYS), today


def report(had: History) -> Report:
    """Return the report of a history whose last day is not over."""
    today = had.last
    judged = [today - timedelta(days=number) for number in range(JUDGED_DAYS, 0, -1)]
    baseline = [judged[0] - timedelta(days=number) for number in range(BASELINE_DAYS, 0, -1)]
    shown, within = _fired_by_day(had), set(judged)
    replies = [each for each in had.replies if each.kind.day in within]
    delivered: Counter[str] = Counter()
    for (day, delivery), count in had.delivered.items():
        delivered[delivery] += count if day in within else 0
    problems: Counter[tuple[str, str]] = Counter()
    for (day, kind, what), count in had.problems.items():
        problems[kind, what] += count if day in within else 0
    reasons = Counter(each.reason or NO_REASON for each in replies if not each.accepted)
    days = tuple(_one_day(had, day, shown) for day in judged)
    return Report(
        first=judged[0],
        last=judged[-1],
        days=days,
        deliveries={name: count for name, count in sorted(delivered.items()) if count},
        outcomes=_outcomes(had, within, replies),
        reasons=tuple(sorted(reasons.items(), key=lambda each: (-each[1], each[0]))),
        delays=tuple(_delay(name, [each for each in replies if each.accepted is taken]) for name, taken in _WAYS),
        latency=_percentiles(had, within),
        problems=tuple((*key, count) for key, count in _largest(problems) if count),
        controls=tuple(_controls(had, baseline, judged)),
        today=_one_day(had, today, shown),
    )


_WAYS = (("accepted", True), ("overridden", False))


def _largest(counted: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counted.items(), key=lambda each: (-each[1], each[0]))


def _fired_by_day(had: History) -> Counter[date]:
    """Return the calls with a card by day: a call is judged by one rule."""
    counted: Counter[date] = Counter()
    for (day, _), count in had.fired.items():
        counted[day] += count
    return counted


def _one_day(had: History, day: date, fired: Counter[date]) -> Day:
    cards = had.delivered[day, "shown"]
    return Day(day, had.asked.get(day), fired[day], cards, _percentiles(had, {day}))


def _percentiles(had: History, days: set[date]) -> tuple[float | None, ...]:
    counted: Counter[float] = Counter()
    for (day, value), count in had.latency.items():
        if day in days:
            counted[value] += count
    return tuple(percentile(counted, share) for share in PERCENTILES)


def _outcomes(had: History, within: set[date], replies: Sequence[Reply]) -> tuple[Outcome, ...]:
    shown: Counter[tuple[str, str, str]] = Counter()
    answered: Counter[tuple[str, str, str, bool]] = Counter()
    for kind, count in had.shown.items():
        if kind.day in within:
            shown[kind.plan or NO_PLAN, kind.protocol, kind.rule_set] += count
    for each in replies:
        answered[each.kind.plan or NO_PLAN, each.kind.protocol, each.kind.rule_set, each.accepted] += 1
    return tuple(
        Outcome(*key, shown=count, accepted=answered[*key, True], overridden=answered[*key, False])
        for key, count in sorted(shown.items())
    )


def _delay(outcome: str, replies: Sequence[Reply]) -> Delay:
    counted: Counter[float] = Counter(each.seconds for each in replies)
    spans = [0] * len(SPANS)
    for each in replies:
        spans[next(place for place, (end, _) in enumerate(SPANS) if each.seconds <= end)] += 1
    return Delay(outcome, len(replies), percentile(counted, 0.5), percentile(counted, 0.9), tuple(spans))


def _controls(had: History, baseline: Sequence[date], judged: Sequence[date]) -> Iterator[Control]:
    shown: Counter[tuple[date, str]] = Counter()
    answered: Counter[tuple[date, str, bool]] = Counter()
    for kind, count in had.shown.items():
        shown[kind.day, kind.rule] += count
    for each in had.replies:
        answered[each.kind.day, each.kind.rule, each.accepted] += 1
    days = [*baseline, *judged]
    for rule in sorted({rule for _, rule in shown}, key=_rule_order):
        # More calls with cards than calls: some of these were counted before, or not at all.
        firing = {
            day: Share(had.fired[day, rule], max(had.asked[day], had.fired[day, rule]))
            for day in days
            if day in had.asked
        }
        yield Control(rule, FIRING, control_chart(firing, baseline, judged))
        for measure, taken in ((ACCEPTANCE, True), (OVERRIDE, False)):
            shares = {day: Share(answered[day, rule, taken], shown[day, rule]) for day in days if shown[day, rule]}
            yield Control(rule, measure, control_chart(shares, baseline, judged))


def _rule_order(rule: str) -> tuple[int, str]:
    """Return where a rule stands: K9 before K10."""
    digits = "".join(each for each in rule if each.isdigit())
    return int(digits) if digits else 0, rule
