"""Whether B12 therapy works: judged from the blood count, reticulocytes and symptoms since it began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.record import Flag, Result, months_before
from service.domain.results import Marker, in_date, is_low, newest, read_marker
from service.domain.terms import Analyte, Notice, Status

_RETICULOCYTES = (Analyte.RETICULOCYTES, Analyte.RETICULOCYTE_COUNT)
_DAYS_A_WEEK = 7


class Verdict(StrEnum):
    """What therapy has done so far."""

    TOO_EARLY = "too early to say"
    EXPECTED = "as expected"
    POOR = "in doubt"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Response:
    """The verdict on therapy since a day, why, and the results it rests on; None where its start is not known."""

    verdict: Verdict
    why: str
    results: tuple[Result, ...] = ()
    since: date | None = None


def judge(evidence: Evidence) -> Response | None:
    """Return how well the B12 therapy on record works, or None when there is none.

    B12 itself is not looked at: on injections it says nothing, and by mouth or nose rule K5t judges it.
    """
    therapy = evidence.therapy
    if not therapy.active:
        return None
    began = [therapy.began(course) for course in therapy.active]
    known = [day for day in began if day is not None and day <= evidence.today]
    since = min(known, default=None)
    troubled = _symptoms(evidence, began)
    if troubled is not None:
        return Response(Verdict.POOR, troubled, since=since)
    if since is None:
        severe = (evidence.haemoglobin,) if evidence.severe_anaemia and evidence.haemoglobin else ()
        if severe:
            return Response(Verdict.POOR, "severe anaemia on treatment", severe)
        return Response(Verdict.UNKNOWN, "since when it is taken is not on record")
    return _of_blood(evidence, since)


def failing(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether B12 therapy is on record and the patient is not well on it."""
    if assessment.rule.id == "K5t":
        return True
    if assessment.status is not Status.ON_TREATMENT:
        return assessment.start_now and evidence.therapy.injected
    found = judge(evidence)
    return found is not None and found.verdict is Verdict.POOR


def uncounted(evidence: Evidence, assessment: Assessment) -> bool:
    """Return whether a patient on treatment has had no blood count since it began, though one was due."""
    if assessment.status is not Status.ON_TREATMENT:
        return False
    found = judge(evidence)
    return found is not None and found.verdict is Verdict.UNKNOWN and found.since is not None


def silent(evidence: Evidence, assessment: Assessment) -> frozenset[Notice]:
    """Return the notices that ask for no tests here.

    A response calls for tests on treatment, where it is in doubt; a count that is missing calls for the count alone.
    """
    if assessment.status is not Status.ON_TREATMENT:
        return frozenset({Notice.RESPONSE})
    return frozenset() if failing(evidence, assessment) else frozenset({Notice.RESPONSE, Notice.WORKUP_FBC})


def beginning(evidence: Evidence) -> date | None:
    """Return when therapy began in the days just past, while blood cells fill and potassium may fall; else None.

    On the first day itself the plan has just been signed, and its card has said it.
    """
    therapy, days = evidence.therapy, evidence.protocol.limits.potassium_watch_days
    if not therapy.active:
        return None
    oldest = evidence.today - timedelta(days=days)
    began = [day for course in therapy.active if (day := therapy.began(course)) is not None]
    # An older course beside it has filled them already.
    return min(began) if began and oldest <= min(began) < evidence.today else None


def _symptoms(evidence: Evidence, began: list[date | None]) -> str | None:
    """Return which symptoms put the response in doubt.

    Signs that were there when therapy began are given the time it needs; a nerve that fails later is not.
    """
    if not evidence.symptoms and not evidence.any_symptom:
        return None
    onsets = [problem.onset for problem in evidence.neurology if problem.onset is not None]
    if any(start is not None and onset.earliest > start for onset in onsets for start in began):
        return "neurology that began on treatment"
    weeks = timedelta(weeks=evidence.protocol.limits.treated_weeks)
    if any(start is None or evidence.today - start >= weeks for start in began):
        return "symptoms are on record on established treatment"
    return None


