"""FHIR R4 resources of a sandbox chart, each from plain facts."""

from collections.abc import Sequence
from datetime import date, timedelta

from service.sandbox.elements import (
    TERMINOLOGY,
    Resource,
    coding,
    concept,
    interpretation,
    loinc,
    moment,
    quantity,
    years_before,
)
from service.sandbox.facts import LabFact, SandboxPatient, Table, codes

CLINICIAN = "sandbox-clinician"


class Writer:
    """Writes the resources of one patient as seen on one day."""

    def __init__(self, patient: SandboxPatient, today: date) -> None:
        """Keep whose chart it is, and the day from which everything counts back."""
        self.patient, self.today = patient, today
        self.subject = {"reference": f"Patient/{patient.id}", "display": patient.name}

    def person(self) -> Resource:
        """The Patient; the birthday was 40 days ago, so that the age never changes."""
        born = years_before(self.today - timedelta(days=40), self.patient.age)
        return {
            "resourceType": "Patient",
            "id": self.patient.id,
            "meta": {"tag": [coding(f"{TERMINOLOGY}/v3-ActReason", "HTEST", "test health data")]},
            "active": True,
            "name": [{"use": "official", "family": self.patient.family, "given": [self.patient.given]}],
            "gender": self.patient.gender,
            "birthDate": born.isoformat(),
        }

    def laboratory(self, identity: str, fact: LabFact) -> Resource:
        """One result of an analyte that codes.yaml knows."""
        analyte = codes()["laboratory"][fact.analyte]
        resource = self._observation(identity, "laboratory", analyte, fact.days)
        if isinstance(fact.value, str):
            return resource | {"valueCodeableConcept": {"text": fact.value.capitalize()}}
        resource["valueQuantity"] = quantity(fact.value, analyte["unit"], analyte.get("shown"))
        if "low" in analyte:
            limits = {end: quantity(analyte[end], analyte["unit"], analyte.get("shown")) for end in ("low", "high")}
            resource["referenceRange"] = [limits]
            resource["interpretation"] = [interpretation(fact.value, analyte["low"], analyte["high"])]
        return resource

    def measured(self, identity: str, category: str, entry: Table, value: float, months: int) -> Resource:
        """One value of the background: a laboratory result or a vital sign."""
        resource = self._observation(identity, category, entry, months * 30)
        return resource | {"valueQuantity": quantity(value, entry["unit"])}

    def blood_pressure(self, identity: str, entry: Table, pair: Sequence[float], months: int) -> Resource:
        """Systolic and diastolic as two components of one Observation."""
        code, display = entry["code"]
        named = {"text": "Blood pressure", "code": code, "display": display}
        parts = (entry["systolic"], entry["diastolic"])
        return self._observation(identity, "vital-signs", named, months * 30) | {
            "component": [
                {"code": loinc(part), "valueQuantity": quantity(value, "mm[Hg]", "mmHg")}
                for part, value in zip(parts, pair, strict=True)
            ]
        }

    def condition(self, identity: str, fact: Table, months: int, resolved: int | None = None) -> Resource:
        """A confirmed problem, active unless it ended so many months ago."""
        clinical = "active" if resolved is None else "resolved"
        resource = {
            "resourceType": "Condition",
            "id": identity,
            "clinicalStatus": {"coding": [coding(f"{TERMINOLOGY}/condition-clinical", clinical)]},
            "verificationStatus": {"coding": [coding(f"{TERMINOLOGY}/condition-ver-status", "confirmed")]},
            "category": [{"coding": [coding(f"{TERMINOLOGY}/condition-category", "problem-list-item")]}],
            "code": concept(fact),
            "subject": self.subject,
            "onsetDateTime": self.month(months),
            "recordedDate": self.month(months),
        }
        return resource if resolved is None else resource | {"abatementDateTime": self.month(resolved)}

    def procedure(self, identity: str, fact: Table, months: int) -> Resource:
        """A completed procedure."""
        return {
            "resourceType": "Procedure",
            "id": identity,
            "status": "completed",
            "code": concept(fact),
            "subject": self.subject,
            "performedDateTime": self.month(months),
        }

    def medicine(self, identity: str, fact: Table, months: int, status: str = "active") -> Resource:
        """An order of a medicine, with its dosage structured where the fact states it."""
        dosage: Resource = {"text": fact["dosage"]}
        if "dose" in fact:
            frequency, period, unit = fact["per"]
            system, code, display = codes()["routes"][fact["route"]]
            dosage |= {
                "timing": {"repeat": {"frequency": frequency, "period": period, "periodUnit": unit}},
                "route": {"coding": [coding(codes()["systems"][system], code, display)]},
                "doseAndRate": [{"doseQuantity": quantity(*fact["dose"])}],
            }
        return {
            "resourceType": "MedicationRequest",
            "id": identity,
            "status": status,
            "intent": "order",
            "medicationCodeableConcept": concept(fact),
            "subject": self.subject,
            "authoredOn": self.month(months),
            "requester": {"reference": f"Practitioner/{CLINICIAN}"},
            "dosageInstruction": [dosage],
        }

    def allergy(self, identity: str, fact: Table) -> Resource:
        """A confirmed, active allergy to a substance."""
        return {
            "resourceType": "AllergyIntolerance",
            "id": identity,
            "clinicalStatus": {"coding": [coding(f"{TERMINOLOGY}/allergyintolerance-clinical", "active")]},
            "verificationStatus": {"coding": [coding(f"{TERMINOLOGY}/allergyintolerance-verification", "confirmed")]},
            "type": "allergy",
            "category": ["medication"],
            "criticality": "high",
            "code": concept(fact),
            "patient": self.subject,
            "recordedDate": self.month(30),
            "reaction": [{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}],
        }

    def encounter(self, identity: str, fact: Table, months: int) -> Resource:
        """A finished visit of half an hour."""
        day = (self.today - timedelta(days=months * 30)).isoformat()
        return {
            "resourceType": "Encounter",
            "id": identity,
            "status": "finished",
            "class": coding(f"{TERMINOLOGY}/v3-ActCode", "AMB", "ambulatory"),
            "type": [concept(fact)],
            "subject": self.subject,
            "period": {"start": f"{day}T09:00:00+00:00", "end": f"{day}T09:30:00+00:00"},
        }

    def immunization(self, identity: str, fact: Table, months: int) -> Resource:
        """A vaccine that was given."""
        return {
            "resourceType": "Immunization",
            "id": identity,
            "status": "completed",
            "vaccineCode": concept(fact),
            "patient": self.subject,
            "occurrenceDateTime": self.month(months),
        }

    def month(self, months: int) -> str:
        """The dateTime so many months of 30.44 days ago."""
        return moment(self.today - timedelta(days=round(months * 30.44)))

    def _observation(self, identity: str, category: str, entry: Table, days: int) -> Resource:
        return {
            "resourceType": "Observation",
            "id": identity,
            "status": "final",
            "category": [{"coding": [coding(f"{TERMINOLOGY}/observation-category", category)]}],
            "code": loinc(entry),
            "subject": self.subject,
            "effectiveDateTime": moment(self.today - timedelta(days=days)),
        }


def clinician() -> Resource:
    """The one who signs in the sandbox."""
    name = [{"family": "Sandbox", "given": ["Clinician"]}]
    return {"resourceType": "Practitioner", "id": CLINICIAN, "active": True, "name": name}
