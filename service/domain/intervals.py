"""How injections on record keep to their interval: overdue, too close together, too far apart, two at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.protocol import Interval, Protocol
from service.domain.record import Exposure, Form
from service.domain.terms import Mechanism, Status

_DAYS_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class Overdue:
    """The last injection on record, and until when the next was due."""

    last: Exposure
    given: date
    due: date


@dataclass(frozen=True, slots=True)
class Departure:
    """A course whose injections are not as far apart as is usual for their drug."""

    course: Exposure
    days: int
    usual: Interval


@dataclass(frozen=True, slots=True)
class Course:
    """What is to be said of how B12 on record is given; all of it empty when it is given as it should be."""

    overdue: Overdue | None = None
    too_often: Departure | None = None
    too_rare: Departure | None = None
    parallel: tuple[Exposure, ...] = ()
    review: date | None = None

    @property
    def astray(self) -> bool:
        """Return whether a patient gets less than is due, two treatments at once, or no review: that is not stable."""
        return bool(self.overdue or self.too_rare or self.parallel or self.review)


AS_IT_SHOULD_BE = Course()


def course_of(evidence: Evidence, assessment: Assessment) -> Course:
    """Return how the B12 on record is given, for a patient on treatment.

    An interval is compared with that of its own drug, never of another.
    """
    if assessment.status is not Status.ON_TREATMENT:
        return AS_IT_SHOULD_BE
    running = [e for e in evidence.therapy.active if e.form is Form.INJECTION and _keeps_its_pace(e, evidence)]
    found = [d for e in running if (d := _departure(e, evidence, assessment.mechanism)) is not None]
    return Course(
        overdue=_overdue(evidence, assessment.mechanism),
        too_often=next((d for d in found if d.days < d.usual.shortest * _DAYS_A_MONTH), None),
        too_rare=next((d for d in found if d.days > d.usual.longest * _DAYS_A_MONTH), None),
        parallel=evidence.therapy.parallel,
        review=evidence.therapy.review_passed(evidence.today),
    )


def usual_interval(protocol: Protocol, drug: str, mechanism: Mechanism) -> Interval | None:
    """Return how far apart injections of a drug are under a protocol: the line of the mechanism, else the general."""
    lines = [line for line in protocol.intervals if line.drug == drug and line.mechanism in (mechanism, None)]
    return max(lines, key=lambda line: line.mechanism is not None, default=None)


def may_be_shorter(protocol: Protocol, course: Exposure, mechanism: Mechanism) -> bool:
    """Return whether there is room to shorten an interval and keep to what is usual for the drug."""
    usual = usual_interval(protocol, course.concept.id, mechanism)
    if course.every_days is None or usual is None:
        return True
    tolerance = protocol.limits.interval_tolerance_days
    # Far beyond the usual the matter is the interval itself, and that is said.
    least, most = usual.shortest * _DAYS_A_MONTH + tolerance, usual.longest * _DAYS_A_MONTH + tolerance
    return least < course.every_days <= most


def _runs(course: Exposure, today: date) -> bool:
    return (course.start is None or course.start <= today) and (course.end is None or course.end >= today)


def _keeps_its_pace(course: Exposure, evidence: Evidence) -> bool:
    """Return whether a course still runs at its interval; one known only by its doses may have slowed down since."""
    last, today = evidence.therapy.last_dose, evidence.today
    if last is None or course.resource != last.resource:
        return _runs(course, today)
    tolerance = evidence.protocol.limits.interval_tolerance_days
    return bool(course.every_days and last.start and (today - last.start).days <= course.every_days + tolerance)


def _departure(course: Exposure, evidence: Evidence, mechanism: Mechanism) -> Departure | None:
    """Return how a course in maintenance departs from the usual interval of its drug."""
    limits, every = evidence.protocol.limits, course.every_days
    usual = usual_interval(evidence.protocol, course.concept.id, mechanism)
    began = evidence.therapy.began(course)
    if every is None or usual is None or began is None:
        return None
    if evidence.today - began < timedelta(weeks=limits.treated_weeks):
        return None
    tolerance = limits.interval_tolerance_days
    close = every < usual.shortest * _DAYS_A_MONTH - tolerance
    # With neurology injections go on until there is no further improvement.
    if (close and not evidence.neurology) or every > usual.longest * _DAYS_A_MONTH + tolerance:
        return Departure(course, int(every.to_integral_value()), usual)
    return None


def _overdue(evidence: Evidence, mechanism: Mechanism) -> Overdue | None:
    """Return the injection that was due, when one was given since the course began; nothing given is not overdue."""
    last, today = evidence.therapy.last_dose, evidence.today
    courses = [e for e in evidence.therapy.active if e.form is Form.INJECTION]
    if last is None or last.start is None or not courses:
        return None
    began = [day for course in courses if (day := evidence.therapy.began(course)) is not None]
    if not began or last.start < min(began):
        return None
    waits = [days for course in courses if (days := _wait(course, last, evidence, mechanism)) is not None]
    if len(waits) < len(courses):
        return None
    # An order renewed since then tells that the course goes on.
    renewed = max((e.start for e in courses if e.start is not None and e.start <= today), default=last.start)
    due = max(last.start + timedelta(days=int(max(waits))), renewed)
    if today <= due + timedelta(days=evidence.protocol.limits.overdue_days):
        return None
    return Overdue(last, last.start, due)


def _wait(course: Exposure, last: Exposure, evidence: Evidence, mechanism: Mechanism) -> Decimal | None:
    """Return how many days may pass after a dose: the order's own interval while it runs, else the drug's longest."""
    usual = usual_interval(evidence.protocol, course.concept.id, mechanism)
    longest = Decimal(usual.longest * _DAYS_A_MONTH) if usual else None
    ordered = course.resource != last.resource and _runs(course, evidence.today)
    return course.every_days if ordered and course.every_days is not None else longest
