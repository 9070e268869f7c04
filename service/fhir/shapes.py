"""The few FHIR R4 elements that are read, as typed shapes; everything else in a resource is skipped undecoded.

A `Raw` element is decoded when it is asked for, or never: what a laboratory prints beside every result is the same
from chart to chart (`service.fhir.vocabulary`), and how a medicine is taken matters for few medicines.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Raw, Struct

#: An element that is not there and would be decoded later.
NOTHING = Raw()
#: How one is written that says nothing.
NOT_TOLD = (b"", b"null")


def told(piece: Raw) -> bool:
    """Return whether an element that is decoded later is there at all."""
    return bytes(piece) not in NOT_TOLD


class Shape(Struct, gc=False):
    """A part of a resource."""


class Coding(Shape):
    """FHIR Coding."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Shape):
    """FHIR CodeableConcept."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Reference(Shape):
    """FHIR Reference."""

    reference: str | None = None
    display: str | None = None


class Subject(Shape):
    """The Reference to whom a resource is about."""

    reference: str | None = None


class Period(Shape):
    """FHIR Period."""

    start: str | None = None
    end: str | None = None


class Quantity(Shape):
    """FHIR Quantity; the value keeps the digits that were sent."""

    value: Decimal | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Range(Shape):
    """Observation.referenceRange."""

    low: Quantity | None = None
    high: Quantity | None = None
    appliesTo: tuple[CodeableConcept, ...] = ()
    text: str | None = None


class Measured(Shape):
    """What Observation and its components share."""

    code: Raw = NOTHING
    valueQuantity: Raw = NOTHING
    interpretation: Raw = NOTHING
    referenceRange: Raw = NOTHING
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None


class Meta(Shape):
    """Resource.meta, to tell two versions of one resource apart."""

    versionId: str | None = None
    lastUpdated: str | None = None


class Resource(Struct, gc=False, tag_field="resourceType"):
    """What every resource has."""

    id: str | None = None
    meta: Raw = NOTHING


class Patient(Resource, tag="Patient"):
    """The person; ethnicity is only ever in an extension."""

    birthDate: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    extension: Raw = NOTHING


class Observation(Resource, tag="Observation"):
    """A result, or a status such as pregnancy."""

    status: str | None = None
    code: Raw = NOTHING
    subject: Subject | None = None
    effectiveDateTime: str | None = None
    issued: str | None = None
    valueQuantity: Raw = NOTHING
    interpretation: Raw = NOTHING
    referenceRange: Raw = NOTHING
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None
    effectiveInstant: str | None = None
    effectivePeriod: Period | None = None
    component: tuple[Measured, ...] = ()


class Condition(Resource, tag="Condition"):
    """A problem or diagnosis."""

    clinicalStatus: Raw = NOTHING
    verificationStatus: Raw = NOTHING
    code: Raw = NOTHING
    subject: Subject | None = None
    onsetDateTime: str | None = None
    onsetPeriod: Period | None = None
    recordedDate: str | None = None
    abatementDateTime: str | None = None
    abatementPeriod: Period | None = None
    abatementString: str | None = None
    abatementAge: Quantity | None = None
    abatementRange: Range | None = None


class Procedure(Resource, tag="Procedure"):
    """Something done."""

    status: str | None = None
    code: Raw = NOTHING
    subject: Subject | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None


class AllergyReaction(Shape):
    """What was reacted to."""

    substance: CodeableConcept | None = None


class AllergyIntolerance(Resource, tag="AllergyIntolerance"):
    """An allergy, active unless it says otherwise."""

    clinicalStatus: Raw = NOTHING
    verificationStatus: Raw = NOTHING
    code: CodeableConcept | None = None
    patient: Subject | None = None
    reaction: tuple[AllergyReaction, ...] = ()


class Inherited(Shape):
    """FamilyMemberHistory.condition."""

    code: CodeableConcept | None = None


class FamilyMemberHistory(Resource, tag="FamilyMemberHistory"):
    """What a relative has or had."""

    status: str | None = None
    patient: Subject | None = None
    condition: Raw = NOTHING


class Repeat(Shape):
    """Timing.repeat."""

    boundsPeriod: Period | None = None
    boundsDuration: Quantity | None = None
    frequency: int | None = None
    period: Decimal | None = None
    periodUnit: str | None = None
    count: int | None = None


class Timing(Shape):
    """FHIR Timing."""

    repeat: Repeat | None = None


class Dosage(Shape):
    """How a medicine is taken."""

    text: str | None = None
    timing: Timing | None = None
    route: CodeableConcept | None = None
    doseAndRate: Raw = NOTHING
    dose: Raw = NOTHING


class Amounts(Shape):
    """Dosage.doseAndRate, its dose."""

    doseQuantity: Quantity | None = None
    doseRange: Range | None = None


class Dispense(Shape):
    """MedicationRequest.dispenseRequest."""

    validityPeriod: Period | None = None


class Medication(Resource, tag="Medication"):
    """A medicine that others refer to."""

    code: Raw = NOTHING


class MedicationRequest(Resource, tag="MedicationRequest"):
    """A prescription."""

    status: str | None = None
    intent: str | None = None
    medicationCodeableConcept: Raw = NOTHING
    medicationReference: Reference | None = None
    subject: Subject | None = None
    authoredOn: str | None = None
    dosageInstruction: Raw = NOTHING
    doNotPerform: bool | None = None
    contained: tuple[Raw, ...] = ()
    dispenseRequest: Dispense | None = None


class MedicationStatement(Resource, tag="MedicationStatement"):
    """A medicine that the patient is said to take."""

    status: str | None = None
    medicationCodeableConcept: Raw = NOTHING
    medicationReference: Reference | None = None
    subject: Subject | None = None
    contained: tuple[Raw, ...] = ()
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dateAsserted: str | None = None
    dosage: Raw = NOTHING


class MedicationAdministration(Resource, tag="MedicationAdministration"):
    """A dose that was given."""

    status: str | None = None
    medicationCodeableConcept: Raw = NOTHING
    medicationReference: Reference | None = None
    subject: Subject | None = None
    contained: tuple[Raw, ...] = ()
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dosage: Raw = NOTHING


class Issue(Shape):
    """OperationOutcome.issue."""

    severity: str | None = None
    code: str | None = None


class OperationOutcome(Resource, tag="OperationOutcome"):
    """A server's complaint."""

    issue: tuple[Issue, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether something went wrong, as against a remark."""
        return any(issue.severity in ("error", "fatal") for issue in self.issue)


Readable = (
    Patient
    | Observation
    | Condition
    | Procedure
    | AllergyIntolerance
    | FamilyMemberHistory
    | Medication
    | MedicationRequest
    | MedicationStatement
    | MedicationAdministration
    | OperationOutcome
)
AnyMedication = MedicationRequest | MedicationStatement | MedicationAdministration
