"""What in the patient changes the plan, and what stops it: decisions, sections 3 and 5."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from service.domain.assess import Assessment
from service.domain.evidence import Evidence
from service.domain.record import Course, Result, Unreadable
from service.domain.results import in_date, newest, window
from service.domain.terms import Analyte, Mechanism, Modifier, Role, Status


@dataclass(frozen=True, slots=True)
class Modifiers:
    """The modifiers present, each with the resources it rests on, and hazards nobody can judge.

    `folic_acid` and `contraceptive` are running orders of such a medicine. `wanted` are the tests that a hazard on
    record or the cause itself asks for and that have no result in date: unknown is never in range.
    """

    present: dict[Modifier, tuple[str, ...]]
    anticoagulated: tuple[str, ...]
    unjudged: tuple[str, ...]
    folic_acid: tuple[str, ...] = ()
    contraceptive: tuple[str, ...] = ()
    wanted: tuple[Analyte, ...] = ()

    def __contains__(self, modifier: Modifier) -> bool:
        return modifier in self.present


def modifiers(evidence: Evidence, assessment: Assessment) -> Modifiers:
    """Return the modifiers in the order of the vocabulary; none for a patient out of scope."""
    if assessment.status is Status.OUT_OF_SCOPE:
        return Modifiers({}, (), ())
    record = evidence.record

    def coded(role: Role) -> tuple[str, ...]:
        return tuple(p.resource for p in record.active_problems(role))

    bleeding, unjudged = _bleeding(evidence)
    potassium = newest(in_date(record, evidence.protocol.limits, Analyte.POTASSIUM, evidence.today))
    low_potassium = potassium and potassium.measure and potassium.measure.below(evidence.protocol.limits.potassium_low)
    strong = assessment.rule.id == "K8" or (assessment.rule.id == "K8b" and bool(evidence.strong_picture))
    everything = {
        Modifier.NEUROLOGICAL: tuple(p.resource for p in evidence.neurology),
        Modifier.POSSIBLE_NEUROLOGICAL: tuple(p.resource for p in evidence.possible_neurology),
        Modifier.SEVERE_ANAEMIA: _resource(evidence.haemoglobin) if evidence.severe_anaemia else (),
        Modifier.PREGNANCY: evidence.pregnant,
        Modifier.BREASTFEEDING: evidence.breastfeeding,
        Modifier.ADHERENCE: coded(Role.ADHERENCE),
        Modifier.SWALLOWING: coded(Role.SWALLOWING),
        Modifier.BLEEDING_RISK: bleeding,
        # Inherited: it does not go away, whatever the clinical status says.
        Modifier.LEBER: tuple(p.resource for p in record.problems if Role.LEBER in p.concept.roles),
        Modifier.COBALAMIN_ALLERGY: tuple(a.resource for a in record.allergies),
        Modifier.RENAL_IMPAIRMENT: evidence.kidney if evidence.renal else (),
        Modifier.LOW_FOLATE: _resource(evidence.folate) if evidence.folate_low else (),
        Modifier.HYPOKALAEMIA: _resource(potassium) if low_potassium else (),
        Modifier.POLYCYTHAEMIA_VERA: coded(Role.POLYCYTHAEMIA),
        Modifier.CHLORAMPHENICOL: _taken(evidence, Role.CHLORAMPHENICOL),
        Modifier.ON_B12_THERAPY: tuple(e.resource for e in evidence.therapy.active),
        Modifier.ASSAY_SUSPECT: evidence.strong_picture if strong else (),
    }
    present = {modifier: basis for modifier, basis in everything.items() if basis}
    unreadable = tuple(u.resource for u in record.unreadable if u.hazard and _recent(u, evidence))
    anticoagulated = _taken(evidence, Role.ANTICOAGULANT) + coded(Role.ANTICOAGULANT)
    folic_acid, contraceptive = _taken(evidence, Role.FOLIC_ACID), _taken(evidence, Role.CONTRACEPTIVE)
    return Modifiers(
        present, anticoagulated, unjudged + unreadable, folic_acid, contraceptive, tuple(_wanted(evidence, assessment))
    )


def _wanted(evidence: Evidence, assessment: Assessment) -> Iterator[Analyte]:
    """Yield the INR with a vitamin K antagonist, platelets where they are coded as few, TSH in autoimmune gastritis."""
    needs = (
        (Analyte.INR, any(_taken(evidence, Role.INR_NEEDED))),
        (Analyte.PLATELETS, any(evidence.record.active_problems(Role.PLATELETS_NEEDED))),
        (Analyte.TSH, assessment.mechanism is Mechanism.AUTOIMMUNE_GASTRITIS),
    )
    for analyte, needed in needs:
        if needed and not in_date(evidence.record, evidence.protocol.limits, analyte, evidence.today):
            yield analyte


def _resource(result: Result | None) -> tuple[str, ...]:
    return (result.resource,) if result else ()


def _taken(evidence: Evidence, role: Role) -> tuple[str, ...]:
    """Return the orders of a medicine with this role that are running today and act on the whole body."""
    today = evidence.today
    return tuple(
        e.resource
        for e in evidence.record.exposures
        if role in e.concept.roles
        and e.course is Course.ACTIVE
        and e.systemic
        and (e.start is None or e.start <= today)
        and (e.end is None or e.end >= today)
    )


def _recent(unreadable: Unreadable, evidence: Evidence) -> bool:
    if unreadable.when is None or unreadable.analyte is None:
        return True
    frame = window(evidence.protocol.limits, unreadable.analyte, evidence.today)
    return frame.oldest <= unreadable.when.latest and unreadable.when.earliest <= evidence.today


def _bleeding(evidence: Evidence) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what shows a bleeding risk, and the recent results that cannot settle whether there is one."""
    limits, record, today = evidence.protocol.limits, evidence.record, evidence.today
    risk: list[str] = [p.resource for p in record.active_problems(Role.BLEEDING)]
    unjudged: list[str] = []
    for analyte in (Analyte.INR, Analyte.PLATELETS):
        inr = analyte is Analyte.INR
        found = newest(in_date(record, limits, analyte, today), worst_high=inr)
        if found is None or found.measure is None:
            continue
        answer = found.measure.above(limits.inr_bleeding) if inr else found.measure.below(limits.platelets_bleeding)
        if answer is None:
            unjudged.append(found.resource)
        elif answer:
            risk.append(found.resource)
    return tuple(risk), tuple(unjudged)
