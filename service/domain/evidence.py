"""All that the rules look at, gathered once from the record: results that count, modifiers, therapy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from service.domain.deciding import banded_active, deciding_b12, eligible_b12
from service.domain.protocol import Band, Limits, Protocol
from service.domain.record import Course, Finding, Problem, Record, Result, When, months_before
from service.domain.results import (
    Aside,
    Marker,
    Reading,
    in_date,
    is_low,
    is_positive,
    marker_aside,
    newest,
    read_marker,
    window,
)
from service.domain.terms import Analyte, Role
from service.domain.therapy import Therapy, therapy_of


class Evidence(NamedTuple):
    """What the record says today, as the rules see it; None is unknown, never normal."""

    today: date
    record: Record
    protocol: Protocol
    therapy: Therapy
    age: tuple[int, int] | None
    b12: Result | None
    band: Band | None
    set_aside: tuple[tuple[Result, Aside], ...]
    total_low: bool
    active_b12: Result | None
    mma: Reading | None
    homocysteine: Reading | None
    mma_alone: Reading | None
    homocysteine_alone: Reading | None
    folate_low: bool | None
    folate: Result | None
    renal: bool | None
    kidney: tuple[str, ...]
    haemoglobin: Result | None
    severe_anaemia: bool
    anaemia: bool
    neurology: tuple[Problem, ...]
    possible_neurology: tuple[Problem, ...]
    symptoms: tuple[Problem, ...]
    film: tuple[str, ...]
    pictured: tuple[str, ...]
    antibody: tuple[Result, ...]
    pregnant: tuple[str, ...]
    breastfeeding: tuple[str, ...]
    misuse: tuple[str, ...]
    medical_gas: tuple[str, ...]

    @property
    def neurological(self) -> bool:
        """Return whether neurology is attributable to B12 deficiency."""
        return bool(self.neurology)

    @property
    def strong_picture(self) -> tuple[str, ...]:
        """Return the resources that make a normal B12 hard to believe."""
        return self.film + self.pictured + tuple(r.resource for r in self.antibody)

    @property
    def gas(self) -> tuple[str, ...]:
        """Return the resources that show exposure to nitrous oxide: misuse, or medical use just before neurology."""
        return self.misuse + self.medical_gas

    @property
    def any_symptom(self) -> bool:
        """Return whether any symptom is coded, neurology of either tier included."""
        coded = any(not s.text_only for s in self.symptoms)
        return coded or self.neurological or bool(self.possible_neurology)


def gather(record: Record, protocol: Protocol, today: date) -> Evidence:
    """Return the evidence in a record as of a day, read by one protocol's limits."""
    limits = protocol.limits
    therapy = therapy_of(record, today, limits)
    neurology, possible = _neurology(record)
    pregnant = _pregnant(record, today, limits.pregnancy_status_days)
    haemoglobin = newest(in_date(record, limits, Analyte.HAEMOGLOBIN, today))
    severe_line = limits.haemoglobin_severe_pregnant if pregnant else limits.haemoglobin_severe
    severe_anaemia = bool(haemoglobin and haemoglobin.measure and haemoglobin.measure.below(severe_line))
    severe = bool(neurology) or severe_anaemia
    eligible, aside = eligible_b12(record, protocol, therapy, today, severe=severe)
    b12, band = deciding_b12(eligible, protocol, pregnant=bool(pregnant))
    markers = _Markers(record, protocol, therapy, today, severe)
    mma_alone, hcy_alone = markers.newest(Analyte.MMA), markers.newest(Analyte.HOMOCYSTEINE)
    renal, kidney = _kidneys(record, protocol, today)
    folate, folate_low = _folate(record, limits, today)
    return Evidence(
        today=today,
        record=record,
        protocol=protocol,
        therapy=therapy,
        age=_age(record.birth, today),
        b12=b12,
        band=band,
        set_aside=aside,
        total_low=b12 is not None and b12.analyte is Analyte.B12 and band is Band.LOW,
        active_b12=banded_active(eligible, protocol),
        mma=markers.beside(b12, mma_alone),
        homocysteine=markers.beside(b12, hcy_alone),
        mma_alone=mma_alone,
        homocysteine_alone=hcy_alone,
        folate=folate,
        folate_low=folate_low,
        renal=renal,
        kidney=kidney,
        haemoglobin=haemoglobin,
        severe_anaemia=severe_anaemia,
        anaemia=_anaemia(record, haemoglobin, protocol),
        neurology=neurology,
        possible_neurology=possible,
        symptoms=tuple(record.active_problems(Role.SYMPTOM)),
        film=_film(record, protocol, today),
        pictured=tuple(p.resource for p in record.active_problems(Role.STRONG_PICTURE)),
        antibody=tuple(
            r
            for r in in_date(record, limits, Analyte.INTRINSIC_FACTOR_ANTIBODY, today)
            if is_positive(r) and not therapy.soon_after_injection(r.taken)
        ),
        pregnant=pregnant,
        breastfeeding=tuple(p.resource for p in record.active_problems(Role.BREASTFEEDING)),
        misuse=_misuse(record, today, limits.misuse_months),
        medical_gas=_medical_gas(record, neurology, today, limits.medical_gas_weeks, limits.misuse_months),
    )


