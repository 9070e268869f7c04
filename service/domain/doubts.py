"""What on record was not used for the verdict, or does not fit it: it is shown, never passed over."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.assess import Assessment
from service.domain.cause import Attribution
from service.domain.evidence import Evidence
from service.domain.protocol import Band
from service.domain.record import Result, months_before
from service.domain.results import Aside, Marker, band_of, in_date, is_positive
from service.domain.terms import Analyte

_TESTS = (Analyte.B12, Analyte.ACTIVE_B12)
_ANTIBODY = Analyte.INTRINSIC_FACTOR_ANTIBODY


def old_low(evidence: Evidence) -> Result | None:
    """Return a low B12 too old to count, never treated and with none newer."""
    aside = [(r, why) for r, why in evidence.set_aside if why is Aside.OLD]
    if evidence.b12 is not None or not aside or evidence.therapy.all:
        return None
    newest = max((r for r, _ in aside), key=lambda r: (r.taken.latest, r.resource))
    return newest if band_of(newest, evidence.protocol) is Band.LOW else None


def unusable_b12(evidence: Evidence) -> bool:
    """Return whether a B12 result is on record that could not be used."""
    unreadable = any(u.analyte in _TESTS for u in evidence.record.unreadable)
    return without_band(evidence) or unreadable or any(why is Aside.UNDECIDABLE for _, why in evidence.set_aside)


def without_band(evidence: Evidence) -> bool:
    """Return whether the B12 that would decide lies in no band, as the protocol has no line for it."""
    return evidence.b12 is not None and evidence.band is None


def contradicting(evidence: Evidence) -> tuple[Result, ...]:
    """Return what disagrees with the B12 that counts: B12 in another band that did not, and normal markers."""
    if evidence.band is None:
        return ()
    aside = [r for r, _ in evidence.set_aside]
    not_counted = [r for r, why in evidence.set_aside if why in (Aside.OLD, Aside.FUTURE)]
    recent = months_before(evidence.today, evidence.protocol.limits.b12_months)
    older = [
        r
        for test in _TESTS
        for r in evidence.record.of(test)
        if r.taken.earliest >= recent and r is not evidence.b12 and r not in aside
    ]
    other = tuple([r for r in not_counted + older if band_of(r, evidence.protocol) not in (None, evidence.band)])
    if evidence.band is not Band.LOW:
        return other
    markers = (evidence.mma, evidence.homocysteine)
    return other + tuple(m.result for m in markers if m is not None and m.marker is Marker.NORMAL)


def not_used(evidence: Evidence, assessment: Assessment) -> Iterator[tuple[Result, Aside]]:
    """Yield each result that could have counted and did not, with why; of those too old only a low one untreated."""
    forgotten = old_low(evidence)
    for result, why in evidence.set_aside:
        if result not in assessment.basis and (why is not Aside.OLD or result is forgotten):
            yield result, why
    if evidence.band is not None:
        pairs = ((evidence.mma_alone, evidence.mma), (evidence.homocysteine_alone, evidence.homocysteine))
        for newest, paired in pairs:
            apart = newest is not None and (paired is None or newest.result.taken > paired.result.taken)
            if newest is not None and apart and newest.result not in assessment.basis:
                yield newest.result, Aside.UNPAIRED
    yield from ((r, Aside.AFTER_INJECTION) for r in _antibodies(evidence) if spoiled(evidence, r))


def spoiled(evidence: Evidence, antibody: Result) -> bool:
    """Return whether an intrinsic factor antibody was taken so soon after an injection that it settles nothing."""
    return evidence.therapy.soon_after_injection(antibody.taken)


def against(evidence: Evidence, attribution: Attribution) -> tuple[Result, ...]:
    """Return the newest answer of each test that speaks against a cause, where it is negative."""
    found = []
    for analyte in attribution.cause.negated_by:
        results = in_date(evidence.record, evidence.protocol.limits, analyte, evidence.today)
        answered = (r for r in results if is_positive(r) is not None)
        newest = next((r for r in answered if analyte is not _ANTIBODY or not spoiled(evidence, r)), None)
        if newest is not None and not is_positive(newest):
            found.append(newest)
    return tuple(found)


def _antibodies(evidence: Evidence) -> tuple[Result, ...]:
    results = in_date(evidence.record, evidence.protocol.limits, _ANTIBODY, evidence.today)
    return tuple(r for r in results if is_positive(r) is not None)
