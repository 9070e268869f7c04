"""The shapes met in published charts, written by ourselves: each is read, and the list of a chart says so."""

import json
from datetime import date
from decimal import Decimal

import pytest

from service.domain.record import Form
from service.domain.terms import Analyte
from service.evaluate import Unusable, evaluate_document
from tests.fhir.kit import (
    B12,
    DMD,
    HAEMOGLOBIN,
    LOINC,
    PLATELETS,
    RX,
    SCT,
    UCUM,
    bundle,
    coded,
    condition,
    nothing_read,
    observation,
    only_exposure,
    only_problem,
    only_result,
    only_told,
    patient,
    quantity,
    read,
    request,
    status,
)
from tests.fhir.test_real_charts import MINE, transaction

from .charts import Chart, charts
from .listing import listing

TODAY = date(2026, 4, 1)
LOCAL = "urn:oid:1.2.36.1.2001.1005.17"
MCV = "787-2"


def product(name, code="999999", system=RX, **changes):
    """An order as most charts hold it: the code of a product, and the name the terminology gives it."""
    named = {"coding": [{"system": system, "code": code, "display": name}], "text": name}
    return request(medicationCodeableConcept=named, **changes)


@pytest.mark.parametrize(
    ("name", "ingredient"),
    [
        ("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", "metformin"),
        ("pioglitazone 15 MG / metformin hydrochloride 500 MG Oral Tablet", "metformin"),
        ("omeprazole 20 MG Delayed Release Oral Capsule", "omeprazole"),
        ("esomeprazole 40 MG Delayed Release Oral Capsule [Nexium]", "esomeprazole"),
        ("dexlansoprazole 30 MG Delayed Release Oral Capsule", "dexlansoprazole"),
        ("ranitidine 150 MG Oral Tablet", "ranitidine"),
        ("Nizatidine 15 MG/ML Oral Solution [Axid]", "nizatidine"),
        ("cholestyramine resin 4000 MG Powder for Oral Suspension", "colestyramine"),
        ("warfarin sodium 2 MG Oral Tablet", "vitamin-k-antagonist"),
        ("0.4 ML enoxaparin sodium 100 MG/ML Prefilled Syringe", "anticoagulant"),
    ],
)
def test_a_product_whose_code_is_not_known_is_known_by_the_ingredient_in_its_name(name, ingredient):
    assert only_exposure(product(name)).concept.id == ingredient


@pytest.mark.parametrize("system", [DMD, SCT, LOCAL])
def test_an_ingredient_is_found_in_a_products_name_whatever_system_coded_it(system):
    assert only_exposure(product("Metformin 500mg tablets", system=system)).form is Form.ORAL


def test_a_products_name_may_stand_beside_its_code():
    named = {"coding": [{"system": RX, "code": "999999"}], "text": "Metformin 500 MG Oral Tablet"}

    assert only_exposure(request(medicationCodeableConcept=named)).concept.id == "metformin"


def test_a_hospital_export_that_sends_a_medicines_name_as_its_code_is_read():
    named = {"coding": [{"system": "http://hospital.example/medication-name", "code": "MetFORMIN XR (Glucophage XR)"}]}

    assert only_exposure(request(medicationCodeableConcept=named)).concept.id == "metformin"


def test_a_hospital_export_that_orders_nothing_by_name_is_told():
    assert "names no medicine" in only_told(request(medicationCodeableConcept=...)).why


@pytest.mark.parametrize(
    "name", ["acetaminophen 325 MG Oral Tablet", "heparinoid 3 MG/MG Topical Gel", "Tylenol PM Pill"]
)
def test_a_product_without_a_known_ingredient_is_passed_over(name):
    assert nothing_read(product(name))


def test_a_name_without_a_code_is_no_coded_product():
    assert nothing_read(product("metformin 500 MG Oral Tablet", code=""))


def test_words_without_any_code_never_make_a_medicine():
    assert nothing_read(request(medicationCodeableConcept={"text": "metformin 500 mg"}))


def test_a_cobalamin_is_known_by_its_code_only_and_one_known_by_name_is_told():
    assert "vitamin B12 in words" in only_told(product("vitamin B12 3 MG Oral Tablet")).why


def test_an_ingredient_by_name_in_eye_drops_is_no_systemic_exposure():
    assert not only_exposure(product("chloramphenicol 5 MG/ML Ophthalmic Solution")).systemic


