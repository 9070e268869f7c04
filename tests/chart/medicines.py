"""Medicines in a chart: orders, what the patient says, doses that were given, and B12 therapy itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from . import resources as fhir
from .codes import Choice, concepts
from .facts import Facts, Medicine, Therapy
from .resources import Resource

ROUTE_OF = {
    "hydroxocobalamin_injection": "intramuscular",
    "cyanocobalamin_injection": "intramuscular",
    "cyanocobalamin_oral_1mg": "oral",
    "cyanocobalamin_nasal_spray": "nasal",
    "nitrous_oxide": "inhalation",
    "chloramphenicol_systemic": "oral",
}


def medicines(facts: Facts, today: date, choice: Choice) -> Iterator[Resource]:
    for medicine in facts.medicines:
        yield course(medicine, today, choice)
    for dose in facts.given:
        given = today - timedelta(days=dose.days_ago)
        code = choice.of(concepts("medicines", dose.name))
        made = fhir.medication_administration(code, given, ROUTE_OF[dose.name])
        if dose.dose:
            made["dosage"]["dose"] = fhir.quantity(*dose.dose)
        yield made
    if facts.on_b12:
        yield therapy(facts.on_b12, today, choice)


def course(medicine: Medicine, today: date, choice: Choice) -> Resource:
    """A course of a medicine, as an order or as a statement; an ended one has its end in either."""
    end = medicine.end
    if medicine.ended_months_ago is not None:
        end = fhir.months_before(today, medicine.ended_months_ago)
    start = medicine.start or fhir.months_before(end or today, medicine.months or 0)
    code = choice.of(concepts("medicines", medicine.name))
    if end is None:
        by = ROUTE_OF.get(medicine.name)
        dosage = {"route": fhir.route(by)} if by else None
        ordered = fhir.medication_request(code, start, dosage=dosage)
        reported = fhir.medication_statement(code, start, dosage=dosage)
        return choice.of([ordered, reported])
    bounds = {"start": start.isoformat(), "end": end.isoformat()}
    timed = {"timing": {"repeat": {"boundsPeriod": bounds, "frequency": 2, "period": 1, "periodUnit": "d"}}}
    return choice.of(
        [
            fhir.medication_statement(code, start, end, status="stopped"),
            fhir.medication_request(code, start, status="stopped", dosage=timed),
        ]
    )


def therapy(said: Therapy, today: date, choice: Choice) -> Resource:
    """B12 that the patient is on, with start, route and timing."""
    start = fhir.months_before(today, said.months)
    ended = said.ended_days_ago
    end = {"end": (today - timedelta(days=ended)).isoformat()} if ended is not None else {}
    period, unit = said.every
    by = ROUTE_OF[said.product]
    dosage = {
        "text": f"1 mg {by} every {period} {unit}",
        "timing": {
            "repeat": {
                "boundsPeriod": {"start": start.isoformat()} | end,
                "frequency": 1,
                "period": period,
                "periodUnit": unit,
            }
        },
        "route": fhir.route(by),
        "doseAndRate": [{"doseQuantity": fhir.quantity(1, "mg")}],
    }
    code = choice.of(concepts("medicines", said.product))
    if said.reported:
        return fhir.medication_statement(code, start, status=said.status, dosage=dosage)
    return fhir.medication_request(code, start, status=said.status, intent=said.intent, dosage=dosage)
