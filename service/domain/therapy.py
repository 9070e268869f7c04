"""The B12 a patient takes now or took before, and which samples it spoils."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from statistics import median

from service.domain.protocol import Limits
from service.domain.record import Course, Exposure, Form, Record, When, months_after, months_before
from service.domain.terms import PhaseName, Role

_BY_MOUTH_OR_NOSE = frozenset({Form.ORAL, Form.NASAL})


@dataclass(frozen=True, slots=True)
class Therapy:
    """All B12 on record: what is active today, what is only drafted, and everything given before.

    `active` holds one course made of doses where only doses are on record. `parallel` are active courses of another
    drug or form that run side by side today; `last_dose` is the newest injection given; `antidotes` are cobalamins
    given against cyanide: they spoil samples and are no treatment.
    """

    active: tuple[Exposure, ...]
    drafts: tuple[Exposure, ...]
    all: tuple[Exposure, ...]
    washout: timedelta
    parallel: tuple[Exposure, ...] = ()
    last_dose: Exposure | None = None
    antidotes: tuple[Exposure, ...] = ()

    @property
    def injected(self) -> bool:
        """Return whether an injection is among what is active."""
        return any(e.form is Form.INJECTION for e in self.active)

    @property
    def by_mouth_or_nose(self) -> bool:
        """Return whether the patient takes B12, and only by mouth or nose."""
        return bool(self.active) and all(e.form in _BY_MOUTH_OR_NOSE for e in self.active)

    @property
    def form_unknown(self) -> bool:
        """Return whether the record does not say how some active B12 is given."""
        return not self.injected and any(e.form not in _BY_MOUTH_OR_NOSE for e in self.active)

    def began(self, exposure: Exposure) -> date | None:
        """Return when this course began, counting renewals of the same form without a real gap."""
        start = exposure.start
        if start is None:
            return None
        earlier = [
            e for e in self.all if e.form is exposure.form and e.start is not None and e.course is not Course.GIVEN
        ]
        for other in sorted(earlier, key=lambda e: e.start or date.min, reverse=True):
            if other.start is None or other.start > start:
                continue
            if start - _end(other) <= self.washout:
                start = min(start, other.start)
        return start

    def phase(self, exposure: Exposure, today: date, limits: Limits) -> PhaseName | None:
        """Return whether a course fills the stores or keeps them full, None when the record does not tell.

        It fills them in the weeks that treatment takes to work, while doses are close together; a course that is
        over is judged by its last day.
        """
        began = self.began(exposure)
        if began is None:
            return None
        until = min(today, exposure.end) if exposure.end is not None else today
        if until - began >= timedelta(weeks=limits.treated_weeks):
            return PhaseName.MAINTENANCE
        if exposure.every_days is None:
            return None
        close = exposure.every_days <= limits.repletion_interval_days
        return PhaseName.REPLETION if close else PhaseName.MAINTENANCE

    def last_taken(self, today: date) -> date | None:
        """Return until when B12 was last on record, for a patient on none now; None when there was none or no end."""
        ends = [min(_end(e), today) for e in self.all if e not in self.antidotes]
        return max((end for end in ends if end != date.min), default=None) if not self.active else None

    def review_passed(self, today: date) -> date | None:
        """Return when the review was due, where the orders on record are all over and no other was made."""
        ends = [e.end for e in self.active]
        over = [end for end in ends if end is not None and end < today]
        return max(over) if over and len(over) == len(ends) else None

    def taken_during(self, taken: When) -> bool:
        """Return whether B12 was active when the sample was taken, or an injection given within the wash-out."""
        return any(self._covers(e, taken) for e in self.all)

    def soon_after_injection(self, taken: When) -> bool:
        """Return whether the sample may have been taken within the wash-out after an injection."""
        return any(e.form is Form.INJECTION and self._injected_just_before(e, taken) for e in self.all)

    def before(self, taken: When, *, injections_only: bool) -> bool:
        """Return whether the sample is older than the therapy that is active now."""
        if not self.active:
            return False
        courses = [e for e in self.active if not injections_only or e.form is Form.INJECTION]
        starts = [self.began(e) for e in courses]
        return any(start is None or taken.earliest <= start for start in starts)

    def _covers(self, exposure: Exposure, taken: When) -> bool:
        injection = exposure.form is Form.INJECTION
        if exposure.course is Course.GIVEN and not injection:
            return False
        start, end = exposure.start or date.min, _end(exposure)
        after = self.washout if injection else timedelta(0)
        # The sample that led to the first dose is drawn on the day of that dose.
        return taken.latest > start and taken.earliest - end <= after

    def _injected_just_before(self, exposure: Exposure, taken: When) -> bool:
        start, last = exposure.start or date.min, min(_end(exposure), taken.latest)
        doses = {start, last}
        if exposure.course is not Course.GIVEN and exposure.start is not None and exposure.every_days:
            if start >= taken.latest:
                return False
            whole = max(0, int((last - start).days // exposure.every_days))
            dose = start + timedelta(days=int(whole * exposure.every_days))
            # Dates by interval are estimates: one on the day of the sample may have been before it.
            return taken.earliest - dose <= self.washout
        return any(day < taken.latest and taken.earliest - day <= self.washout for day in doses if day > date.min)


def _end(exposure: Exposure) -> date:
    if exposure.end is not None:
        return exposure.end
    if exposure.course is Course.ACTIVE:
        return date.max
    # A finished order without an end is only known to have begun.
    return exposure.start or date.min


def therapy_of(record: Record, today: date, limits: Limits) -> Therapy:
    """Return the B12 therapy on record as of a day.

    An order that is still active though its own dates are over stands for therapy until a review is overdue:
    a loading course that ended yesterday is not a patient who was never treated. Where injections are known only
    because they were given, a series of them without a real gap is one course that goes on.
    """
    b12 = tuple([e for e in record.exposures if not e.concept.roles.isdisjoint(_B12)])
    if not b12:
        return _never(limits.injection_washout_days)
    replacing = tuple(e for e in b12 if not _is_antidote(e, limits))
    # One injection, whatever its order says of how it goes on.
    antidotes = tuple(
        e._replace(course=Course.GIVEN, form=Form.INJECTION)
        for e in b12
        if e.course is not Course.DRAFT and _is_antidote(e, limits)
    )
    lapsed = months_before(today, limits.review_months)
    active = tuple(e for e in replacing if e.course is Course.ACTIVE and (e.end is None or e.end >= lapsed))
    doses = _doses(replacing, today)
    if not any(e.form is Form.INJECTION for e in active):
        active += _series(doses, today, limits.exposure_gap_months)
    drafts = tuple(e for e in replacing if e.course is Course.DRAFT)
    taken = tuple(e for e in replacing if e.course is not Course.DRAFT)
    return Therapy(
        active=active,
        drafts=drafts,
        all=taken + tuple(e for e in active if e not in taken) + antidotes,
        washout=timedelta(days=limits.injection_washout_days),
        parallel=_parallel(active, today),
        last_dose=doses[-1] if doses else None,
        antidotes=antidotes,
    )


_B12 = frozenset({Role.COBALAMIN, Role.ANTIDOTE})


@cache
def _never(washout: int) -> Therapy:
    """Return that there is no B12 on record, the same for every patient without."""
    return Therapy((), (), (), timedelta(days=washout))


def _is_antidote(exposure: Exposure, limits: Limits) -> bool:
    """Return whether a cobalamin was given against cyanide: by its dose, where that is not said by its words."""
    if exposure.dose is not None and exposure.dose.at_least(limits.antidote_dose) is not None:
        return exposure.dose.at_least(limits.antidote_dose) is True
    return exposure.as_antidote


def _doses(replacing: Iterable[Exposure], today: date) -> tuple[Exposure, ...]:
    """Return the injections given up to today, the newest last, one a day."""
    given = [e for e in replacing if e.course is Course.GIVEN and e.form is Form.INJECTION]
    dated = {e.start: e for e in sorted(given, key=lambda e: e.resource) if e.start is not None and e.start <= today}
    return tuple(dated[day] for day in sorted(dated))


def _series(doses: tuple[Exposure, ...], today: date, gap_months: int) -> tuple[Exposure, ...]:
    """Return the course that the newest injections make, none when there is only one or the last is long ago."""
    days: list[date] = []
    following = today
    for dose in reversed(doses):
        if dose.start is None or months_after(dose.start, gap_months) < following:
            break
        following = dose.start
        days.insert(0, following)
    if len(days) < 2:
        return ()
    every = Decimal(median((later - earlier).days for earlier, later in pairwise(days)))
    return (doses[-1]._replace(course=Course.ACTIVE, start=days[0], end=None, every_days=every),)


def _parallel(active: tuple[Exposure, ...], today: date) -> tuple[Exposure, ...]:
    """Return the courses that run today beside one of another form or another drug."""
    running = [e for e in active if (e.start is None or e.start <= today) and (e.end is None or e.end >= today)]
    return tuple(e for e in running if any(_differ(e, other) for other in running))


def _differ(one: Exposure, other: Exposure) -> bool:
    if one.form is not other.form:
        return Form.UNKNOWN not in (one.form, other.form)
    told = Role.KIND_NOT_SAID not in one.concept.roles | other.concept.roles
    return told and one.concept.id != other.concept.id
