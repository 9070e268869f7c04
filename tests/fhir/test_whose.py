"""Whose resources these are: one patient's by any name they have, or none is read."""

import pytest

from service.fhir.reading import OtherPatient

from .kit import (
    administration,
    allergy,
    condition,
    encounter,
    observation,
    patient,
    procedure,
    read,
    request,
    statement,
)

OTHERS = [
    observation(subject={"reference": "Patient/p2"}),
    condition(subject={"reference": "Patient/p2"}),
    procedure(subject={"reference": "Patient/p2"}),
    allergy(patient={"reference": "Patient/p2"}),
    request(subject={"reference": "Patient/p2"}),
    statement(subject={"reference": "Patient/p2"}),
    administration(subject={"reference": "Patient/p2"}),
    encounter(subject={"reference": "Patient/p2"}),
    encounter(subject={"reference": "https://ehr.example/fhir/Patient/p2/_history/1"}),
    encounter(subject={"reference": "urn:uuid:p2"}),
    {"resourceType": "Immunization", "patient": {"reference": "Patient/p2"}},
    {"resourceType": "Coverage", "beneficiary": {"reference": "Patient/p2"}},
    {"resourceType": "Task", "for": {"reference": "Patient/p2"}},
    {"resourceType": "Account", "subject": [{"reference": "Patient/p1"}, {"reference": "Patient/p2"}]},
    observation(subject={"reference": "Patient/p2"}, issued=5),
    observation("2345-7", subject={"reference": "Patient/p2"}),
    patient(id="p2"),
    patient(id="p2", birthDate=5),
    patient(id=...),
]


@pytest.mark.parametrize("other", OTHERS, ids=lambda r: r["resourceType"])
def test_a_resource_of_another_patient_is_refused_in_every_kind(other):
    for chart in ([patient(), other], [other, patient()]):
        with pytest.raises(OtherPatient) as refused:
            read(*chart, patient_id=None)
        assert "p2" not in str(refused.value).replace("Patient/p2 belongs", "")


@pytest.mark.parametrize("other", OTHERS, ids=lambda r: r["resourceType"])
def test_a_resource_of_another_patient_is_refused_without_a_patient_by_the_calls_id(other):
    with pytest.raises(OtherPatient):
        read(observation("2345-7", id="o5"), other, patient_id="p1")


@pytest.mark.parametrize("other", OTHERS[:-4], ids=lambda r: r["resourceType"])
def test_resources_that_disagree_are_refused_when_nobody_says_who_the_patient_is(other):
    for chart in ([condition(id="c9"), other], [other, condition(id="c9")]):
        with pytest.raises(OtherPatient):
            read(*chart, patient_id=None)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p1",
        "Patient/p1/_history/7",
        "https://ehr.example/fhir/Patient/p1",
        "https://ehr.example/fhir/Patient/p1/_history/7",
        "urn:uuid:p1",
        "urn:uuid:9d3f",
    ],
)
@pytest.mark.parametrize("patient_id", ["p1", None])
def test_a_subject_is_known_by_every_name_the_patient_has(reference, patient_id):
    chart = [patient(), observation(subject={"reference": reference}), encounter(subject={"reference": reference})]
    for order, place in ((chart, 0), (chart[::-1], 2)):
        record = read(*order, patient_id=patient_id, urls={place: "urn:uuid:9d3f"})

        assert (record.patient, len(record.results)) == ("p1", 1)


def test_a_full_url_is_not_lost_when_the_patient_is_also_sent_without_one():
    chart = [patient(), patient(), observation(subject={"reference": "urn:uuid:9d3f"})]
    for place in (0, 1):
        assert len(read(*chart, urls={place: "urn:uuid:9d3f"}).results) == 1


@pytest.mark.parametrize("subject", [..., {}, {"display": "Anna"}, {"identifier": {"value": "5"}}])
def test_a_resource_that_does_not_say_whose_it_is_counts_as_the_patients(subject):
    assert len(read(patient(), observation(subject=subject)).results) == 1


@pytest.mark.parametrize("reference", ["Group/g1", "Device/p1", "https://ehr.example/fhir/Location/l1"])
def test_a_resource_about_no_patient_is_passed_over(reference):
    assert read(patient(), observation(subject={"reference": reference})) == read(patient())


def test_a_patient_other_than_the_calls_is_refused():
    with pytest.raises(OtherPatient):
        read(patient(id="p2"), patient_id="p1")


def test_two_patients_without_an_id_are_refused():
    with pytest.raises(OtherPatient):
        read(patient(id=...), patient(id=..., birthDate="1970-01-01"), patient_id=None)


@pytest.mark.parametrize(
    ("told", "deceased"),
    [({"deceasedBoolean": True}, True), ({"deceasedDateTime": "2025"}, True), ({"deceasedBoolean": False}, False)],
)
def test_the_patient_says_whether_they_died(told, deceased):
    assert read(patient(**told)).deceased is deceased
