"""The B12 a patient takes now or took before, and which samples it spoils."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from service.domain.record import Course, Exposure, Form, Record, When, months_before
from service.domain.terms import Role

_BY_MOUTH_OR_NOSE = frozenset({Form.ORAL, Form.NASAL})


@dataclass(frozen=True, slots=True)
class Therapy:
    """All B12 on record: what is active today, what is only drafted, and everything given before."""

    active: tuple[Exposure, ...]
    drafts: tuple[Exposure, ...]
    all: tuple[Exposure, ...]
    washout: timedelta

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


def therapy_of(record: Record, today: date, washout_days: int, lapse_months: int) -> Therapy:
    """Return the B12 therapy on record as of a day.

    An order that is still active though its own dates are over stands for therapy until a review is overdue:
    a loading course that ended yesterday is not a patient who was never treated.
    """
    b12 = tuple(_cobalamins(record.exposures))
    lapsed = months_before(today, lapse_months)
    active = tuple(e for e in b12 if e.course is Course.ACTIVE and (e.end is None or e.end >= lapsed))
    drafts = tuple(e for e in b12 if e.course is Course.DRAFT)
    taken = tuple(e for e in b12 if e.course is not Course.DRAFT)
    return Therapy(active, drafts, taken, timedelta(days=washout_days))


def _cobalamins(exposures: Iterable[Exposure]) -> Iterable[Exposure]:
    return (e for e in exposures if Role.COBALAMIN in e.concept.roles)