def test_a_contained_medication_is_known_by_the_name_of_its_product():
    inside = {
        "resourceType": "Medication",
        "id": "med2",
        "code": product("nizatidine 15 MG/ML Oral Solution")["medicationCodeableConcept"],
    }
    order = request(
        contained=[inside],
        medicationCodeableConcept=...,
        medicationReference={"reference": "#med2", "display": "nizatidine 15 MG/ML Oral Solution"},
        dosageInstruction=[
            {
                "text": "10 mL bid",
                "timing": {
                    "repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": "2008-04-05"}}
                },
                "route": {"coding": [{"system": SCT, "version": f"{SCT}/731000124108", "code": "26643006"}]},
                "doseAndRate": [{"doseQuantity": quantity(10, "mL")}],
            }
        ],
    )
    found = only_exposure(order)

    assert (found.concept.id, found.form, found.start) == ("nizatidine", Form.ORAL, date(2008, 4, 5))
    assert found.every_days == Decimal("0.5")


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2010-12-26T01:17:52+00:00", date(2010, 12, 26)),
        ("2010-12-26T23:50:00-05:00", date(2010, 12, 26)),
        ("2010-12-26T05:00:00.123+05:30", date(2010, 12, 26)),
        ("2022-05-17T00:00:00.0Z", date(2022, 5, 17)),
    ],
)
def test_a_day_is_the_day_written_where_the_sample_was_taken(written, day):
    found = only_result(observation(effectiveDateTime=written, issued=f"{day}T23:59:00Z"))

    assert (found.taken.earliest, found.taken.latest) == (day, day)


def test_a_value_whose_unit_is_coded_and_not_written_is_read():
    value = {"value": 170, "system": UCUM, "code": "pg/mL"}

    assert only_result(observation(valueQuantity=value)).shown == "170 pg/mL"


def test_a_range_written_upside_down_costs_the_range_and_not_the_value():
    typed = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning", "code": "normal"}]}
    found = only_result(
        observation(
            MCV,
            valueQuantity=quantity(85, "fL"),
            referenceRange=[{"low": quantity(87.3, "fL"), "high": quantity(82.4, "fL"), "type": typed}],
        )
    )

    assert (found.measure.value, found.range_low, found.range_high) == (85, None, None)


def test_a_count_in_thousands_per_microlitre_is_read_as_the_rules_compare_it():
    found = only_result(observation(PLATELETS, valueQuantity=quantity(409.67109076474486, "10*3/uL")))

    assert (found.measure.value, found.measure.unit) == (Decimal("409.67109076474486"), "10*9/L")


def test_a_blood_count_sent_as_one_panel_of_components_is_read_part_by_part():
    record = read(
        observation(
            "58410-2",
            valueQuantity=...,
            component=[
                {"code": coded((LOINC, HAEMOGLOBIN)), "valueQuantity": quantity(9.1, "g/dL")},
                {"code": coded((LOINC, MCV)), "valueQuantity": quantity(112, "fL")},
                {"code": coded((LOINC, "789-8")), "valueQuantity": quantity(2.9, "10*6/uL")},
            ],
        )
    )

    assert {r.analyte for r in record.results} == {Analyte.HAEMOGLOBIN, Analyte.MCV}
    assert record.unreadable == ()


def test_a_panel_that_only_lists_its_members_is_passed_over_and_its_members_are_read():
    panel = observation("58410-2", id="panel", valueQuantity=..., hasMember=[{"reference": "Observation/o1"}])

    assert [r.resource for r in read(panel, observation()).results] == ["Observation/o1"]


@pytest.mark.parametrize(
    "coded_answer",
    [
        {"code": coded((LOINC, "72166-2")), "valueCodeableConcept": coded((SCT, "266919005"))},
        {"code": coded((LOINC, "55284-4")), "component": [{"code": coded((LOINC, "8480-6"))}]},
        {"code": coded((LOINC, "72514-3")), "valueQuantity": quantity(2, "{score}")},
    ],
)
def test_smoking_blood_pressure_and_surveys_are_passed_over(coded_answer):
    assert nothing_read(observation(**{"valueQuantity": ..., **coded_answer}))


def test_a_problem_coded_twice_is_read_by_both_codes():
    problems = read(condition((SCT, "190634004"), ("http://hl7.org/fhir/sid/icd-10-cm", "E53.8"))).problems

    assert {p.concept.id for p in problems} == {"cobalamin-deficiency", "b-vitamin-deficiency-unspecific"}