def _of_blood(evidence: Evidence, since: date) -> Response:
    limits, today = evidence.protocol.limits, evidence.today
    for poor in (_not_normal(evidence, since), _not_risen(evidence, since), *_lazy_marrow(evidence, since)):
        if poor is not None:
            return poor
    if today - since < timedelta(days=limits.response_days):
        return Response(Verdict.TOO_EARLY, "the blood count has had no time to rise", since=since)
    counts = [r for r in evidence.record.of(Analyte.HAEMOGLOBIN) if since < r.taken.earliest <= today]
    if not counts:
        return Response(Verdict.UNKNOWN, "no blood count since treatment began", since=since)
    return Response(Verdict.EXPECTED, "the blood count answers", (counts[0],), since)


def _not_normal(evidence: Evidence, since: date) -> Response | None:
    """Return a poor response when the count is not normal though there was time enough."""
    limits, today = evidence.protocol.limits, evidence.today
    settled = since + timedelta(weeks=limits.response_weeks)
    cells = newest(in_date(evidence.record, limits, Analyte.MCV, today), worst_high=True)
    wrong = []
    if evidence.haemoglobin and is_low(evidence.haemoglobin, limits.haemoglobin_anaemia):
        wrong.append(evidence.haemoglobin)
    if cells and read_marker(cells, limits.mcv_raised) is Marker.RAISED:
        wrong.append(cells)
    late = tuple(result for result in wrong if result.taken.earliest >= settled)
    if not late:
        return None
    weeks = (late[0].taken.earliest - since).days // _DAYS_A_WEEK
    return Response(Verdict.POOR, f"not normal after {weeks} weeks of treatment", late, since)


def _not_risen(evidence: Evidence, since: date) -> Response | None:
    """Return a poor response when haemoglobin is no higher than the last one before treatment, which was low."""
    limits, now = evidence.protocol.limits, evidence.haemoglobin
    if now is None or now.measure is None or now.taken.earliest < since + timedelta(days=limits.response_days):
        return None
    oldest = months_before(since, limits.blood_count_months)
    earlier = [r for r in evidence.record.of(Analyte.HAEMOGLOBIN) if oldest <= r.taken.earliest]
    before = newest(tuple(r for r in earlier if r.taken.latest <= since))
    if before is None or before.measure is None or not before.measure.below(limits.haemoglobin_anaemia):
        return None
    if before.measure.comparator or now.measure.at_most(before.measure.value) is not True:
        return None
    return Response(Verdict.POOR, "no higher than before treatment", (now, before), since)


def _lazy_marrow(evidence: Evidence, since: date) -> tuple[Response | None, ...]:
    return tuple(_lazy(evidence, since, analyte) for analyte in _RETICULOCYTES)


def _lazy(evidence: Evidence, since: date, analyte: Analyte) -> Response | None:
    """Return a poor response when reticulocytes do not answer while the blood count is low."""
    limits, today, marrow = evidence.protocol.limits, evidence.today, evidence.protocol.marrow
    counted = newest(in_date(evidence.record, limits, analyte, today))
    if counted is None:
        return None
    day = (counted.taken.earliest - since).days
    cells, volume = evidence.haemoglobin, newest(in_date(evidence.record, limits, Analyte.HAEMATOCRIT, today))
    anaemic = cells is not None and cells.taken.earliest > since and is_low(cells, limits.haemoglobin_anaemia)
    if day >= limits.reticulocyte_days and anaemic and cells is not None and _below_normal(counted):
        return Response(Verdict.POOR, "the marrow does not answer", (counted, cells), since)
    if marrow is None or volume is None or volume.measure is None or volume.taken.earliest <= since:
        return None
    thin = volume.measure.below(marrow.haematocrit_below) is True
    if day >= marrow.from_day and thin and _short_of(counted, marrow.times_normal):
        why = f"reticulocytes not {marrow.times_normal} times normal: look again at the diagnosis"
        return Response(Verdict.POOR, why, (counted, volume), since)
    return None


def _below_normal(counted: Result) -> bool:
    """Return whether reticulocytes are low by the laboratory; without its flag or range nothing is said."""
    if counted.flag is not None:
        return counted.flag is Flag.LOW
    if counted.measure is None or counted.range_low is None:
        return False
    return counted.measure.below(counted.range_low) is True


def _short_of(counted: Result, times: Decimal) -> bool:
    """Return whether reticulocytes are surely below so many times the laboratory's upper limit."""
    if counted.measure is not None and counted.range_high is not None:
        return counted.measure.below(counted.range_high * times) is True
    # Without a range, a count that is not even raised is short of a multiple of normal.
    return counted.flag in (Flag.LOW, Flag.NORMAL)
