"""A whole chart: one bad resource costs only itself, order and repeats change nothing, another patient is refused."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.record import Form
from service.domain.terms import Analyte
from service.fhir.pages import NotFhir, sheet
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
    measured,
    nothing_read,
    observation,
    only_exposure,
    only_result,
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


ELEMENTS = [(place, name) for place, r in enumerate(CHART) for name in sorted(r) if name not in ("resourceType", "id")]


@pytest.mark.parametrize(("place", "name"), ELEMENTS)
def test_one_bad_element_never_costs_the_patient_the_rest(place, name):
    """Whatever stands in the element, all other resources read as before."""
    victim = f"{CHART[place]['resourceType']}/{CHART[place]['id']}"
    whole = read(*CHART)
    for wrong in WRONG:
        spoilt = copy.deepcopy(CHART)
        spoilt[place][name] = wrong
        try:
            record = read(*spoilt)
        except OtherPatient:
            assert name in ("subject", "patient")
            continue
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
        observation(interpretation={}),
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
        statement(dosage={}),
        administration(effectivePeriod=[]),
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


def test_an_order_whose_medication_cannot_be_read_is_told():
    told = only_told(
        request(medicationCodeableConcept=..., medicationReference=ORDER["medicationReference"]),
        MEDICATION | {"code": 5},
    )

    assert told.resource == "MedicationRequest/m1"


def test_an_element_that_is_null_is_an_element_that_is_absent():
    assert only_result(observation(interpretation=None, referenceRange=None, meta=None)).shown == "150 pg/mL"
    assert only_exposure(statement(dosage=None)).form is Form.INJECTION


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


@pytest.mark.parametrize("element", ["extension", "contained", "dosageInstruction", "note"])
def test_deep_nesting_costs_at_most_its_own_resource(element):
    document = json.dumps(bundle(patient(), observation(), request(**{element: "DEEP"}))).encode()
    record = the_reader().read(sheet(document.replace(b'"DEEP"', deep(400))).items, "p1")

    assert len(record.results) == 1


def test_nesting_deeper_than_can_be_skipped_is_refused_and_said():
    document = json.dumps(bundle(patient(), request(note="DEEP"))).encode()

    with pytest.raises(NotFhir, match="nested too deeply"):
        sheet(document.replace(b'"DEEP"', deep(100_000)))


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


@pytest.mark.parametrize("place", ["status", "code", "valueQuantity"])
def test_why_never_repeats_what_was_sent(place):
    told = only_told(observation(**{place: ["Anna Example"]}))

    assert "Anna" not in told.why


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KINDS = st.sampled_from([*READ, "Bundle", "OperationOutcome", "Encounter"])
NAMES = st.sampled_from(sorted({name for r in CHART for name in r} | {"component", "link", "entry", "issue"}))
SPOILT = st.builds(lambda kind, rest: rest | {"resourceType": kind}, KINDS, st.dictionaries(NAMES, JSON, max_size=6))


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
