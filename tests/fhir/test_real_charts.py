"""Shapes met in charts that others made (Synthea, US Core, AHRQ, healthchain), distilled to what matters."""

import json

import pytest

from service.domain.record import Form
from service.domain.terms import Analyte
from service.fhir.pages import NotFhir, sheet
from service.fhir.reading import OtherPatient

from .kit import (
    EGFR,
    HAEMOGLOBIN,
    LOINC,
    RX,
    SCT,
    bundle,
    coded,
    condition,
    items_of,
    nothing_read,
    observation,
    only_told,
    patient,
    quantity,
    read,
    request,
    the_reader,
)

URN = "urn:uuid:1f2a"
MINE = {"reference": URN}


def transaction(*resources):
    """A Bundle as Synthea writes it: every subject is the URN of the Patient's entry."""
    document = bundle(*resources, type="transaction")
    for entry in document["entry"]:
        kind = entry["resource"]["resourceType"]
        entry["fullUrl"] = f"urn:uuid:{entry['resource']['id']}"
        entry["request"] = {"method": "POST", "url": kind}
    return document


def test_a_synthea_transaction_is_read_past_all_that_does_not_matter():
    document = transaction(
        patient(id="1f2a", multipleBirthBoolean=False, text={"status": "generated", "div": "<div/>"}),
        {"resourceType": "Organization", "id": "2"},
        {"resourceType": "Encounter", "id": "3", "subject": MINE},
        condition((SCT, "84027009"), id="4", subject=MINE, verificationStatus=..., onsetDateTime="2001-01-01T05:00:00"),
        {"resourceType": "Claim", "id": "5", "patient": MINE, "prescription": {"reference": "urn:uuid:6"}},
        request((RX, "2001499"), id="6", subject=MINE, status="stopped", authoredOn="2019-07-01T06:00:00+02:00"),
        observation(
            HAEMOGLOBIN,
            id="7",
            subject=MINE,
            valueQuantity=quantity(9.123456789, "g/dL"),
            effectiveDateTime="2019-07-01T06:00:00+02:00",
        ),
        observation(
            "55284-4",
            id="8",
            subject=MINE,
            valueQuantity=...,
            component=[{"code": coded((LOINC, "8462-4")), "valueQuantity": quantity(80, "mm[Hg]")}],
        ),
        observation("72166-2", id="9", subject=MINE, valueQuantity=..., valueCodeableConcept=coded((SCT, "266919005"))),
        {"resourceType": "ExplanationOfBenefit", "id": "10", "patient": MINE, "contained": [{"id": "coverage"}]},
        {"resourceType": "Coverage", "id": "11", "beneficiary": MINE},
    )
    record = the_reader().read(items_of(document), None)

    assert record.patient == "1f2a"
    assert [r.analyte for r in record.results] == [Analyte.HAEMOGLOBIN]
    assert [(e.form, e.resource) for e in record.exposures] == [(Form.INJECTION, "MedicationRequest/6")]
    assert len(record.problems) == 1
    assert record.unreadable == ()


def test_a_synthea_gfr_in_annotated_ucum_is_read():
    assert read(observation(EGFR, valueQuantity=quantity(70.5, "mL/min/{1.73_m2}"))).results


def test_a_us_core_order_by_a_contained_medication_of_no_interest_is_neither_read_nor_told():
    contained = [{"resourceType": "Medication", "id": "med", "code": coded((RX, "1"), text="Acetaminophen 325 MG")}]
    changes = {"medicationCodeableConcept": ..., "medicationReference": {"reference": "#med", "display": "Tylenol"}}

    assert nothing_read(request(contained=contained, **changes))


def test_a_us_core_order_that_stands_alone_without_its_medication_is_told():
    reference = {"reference": "Medication/axid", "display": "Nizatidine 15 MG/ML Oral Solution [Axid]"}

    assert (
        "could not be followed" in only_told(request(medicationCodeableConcept=..., medicationReference=reference)).why
    )


def test_a_us_core_medicine_reported_by_the_patient_has_the_intent_of_a_plan():
    reported = request((RX, "309593"), intent="plan", reportedBoolean=True, authoredOn="2019-06-24")

    assert [e.form for e in read(reported).exposures] == [Form.ORAL]


def test_a_us_core_result_with_its_loinc_text_and_issued_time_is_read():
    result = observation(
        HAEMOGLOBIN,
        code=coded((LOINC, HAEMOGLOBIN), text="Hgb Bld-mCnc"),
        valueQuantity={"value": 17.5, "unit": "g/dL", "system": "http://unitsofmeasure.org"},
        effectiveDateTime="2005-07-05T18:00:00Z",
        interpretation=[coded(("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "N"))],
        referenceRange=[
            {
                "low": quantity(13.5, "g/dL"),
                "high": quantity(17.5, "g/dL"),
                "appliesTo": [{"text": "normal range"}],
            }
        ],
    )
    (found,) = read(result).results

    assert (found.range_low, found.range_high, found.shown) == (135, 175, "17.5 g/dL")


def test_an_ahrq_request_whose_patient_is_not_the_one_in_its_context_is_refused():
    with pytest.raises(OtherPatient):
        read(patient(id="321bd4b5"), patient_id="2-1")


def test_an_ahrq_result_dated_only_by_its_issue_is_read():
    found = read(
        patient(id="1"),
        observation(subject={"reference": "Patient/1"}, effectiveDateTime=..., issued="2022-01-01T00:00:00Z"),
        patient_id="1",
    )

    assert len(found.results) == 1


@pytest.mark.parametrize("part", ["Bundle", "collection", [{"resource": observation()}]])
def test_a_prefetch_whose_keys_are_the_elements_of_a_bundle_is_no_fhir(part):
    with pytest.raises(NotFhir):
        sheet(json.dumps(part).encode())