def test_a_us_core_problem_with_categories_extensions_and_versions_is_read():
    asserted = {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2013-01-04"}
    found = only_problem(
        condition(
            code={"coding": [{"system": SCT, "version": f"{SCT}/731000124108", "code": "271737000"}], "text": "Anemia"},
            extension=[asserted],
            category=[status("condition-category", "problem-list-item"), {"text": "Problem"}],
            encounter={"reference": "urn:uuid:73943a0b"},
            onsetDateTime="2013-01-04T01:17:52+00:00",
            recordedDate="2013-01-05T01:17:52+00:00",
        )
    )

    assert (found.concept.id, found.active, found.onset.earliest) == ("anaemia", True, date(2013, 1, 4))


def test_a_problem_of_a_hospital_export_without_any_status_or_dot_in_its_code_is_read_as_active():
    icd = "http://hl7.org/fhir/sid/icd-10-cm"

    assert only_problem(condition((icd, "D510"), clinicalStatus=..., verificationStatus=...)).active


def test_a_resolved_problem_with_its_end_is_read_as_one_that_is_over():
    over = status("condition-clinical", "resolved")

    assert not only_problem(condition(clinicalStatus=over, abatementDateTime="2019-04-07T00:00:00-04:00")).active


@pytest.mark.parametrize(("race", "black"), [("Black or African American", True), ("White", False)])
def test_a_us_core_race_is_read_through_its_nested_extensions(race, black):
    us_core = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    parts = [
        {"url": "ombCategory", "valueCoding": {"code": "2054-5", "display": race}},
        {"url": "text", "valueString": race},
    ]

    assert read(patient(extension=[{"url": us_core, "extension": parts}])).black_ethnicity is black


def test_a_death_given_as_a_time_is_read():
    assert read(patient(deceasedDateTime="2014-11-01T07:00:00-05:00")).deceased


def asked(prefetch, patient_id="p1"):
    context = {"userId": "Practitioner/example", "patientId": patient_id, "encounterId": "99-1"}
    return json.dumps({"hook": "patient-view", "context": context, "prefetch": prefetch}).encode()


def test_a_request_whose_prefetch_is_the_bundle_itself_is_refused_by_name():
    with pytest.raises(Unusable, match="prefetch is a FHIR resource"):
        evaluate_document(asked(bundle(patient())), protocol="us-aafp", today=TODAY)


def test_a_prefetch_key_that_holds_no_resource_is_refused_by_its_name():
    with pytest.raises(Unusable, match=r"prefetch\.b12"):
        evaluate_document(asked({"patient": patient(), "b12": []}), protocol="us-aafp", today=TODAY)


def test_prefetch_under_anothers_keys_with_empty_bundles_and_more_pages_is_read():
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{"relation": "self", "url": "x"}]}
    more = bundle(observation(), link=[{"relation": "next", "url": "https://ehr.example/fhir?page=2"}])
    raw = asked({"Patient": patient(), "Observation": more, "Procedure": empty, "Condition": None})
    made = listing(Chart("request", raw, (("Patient/p1", patient()), ("Observation/o1", observation()))), TODAY)

    assert made["found"] == ["2026-03-10 b12 150 pg/mL = 150 ng/L, Observation/o1"]
    assert made["not all sent"] == ["Observation, not all of it"]


def test_the_list_of_a_chart_holds_every_resource_as_found_refused_or_passed_over(tmp_path):
    document = transaction(
        patient(id="1f2a", extension=[{"url": "http://example.org/x", "valueDecimal": 0.1}]),
        {"resourceType": "Encounter", "id": "e", "subject": MINE, "class": {"code": "AMB"}},
        product("24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet", id="m", subject=MINE),
        observation(B12, id="b", subject=MINE, status="cancelled"),
        observation(HAEMOGLOBIN, id="h", subject=MINE, valueQuantity=quantity(9.123456789, "g/dL")),
        observation("38483-4", id="c", subject=MINE),
        observation("2069-3", id="x", subject=MINE, effectiveDateTime=5),
    )
    (tmp_path / "one.json").write_text(json.dumps(document))
    (tmp_path / "two.json").write_text(json.dumps(patient(id="p1")))
    (tmp_path / "three.json").write_text(json.dumps(condition()))
    (tmp_path / "four.json").write_text(json.dumps({"cards": []}))
    made = {chart.name: listing(chart, TODAY) for chart in charts(tmp_path)}

    assert made["one.json"]["found"] == [
        "2026-03-10 haemoglobin 9.12346 g/dL = 91.2346 g/L, Observation/h",
        "2026-01-05 metformin active oral, MedicationRequest/m",
    ]
    assert made["one.json"]["refused"] == ["Observation/b: vitamin B12: its status is cancelled"]
    assert made["one.json"]["not decodable"] == ["Observation/x"]
    assert made["one.json"]["passed over"] == [
        "1 x Encounter",
        "1 x Observation loinc.org 2069-3",
        "1 x Observation loinc.org 38483-4",
        "1 x Patient",
    ]
    assert made["Patient/p1"]["found"] == ["no date pernicious-anaemia active, Condition/c1"]
    assert made["four.json"]["no chart"].startswith("neither a FHIR resource")


def test_a_request_about_another_patient_is_refused_and_its_resources_are_still_listed(tmp_path):
    other = {"reference": "urn:uuid:321bd4b5"}
    body = asked({"Patient": patient(id="321bd4b5"), "Condition": bundle(condition(subject=other))}, patient_id="2-1")
    (tmp_path / "request.json").write_bytes(body)
    (made,) = [listing(chart, TODAY) for chart in charts(tmp_path)]

    assert made["request refused"] == "the Patient is another patient"
    assert made["found"] == ["no date pernicious-anaemia active, Condition/c1"]
