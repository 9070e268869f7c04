"""The few FHIR R4 elements that are read, as typed shapes; everything else in a resource is skipped undecoded."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from msgspec import Raw, Struct

#: An element that is not there and would be decoded later.
NOTHING = Raw()


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

    code: CodeableConcept | None = None
    valueQuantity: Quantity | None = None
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    referenceRange: tuple[Range, ...] = ()


class Meta(Shape):
    """Resource.meta, to tell two versions of one resource apart."""

    versionId: str | None = None
    lastUpdated: str | None = None


class Resource(Struct, gc=False, tag_field="resourceType"):
    """What every resource has."""

    id: str | None = None
    meta: Meta | None = None


class Patient(Resource, tag="Patient"):
    """The person; ethnicity is only ever in an extension."""

    birthDate: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    extension: Raw = NOTHING


class Observation(Resource, tag="Observation"):
    """A result, or a status such as pregnancy."""

    status: str | None = None
    subject: Reference | None = None
    effectiveDateTime: str | None = None
    effectiveInstant: str | None = None
    effectivePeriod: Period | None = None
    issued: str | None = None
    component: tuple[Measured, ...] = ()
    code: CodeableConcept | None = None
    valueQuantity: Quantity | None = None
    valueString: str | None = None
    valueCodeableConcept: CodeableConcept | None = None
    valueInteger: int | None = None
    valueBoolean: bool | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    referenceRange: tuple[Range, ...] = ()


class Condition(Resource, tag="Condition"):
    """A problem or diagnosis."""

    subject: Reference | None = None
    clinicalStatus: CodeableConcept | None = None
    verificationStatus: CodeableConcept | None = None
    code: CodeableConcept | None = None
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
    subject: Reference | None = None
    code: CodeableConcept | None = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None


class AllergyReaction(Shape):
    """What was reacted to."""

    substance: CodeableConcept | None = None


class AllergyIntolerance(Resource, tag="AllergyIntolerance"):
    """An allergy, active unless it says otherwise."""

    patient: Reference | None = None
    clinicalStatus: CodeableConcept | None = None
    verificationStatus: CodeableConcept | None = None
    code: CodeableConcept | None = None
    reaction: tuple[AllergyReaction, ...] = ()


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


class Dispense(Shape):
    """MedicationRequest.dispenseRequest."""

    validityPeriod: Period | None = None


class Medication(Resource, tag="Medication"):
    """A medicine that others refer to."""

    code: CodeableConcept | None = None


class MedicationRequest(Resource, tag="MedicationRequest"):
    """A prescription."""

    status: str | None = None
    intent: str | None = None
    doNotPerform: bool | None = None
    subject: Reference | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    contained: tuple[Raw, ...] = ()
    authoredOn: str | None = None
    dosageInstruction: tuple[Dosage, ...] = ()
    dispenseRequest: Dispense | None = None


class MedicationStatement(Resource, tag="MedicationStatement"):
    """A medicine that the patient is said to take."""

    status: str | None = None
    subject: Reference | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    contained: tuple[Raw, ...] = ()
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dateAsserted: str | None = None
    dosage: tuple[Dosage, ...] = ()


class MedicationAdministration(Resource, tag="MedicationAdministration"):
    """A dose that was given."""

    status: str | None = None
    subject: Reference | None = None
    medicationCodeableConcept: CodeableConcept | None = None
    medicationReference: Reference | None = None
    contained: tuple[Raw, ...] = ()
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dosage: Dosage | None = None


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
    | Medication
    | MedicationRequest
    | MedicationStatement
    | MedicationAdministration
    | OperationOutcome
)
AnyMedication = MedicationRequest | MedicationStatement | MedicationAdministration


class Link(Shape):
    """Bundle.link."""

    relation: str | None = None
    url: str | None = None


class Entry(Shape):
    """Bundle.entry, its resource typed at once."""

    fullUrl: str | None = None
    resource: Readable | None = None


class RawEntry(Shape):
    """Bundle.entry, its resource still to be decoded, so that a bad one costs only itself."""

    fullUrl: str | None = None
    resource: Raw = NOTHING


class Bundle(Resource, tag="Bundle"):
    """A Bundle whose resources are all readable."""

    link: tuple[Link, ...] = ()
    entry: tuple[Entry, ...] = ()


class RawBundle(Struct):
    """A Bundle whose links and entries are decoded one at a time."""

    link: Raw = NOTHING
    entry: tuple[Raw, ...] = ()


class Kind(Struct):
    """What a resource is."""

    resourceType: str


class Head(Struct):
    """What is needed of a resource that is not read: whose it is."""

    subject: Reference | tuple[Reference, ...] | None = None
    patient: Reference | None = None
    beneficiary: Reference | None = None
    for_: Reference | None = msgspec.field(default=None, name="for")


decode_any = msgspec.json.Decoder(Readable | Bundle, strict=True)
decode_one = msgspec.json.Decoder(Readable, strict=True)
decode_raw_bundle = msgspec.json.Decoder(RawBundle, strict=True)
decode_raw_entry = msgspec.json.Decoder(RawEntry, strict=True)
decode_links = msgspec.json.Decoder(tuple[Link, ...], strict=True)
decode_kind = msgspec.json.Decoder(Kind, strict=True)
decode_head = msgspec.json.Decoder(Head, strict=True)