def under(evidence: Evidence, protocol: Protocol) -> Evidence:
    """Return the evidence as gathered under another protocol of the same limits: only its bands may choose anew."""
    record, today = evidence.record, evidence.today
    severe, pregnant = evidence.neurological or evidence.severe_anaemia, bool(evidence.pregnant)
    eligible, aside = eligible_b12(record, protocol, evidence.therapy, today, severe=severe)
    b12, band = deciding_b12(eligible, protocol, pregnant=pregnant)
    if b12 is not evidence.b12:
        return gather(record, protocol, today)
    return evidence._replace(
        protocol=protocol,
        band=band,
        set_aside=aside,
        total_low=b12 is not None and b12.analyte is Analyte.B12 and band is Band.LOW,
        active_b12=banded_active(eligible, protocol),
    )


def _age(birth: When | None, today: date) -> tuple[int, int] | None:
    """Return the least and the greatest age the birth date allows, in years."""
    if birth is None or birth.earliest > today:
        return None
    return _years(birth.latest, today), _years(birth.earliest, today)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@dataclass(frozen=True, slots=True)
class _Markers:
    """Finds the newest MMA or homocysteine that counts."""

    record: Record
    protocol: Protocol
    therapy: Therapy
    today: date
    severe: bool

    def newest(self, analyte: Analyte, b12: Result | None = None) -> Reading | None:
        """Return the newest reading; near a B12 when one is given, and of one day the worst."""
        limits = self.protocol.limits
        frame = window(limits, analyte, self.today)
        best: Reading | None = None
        for result in self.record.of(analyte):
            if marker_aside(result, self.therapy, frame, severe=self.severe) is not None:
                continue
            if b12 is not None and not _paired(result, b12, limits.pairing_days):
                continue
            reading = self._read(result)
            if reading is None:
                continue
            if best is None:
                best = reading
            elif reading.result.taken.latest != best.result.taken.latest:
                break
            elif _severity(reading) > _severity(best):
                best = reading
        return best

    def beside(self, b12: Result | None, alone: Reading | None) -> Reading | None:
        """Return the newest reading near a B12, where `alone` is the newest of all: mostly the same."""
        if b12 is None or alone is None or _paired(alone.result, b12, self.protocol.limits.pairing_days):
            return alone
        return self.newest(alone.result.analyte, b12)

    def _read(self, result: Result) -> Reading | None:
        limits = self.protocol.limits
        if result.analyte is Analyte.MMA:
            marker = read_marker(result, limits.mma_raised, limits.mma_borderline)
        else:
            marker = read_marker(result, limits.homocysteine_raised)
        return Reading(result, marker) if marker else None


def _severity(reading: Reading) -> tuple[int, object]:
    order = {Marker.NORMAL: 0, Marker.BORDERLINE: 1, Marker.RAISED: 2}
    return order[reading.marker], reading.result.measure.value if reading.result.measure else 0


def _paired(marker: Result, b12: Result, days: int) -> bool:
    return abs(marker.taken.latest - b12.taken.latest) <= timedelta(days=days)


def _kidneys(record: Record, protocol: Protocol, today: date) -> tuple[bool | None, tuple[str, ...]]:
    """Return whether the kidneys are impaired: the newest eGFR, else coded chronic kidney disease, else unknown."""
    results = tuple(r for r in in_date(record, protocol.limits, Analyte.EGFR, today) if _decidable(r, protocol))
    found = newest(results)
    if found is not None and found.measure is not None:
        return found.measure.below(protocol.limits.egfr_impaired), (found.resource,)
    coded = tuple(p.resource for p in record.active_problems(Role.KIDNEY_DISEASE))
    return (True, coded) if coded else (None, ())


def _decidable(egfr: Result, protocol: Protocol) -> bool:
    return egfr.measure is not None and egfr.measure.below(protocol.limits.egfr_impaired) is not None


