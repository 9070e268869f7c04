"""A whole chart: one bad resource costs only itself, order and repeats change nothing, another patient is refused."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.record import Record
from service.domain.terms import Analyte
from service.fhir.pages import Broken, NotFhir, sheet
from service.fhir.reading import OtherPatient

from .kit import (
    B12,
    CYANO,
    HAEMOGLOBIN,
    HYDROXO,
    INR,
    LOINC,
    MMA,
    PERNICIOUS,
    RX,
    SCT,
    administration,
    allergy,
    bundle,
    coded,
    condition,
    encounter,
    items_of,
    measured,
    nothing_read,
    observation,
    only_told,
    patient,
    procedure,
    quantity,
    read,
    request,
    statement,
    the_reader,
)

MEDICATION = {"resourceType": "Medication", "id": "d1", "code": coded(HYDROXO)}
ORDER = request(id="m2", medicationCodeableConcept=..., medicationReference={"reference": "Medication/d1"})
#: One of everything that is read and matters, and an Encounter, which is not read.
CHART = [
    patient(extension=[{"url": "x", "valueString": "Black"}]),
    observation(),
    measured(HAEMOGLOBIN, 70, "g/L", id="o2"),
    observation("58410-2", id="o3", valueQuantity=..., component=[{"code": coded((LOINC, MMA))}]),
    observation("82810-3", id="o4", valueQuantity=..., valueString="Not pregnant"),
    condition(),
    procedure(),
    allergy(),
    request(),
    statement(CYANO),
    administration(),
    MEDICATION,
    ORDER,
    encounter(),
]
NAMELESS = [
    {name: value for name, value in r.items() if name != "id"}
    for r in (
        observation(),
        observation(valueQuantity=quantity(400)),
        condition(),
        condition((SCT, "70340006")),
        observation(status="preliminary"),
    )
]
READ = sorted({r["resourceType"] for r in CHART} - {"Encounter"})


def without(record: Record, name: str) -> Record:
    """The record as it would be had this resource said nothing."""
    rest = [r for r in CHART if f"{r['resourceType']}/{r['id']}" != name]
    return read(*rest)


def test_every_kind_of_resource_is_read():
    record = read(*CHART)

    assert record.patient == "p1"
    assert record.black_ethnicity
    assert [r.analyte for r in record.results] == [Analyte.B12, Analyte.HAEMOGLOBIN]
    assert [len(record.problems), len(record.procedures), len(record.allergies), len(record.states)] == [1, 1, 1, 1]
    assert {e.resource for e in record.exposures} == {
        "MedicationRequest/m1",
        "MedicationRequest/m2",
        "MedicationStatement/s1",
        "MedicationAdministration/g1",
    }
    assert [u.analyte for u in record.unreadable] == [Analyte.MMA]


def test_a_chart_reads_the_same_decoded_at_once_and_one_resource_at_a_time():
    well = [r for r in CHART if r["resourceType"] != "Encounter"]

    assert read(*well) == read(*well, encounter())


@settings(max_examples=60)
@given(st.permutations(CHART + NAMELESS))
def test_the_order_of_a_bundle_never_matters(shuffled):
    assert read(*shuffled) == read(*CHART, *NAMELESS)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(CHART + NAMELESS)))
def test_a_repeated_resource_changes_nothing(again):
    assert read(*CHART, *NAMELESS, *again) == read(*CHART, *NAMELESS)


V1, V2 = observation(valueQuantity=quantity(500)), observation()


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ({"versionId": "9"}, {"versionId": "10"}),
        ({}, {"versionId": "1"}),
        ({"lastUpdated": "2026-03-01T10:00:00Z"}, {"lastUpdated": "2026-03-02T10:00:00Z"}),
        ({"lastUpdated": "2026-03-02T01:00:00+05:00"}, {"lastUpdated": "2026-03-01T23:00:00Z"}),
        ({"lastUpdated": "2026-03-01T10:00:00Z", "versionId": "7"}, {"lastUpdated": "2026-03-02T10:00:00Z"}),
        ({"lastUpdated": "soon", "versionId": "²"}, {"versionId": "1"}),
        ({"versionId": "1" * 5000}, {"versionId": "2"}),
    ],
)
def test_of_two_versions_the_later_stands_whichever_comes_first(older, newer):
    versions = [V1 | {"meta": older}, V2 | {"meta": newer}]

    for order in (versions, versions[::-1]):
        (result,) = read(*order).results
        assert result.shown == "150 pg/mL"


def test_two_versions_that_do_not_say_which_is_later_are_settled_by_content_and_not_by_order():
    assert read(V1, V2) == read(V2, V1)
    assert len(read(V1, V2).results) == 1


def test_a_later_version_that_cannot_be_read_still_ends_the_earlier_one():
    good = V1 | {"meta": {"versionId": "1"}}
    bad = V2 | {"meta": {"versionId": "2"}, "issued": 5}

    for order in ([good, bad], [bad, good]):
        record = read(*order)
        assert (len(record.results), len(record.unreadable)) == (0, 1)
    older = read(V1 | {"meta": {"versionId": "3"}}, bad)
    assert (len(older.results), len(older.unreadable)) == (1, 0)


WRONG = [None, [], {}, [None], [[]], 5, -1.5, 10**400, "x", True, {"x": {}}, [{"x": 1}], [5], {"coding": "x"}]


def every_change(chart):
    """Each element of each resource in turn, with each wrong value."""
    for place, resource in enumerate(chart):
        for name in resource:
            if name not in ("resourceType", "id"):
                for wrong in WRONG:
                    yield place, name, wrong


@pytest.mark.parametrize(("place", "name"), sorted({(p, n) for p, n, _ in every_change(CHART)}))
def test_one_bad_element_never_costs_the_patient_the_rest(place, name):
    """Whatever stands in the element, all other resources read as before; and what is lost is told."""
    victim = f"{CHART[place]['resourceType']}/{CHART[place]['id']}"
    for wrong in WRONG:
        spoilt = copy.deepcopy(CHART)
        spoilt[place][name] = wrong
        try:
            record = read(*spoilt)
        except OtherPatient:
            assert name in ("subject", "patient")
            continue
        whole = read(*CHART)
        for part in ("results", "problems", "procedures", "exposures", "allergies", "states"):
            kept = {f for f in getattr(record, part) if f.resource != victim}
            expected = {f for f in getattr(whole, part) if f.resource not in (victim, spoilt_by(victim))}
            assert expected <= kept


def spoilt_by(victim: str) -> str:
    """An order rests on the Medication it refers to."""
    return "MedicationRequest/m2" if victim == "Medication/d1" else ""


@pytest.mark.parametrize(
    "bad",
    [
        observation(issued=5),
        observation(referenceRange={}),
        observation(interpretation=None),
        observation(valueQuantity=[]),
        observation(valueQuantity={"value": "many"}),
        condition(onsetDateTime=5),
        condition(code=[]),
        condition(code={"coding": None}),
        condition(code="D51.0"),
        condition(code={"coding": [{"system": SCT, "code": 84027009}]}),
        procedure(status=[]),
        request(dosageInstruction={}),
        request(medicationCodeableConcept="B12"),
        request((RX, "1"), dosageInstruction={}, note=[{"text": "cyanocobalamin"}]),
        statement(dosage=None),
        administration(effectivePeriod=[]),
        MEDICATION | {"code": 5},
        patient(birthDate=5),
        {"resourceType": "Observation"} | {"subject": 5},
        {"resourceType": 5},
        {},
        5,
        "Observation",
        [[]],
    ],
    ids=str,
)
def test_a_resource_that_cannot_be_read_is_told_if_it_may_matter(bad):
    told = only_told(bad)

    assert told.why
    assert "150" not in told.why


@pytest.mark.parametrize(
    "bad",
    [
        measured("2345-7", 5, "mmol/L", issued=5),
        condition((SCT, "38341003"), onsetDateTime=5),
        request((RX, "198440"), dosageInstruction={}),
        allergy(coded((RX, "7980")), reaction=5),
        observation(status="entered-in-error", issued=5),
        encounter(period=5),
        encounter(subject=5),
        {"resourceType": "Flag", "code": 5, "status": []},
        None,
    ],
    ids=str,
)
def test_a_resource_that_cannot_be_read_is_not_told_when_it_never_mattered(bad):
    assert nothing_read(bad, encounter())


def test_a_panel_that_cannot_be_read_is_told_by_what_its_components_measure():
    parts = [{"code": coded((LOINC, MMA))}, {"code": coded((LOINC, INR)), "valueQuantity": 5}]
    record = read(observation("58410-2", component=parts))

    assert [(u.analyte, u.hazard) for u in record.unreadable] == [(Analyte.INR, True), (Analyte.MMA, False)]
    assert record.unreadable[0].when is not None


@pytest.mark.parametrize(
    "bad",
    [
        allergy(reaction=5),
        allergy({"coding": 5}),
        allergy(coded((RX, "7980")), reaction=[{"substance": {"text": "cobalt"}, "onset": "x"}, 5]),
        allergy({"coding": [{"system": RX, "code": 11248}]}),
    ],
    ids=str,
)
def test_an_allergy_that_cannot_be_read_and_may_be_to_b12_is_a_hazard(bad):
    assert only_told(bad).hazard


def test_a_patient_who_cannot_be_read_costs_only_the_age():
    record = read(patient(birthDate=[]), observation())

    assert (record.birth, len(record.results), len(record.unreadable)) == (None, 1, 1)
    told = read(patient(birthDate="long ago"), observation())
    assert (told.birth, [u.why for u in told.unreadable]) == (None, ["the birth date cannot be read"])


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize("levels", [400, 100_000])
@pytest.mark.parametrize("element", ["extension", "contained", "component", "note"])
def test_deep_nesting_costs_at_most_its_own_resource(levels, element):
    document = json.dumps(bundle(patient(), observation(), request(**{element: "DEEP"}, id="m9")))
    nested = document.encode().replace(b'"DEEP"', deep(levels))
    record = the_reader().read(sheet(nested).items, "p1") if levels == 400 else None
    if record is None:
        with pytest.raises(NotFhir):
            sheet(nested)
        return

    assert len(record.results) == 1


def test_a_deeply_nested_extension_of_the_patient_is_read_over():
    document = json.dumps(bundle(patient(extension="DEEP"), observation())).encode()
    record = the_reader().read(sheet(document.replace(b'"DEEP"', deep(900))).items, "p1")

    assert (len(record.results), record.birth is not None, record.black_ethnicity) == (1, True, False)


def test_a_key_that_stands_twice_is_read_once():
    document = json.dumps(bundle(observation())).replace('"status": "final"', '"status": "draft", "status": "final"')

    assert len(the_reader().read(sheet(document.encode()).items, "p1").results) == 1


def test_bytes_that_are_no_text_cost_only_their_resource():
    document = json.dumps(bundle(observation(), measured(MMA, 1, "umol/L", id="o2"))).encode()
    record = the_reader().read(sheet(document.replace(b"final", b"fin\xff", 1)).items, "p1")

    assert [r.analyte for r in record.results] == [Analyte.MMA]
    assert len(record.unreadable) == 1


# Whose


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


# Sheets


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"5", b"[]", b'"Patient"', b"{}", b'{"resourceType": 5}', b"\xff", b"<html>", deep(9999)],
)
def test_what_is_no_fhir_is_refused(raw):
    with pytest.raises(NotFhir) as refused:
        sheet(raw)
    assert str(refused.value)


@pytest.mark.parametrize("entry", [5, {}, "x"])
def test_a_bundle_whose_entries_are_no_list_is_refused(entry):
    with pytest.raises(NotFhir):
        sheet(json.dumps({"resourceType": "Bundle", "entry": entry}).encode())


@pytest.mark.parametrize("entry", [None, 5, [], {"fullUrl": 5, "resource": V1}])
def test_an_entry_that_cannot_be_read_is_told_and_costs_only_itself(entry):
    document = bundle(observation())
    document["entry"].append(entry)
    record = the_reader().read(items_of(document), "p1")

    assert (len(record.results), [u.resource for u in record.unreadable]) == (1, ["entry"])


@pytest.mark.parametrize("entry", [{}, {"resource": None}, {"response": {"status": "204"}}])
@pytest.mark.parametrize("more", [(), (encounter(),)])
def test_an_entry_without_a_resource_is_nothing(entry, more):
    document = bundle(observation(), *more)
    document["entry"].append(entry)
    record = the_reader().read(items_of(document), "p1")

    assert (len(record.results), record.unreadable) == (1, ())


def test_a_single_resource_is_a_sheet_of_one():
    (item,) = sheet(json.dumps(observation()).encode()).items
    (broken,) = sheet(json.dumps(observation(subject=5)).encode()).items

    assert item.full_url is None
    assert isinstance(broken.resource, Broken)


@pytest.mark.parametrize("more", [(), (encounter(),), (observation(issued=5),)])
def test_the_next_page_is_found_among_the_links(more):
    links = [{"relation": "self", "url": "?1"}, {"relation": "next"}, {"relation": "next", "url": "?2"}]
    document = json.dumps(bundle(observation(), *more, link=links)).encode()

    assert sheet(document).next == "?2"
    assert sheet(json.dumps(bundle(observation(), *more, link=links[:2])).encode()).next is None


@pytest.mark.parametrize("link", [5, {}, [{"relation": 5}], None])
def test_links_that_cannot_be_read_are_a_failure_since_pages_may_be_missing(link):
    found = sheet(json.dumps(bundle(observation(), link=link)).encode())

    assert len(found.items) == 1
    assert found.failure is not None
    assert "pages" in found.failure


def outcome(severity, code="throttled"):
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


@pytest.mark.parametrize("raw", [outcome("error"), outcome("information"), {"resourceType": "OperationOutcome"}])
def test_an_outcome_in_place_of_data_is_a_failure(raw):
    found = sheet(json.dumps(raw).encode())

    assert found.items == ()
    assert found.failure is not None


def test_an_outcome_that_cannot_be_read_is_still_a_failure():
    assert sheet(b'{"resourceType": "OperationOutcome", "issue": 5}').failure is not None


@pytest.mark.parametrize(("severity", "failed"), [("error", True), ("fatal", True), ("warning", False)])
@pytest.mark.parametrize("more", [(), (encounter(),)])
def test_an_outcome_among_the_entries_is_a_failure_when_something_went_wrong(severity, failed, more):
    found = sheet(json.dumps(bundle(observation(), outcome(severity), *more)).encode())

    assert (found.failure is not None) is failed
    assert found.failure is None or "throttled" in found.failure
    assert len(the_reader().read(found.items, "p1").results) == 1


@pytest.mark.parametrize("place", ["status", "code", "valueQuantity"])
def test_why_never_repeats_what_was_sent(place):
    told = only_told(observation(**{place: ["Anna Example"]}))

    assert "Anna" not in told.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from([*READ, "Bundle", "OperationOutcome", "Encounter"])
ELEMENTS = st.sampled_from(sorted({name for r in CHART for name in r} | {"component", "link", "entry", "issue"}))
SPOILT = st.builds(lambda kind, rest: rest | {"resourceType": kind}, KINDS, st.dictionaries(ELEMENTS, JSON, max_size=6))


@settings(max_examples=300)
@given(st.lists(SPOILT, max_size=3))
def test_nothing_that_is_json_breaks_the_reading(spoilt):
    try:
        record = read(patient(), observation(id="sound"), *spoilt)
    except OtherPatient:
        return
    assert any(r.resource == "Observation/sound" for r in record.results) or any(s.get("id") == "sound" for s in spoilt)


@pytest.mark.parametrize("codes", [(B12,), (B12, MMA)])
def test_what_a_sound_chart_says_is_never_told_as_unreadable(codes):
    chart = [measured(code, 100, "ng/L" if code == B12 else "nmol/L", id=f"o-{code}") for code in codes]

    assert read(patient(), *chart, condition(PERNICIOUS)).unreadable == ()