def _folate(record: Record, limits: Limits, today: date) -> tuple[Result | None, bool | None]:
    """Return the folate that says most and whether it is low; in red cells only by the laboratory's flag or range."""
    serum = newest(in_date(record, limits, Analyte.FOLATE, today))
    cells = newest(in_date(record, limits, Analyte.RED_CELL_FOLATE, today))
    read = [(r, is_low(r, line)) for r, line in ((serum, limits.folate_low), (cells, None)) if r is not None]
    for wanted in (True, False):
        found = next(((r, low) for r, low in read if low is wanted), None)
        if found is not None:
            return found
    return read[0] if read else (None, None)


def _anaemia(record: Record, haemoglobin: Result | None, protocol: Protocol) -> bool:
    if haemoglobin is not None and haemoglobin.measure is not None:
        return haemoglobin.measure.below(protocol.limits.haemoglobin_anaemia) is True
    return any(record.active_problems(Role.ANAEMIA))


def _neurology(record: Record) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return attributable and possible neurology; a neuropathy with another coded cause is only possible."""
    other = any(record.active_problems(Role.OTHER_NEUROPATHY))
    neuropathy = tuple(record.active_problems(Role.NEUROPATHY))
    attributable = tuple(record.active_problems(Role.NEUROLOGY))
    possible = tuple(record.active_problems(Role.POSSIBLE_NEUROLOGY))
    if other:
        return attributable, possible + neuropathy
    return attributable + neuropathy, possible


def _pregnant(record: Record, today: date, status_days: int) -> tuple[str, ...]:
    """Return what shows a pregnancy now: an active Condition, or the newest status Observation while it is current.

    A current status that denies it is believed before a Condition that is surely older.
    """
    coded = tuple(record.active_problems(Role.PREGNANCY))
    oldest = today - timedelta(days=status_days)
    current = [s for s in record.states if s.when and oldest <= s.when.earliest <= today]
    state = max(current, key=_newest_state, default=None)
    if state is not None and state.when is not None and Role.PREGNANCY not in state.concept.roles:
        coded = tuple(p for p in coded if p.onset is None or p.onset.latest >= state.when.earliest)
        state = None
    return (*(p.resource for p in coded), *((state.resource,) if state else ()))


def _newest_state(state: Finding) -> tuple[date, str]:
    return (state.when.latest if state.when else date.min, state.resource)


def _film(record: Record, protocol: Protocol, today: date) -> tuple[str, ...]:
    films = in_date(record, protocol.limits, Analyte.FILM, today)
    return tuple(r.resource for r in films[:1] if is_positive(r))


_GAS = frozenset({Role.NITROUS_OXIDE_MISUSE, Role.INHALANT_USE, Role.NITROUS_OXIDE_NAMED})


def _misuse(record: Record, today: date, months: int) -> tuple[str, ...]:
    """Return what shows misuse of nitrous oxide, current or recent: named as such, or inhalants with the gas named."""
    recent = [p for p in record.problems if not _GAS.isdisjoint(p.concept.roles) and _recent(p, today, months)]
    misuse = tuple(p.resource for p in recent if Role.NITROUS_OXIDE_MISUSE in p.concept.roles)
    inhalants = tuple(p.resource for p in recent if Role.INHALANT_USE in p.concept.roles)
    named = tuple(p.resource for p in recent if Role.NITROUS_OXIDE_NAMED in p.concept.roles)
    return misuse + (inhalants + named if inhalants and named else ())


def _recent(problem: Problem, today: date, months: int) -> bool:
    if problem.active:
        return True
    last = problem.ended or problem.onset
    return last is not None and months_before(today, months) <= last.latest


def _medical_gas(
    record: Record, neurology: tuple[Problem, ...], today: date, weeks: int, months: int
) -> tuple[str, ...]:
    """Return medical uses of nitrous oxide during which new neurology began, or shortly after."""
    # Neurology without a date counts as new today: what may be exposure is not missed for a missing date.
    onsets = [p.onset.latest if p.onset is not None else today for p in neurology]
    span, oldest = timedelta(weeks=weeks), months_before(today, months)
    used = [(resource, days) for resource, days in medical_gas(record, today) if days.latest >= oldest]
    return tuple(
        resource for resource, days in used if any(days.earliest <= onset <= days.latest + span for onset in onsets)
    )


def medical_gas(record: Record, today: date) -> list[tuple[str, When]]:
    """Return every medical use of nitrous oxide, from its first day to its last."""
    courses = [
        (e.resource, When(e.start, max(e.start, e.end or (today if e.course is Course.ACTIVE else e.start))))
        for e in record.exposures
        if Role.NITROUS_OXIDE_MEDICINE in e.concept.roles and e.course is not Course.DRAFT and e.start is not None
    ]
    return courses + [
        (p.resource, p.when)
        for p in record.procedures
        if Role.NITROUS_OXIDE_MEDICINE in p.concept.roles and p.when is not None
    ]
