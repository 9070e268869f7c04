"""Unsigned orders as clients really send them: what is there is read, and what could not be is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.evaluate import shipped
from service.fhir.drafts import Sent, read_drafts
from service.fhir.pages import NotFhir
from service.fhir.reading import OtherPatient
from tests.chart.resources import TERMINOLOGY

from .kit import (
    CYANO_INJECTION,
    FOLIC_ACID,
    HYDROXO,
    ME,
    RX,
    SMALL_TABLETS,
    Json,
    at_sign,
    draft,
    drafts,
    facts,
    injection,
    posted,
    request,
    service,
)

PATIENT = "patient-1"
LEBER = facts(conditions=["leber_hereditary_optic_neuropathy"], labs=[["b12", 110, "ng/L"]])


def read(*orders: Any, **more: Any) -> Sent:
    return read_drafts(json.dumps(drafts(*orders)).encode(), shipped().reader, PATIENT, **more)


def only(order: Json) -> Any:
    (found,) = read(order).drafts.orders
    return found


def sandbox_order(**changes: Any) -> Json:
    """A draft in the shape of the reference EHR's: no intent, category as an object, a unit in the code alone."""
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "category": {
            "coding": {
                "system": f"{TERMINOLOGY}/medicationrequest-category",
                "code": "outpatient",
            }
        },
        "subject": {"reference": "Patient/patient-1"},
        "medicationCodeableConcept": {
            "text": CYANO_INJECTION[0],
            "coding": [{"system": RX, "code": "309594", "display": CYANO_INJECTION[0]}],
        },
        "dosageInstruction": [
            {
                "doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}],
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            }
        ],
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


def test_the_reference_ehr_s_draft_is_read_by_what_is_there() -> None:
    found = only(sandbox_order())

    assert found.name == "MedicationRequest/request-123"
    assert (found.b12.concept.id, found.b12.form) == ("cyanocobalamin", "injection")
    assert (found.b12.every_days, found.b12.dose, found.unread) == (1, None, ())


def test_its_bundle_has_no_type_and_its_draft_no_medicine_before_one_is_chosen() -> None:
    asked = request(
        "order-select",
        LEBER,
        selections=["MedicationRequest/request-123"],
        draftOrders={
            "resourceType": "Bundle",
            "entry": [{"resource": sandbox_order(medicationCodeableConcept=...)}],
        },
    )

    answer = posted(service("uk-ng239"), asked)

    assert answer["cards"] == []
    assert answer["extension"]["org.b12-cds.drafts"]["unreadable"] == [
        {"resource": "MedicationRequest/request-123", "why": "it names no medicine"}
    ]


def test_the_reference_ehr_s_draft_is_taken_away_where_it_is_unsafe() -> None:
    said = at_sign("us-aafp", LEBER, sandbox_order())

    assert said.kinds == ["leber"]
    assert said.actions[0][0] == {
        "type": "delete",
        "description": "Remove the draft: cyanocobalamin",
        "resourceId": "MedicationRequest/request-123",
    }


def test_a_corrected_draft_keeps_its_quirks() -> None:
    """The whole resource goes back as it was sent: what is wrong for FHIR but not for the patient is not ours."""
    order = sandbox_order()

    said = at_sign("us-aafp", facts(conditions=["pernicious_anaemia"], labs=[["b12", 110, "ng/L"]]), order)

    assert said.kinds == ["no-end"]
    changed = said.updated()
    assert {k: v for k, v in changed.items() if k != "dosageInstruction"} == {
        k: v for k, v in order.items() if k != "dosageInstruction"
    }
    assert changed["dosageInstruction"][0]["doseAndRate"] == order["dosageInstruction"][0]["doseAndRate"]


@pytest.mark.parametrize(
    ("changes", "unread"),
    [
        ({"dosageInstruction": [{"text": 5, "route": {"text": "oral"}}]}, ("dosageInstruction.text",)),
        ({"dosageInstruction": [{"timing": {"repeat": {"frequency": "1"}}}]}, ("dosageInstruction.timing",)),
        (
            {"dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": [1], "unit": "mg"}}]}]},
            ("dosageInstruction.doseAndRate",),
        ),
        ({"authoredOn": 5}, ("authoredOn",)),
        ({"dosageInstruction": {"text": "1 mg"}}, ()),
        ({"category": "outpatient", "intent": ["order"], "status": 1}, ()),
        ({"dosageInstruction": ["daily"]}, ()),
        ({"dosageInstruction": None, "note": None}, ()),
    ],
)
def test_an_element_of_the_wrong_shape_costs_only_itself(changes: Json, unread: tuple[str, ...]) -> None:
    found = only(draft(HYDROXO) | changes)

    assert found.b12.concept.id == "hydroxocobalamin"
    assert found.unread == unread


def test_what_could_not_be_read_stands_on_the_card() -> None:
    order = draft(CYANO_INJECTION, dosageInstruction=[{"timing": {"repeat": {"frequency": "1"}}}])

    said = at_sign("uk-ng239", LEBER, order)

    assert "dosageInstruction.timing" in said.card["detail"]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Cyanocobalamin 1000 mcg injection", "cyanocobalamin"),
        ("HYDROXOCOBALAMIN 1mg/1ml ampoules", "hydroxocobalamin"),
        ("Vitamin B12 shot", "cobalamin"),
        ("metformin 500 mg", "metformin"),
        ("lisinopril", None),
    ],
)
def test_a_medicine_in_words_alone_is_known_by_its_name(text: str, concept: str | None) -> None:
    found = only(draft(HYDROXO, medicationCodeableConcept={"text": text}))

    assert [e.concept.id for e in found.medicines] == ([concept] if concept else [])


@pytest.mark.parametrize(
    ("text", "value", "unit", "micrograms"),
    [
        ("cyanocobalamin 50microgram tablets", 3, "{tbl}", 150),
        ("vitamin B12 1 MG Oral Tablet", 2, "tablet", 2000),
        ("cyanocobalamin 1,000 mcg tablet", 1, None, 1000),
        ("hydroxocobalamin 1 mg/mL solution for injection, 1 mL ampoule", 1, "mL", 1000),
        ("cyanocobalamin 500 micrograms in 2 mL", 1, "mL", 250),
        ("vitamin B12 1 MG Oral Tablet", 1, "mL", None),
        ("cyanocobalamin 1 mg, folic acid 5 mg tablet", 1, "{tbl}", None),
    ],
)
def test_a_dose_in_pieces_or_millilitres_is_worked_out_where_the_product_names_one_strength(
    text: str, value: float, unit: str | None, micrograms: int | None
) -> None:
    quantity = {"value": value} | ({"code": unit} if unit else {})
    dosage = [{"doseAndRate": [{"doseQuantity": quantity}]}]

    found = only(draft(HYDROXO, medicationCodeableConcept={"text": text}, dosageInstruction=dosage))

    assert (found.b12.dose and found.b12.dose.value) == micrograms


def test_a_draft_without_an_id_is_spoken_of_and_not_changed() -> None:
    said = at_sign("uk-ng239", LEBER, draft(CYANO_INJECTION, id=...))

    assert said.kinds == ["leber"]
    assert said.actions == []
    assert "no id" in said.card["detail"]


@pytest.mark.parametrize("name", ["../Patient/1", "a b", "x" * 65, "<img src=x>", "[x](http://evil.example)"])
def test_an_id_that_is_none_is_never_sent_back(name: str) -> None:
    said = at_sign("uk-ng239", LEBER, draft(CYANO_INJECTION, id=name))

    assert said.actions == []
    assert name not in str(said.answer)


def test_a_medicine_in_words_cannot_write_markup_on_a_card() -> None:
    text = "cyanocobalamin <img src=x onerror=alert(1)> [click](http://evil.example)"
    coding = [{"system": RX, "code": "309594"}]

    said = at_sign(
        "uk-ng239", LEBER, draft(CYANO_INJECTION, medicationCodeableConcept={"text": text, "coding": coding})
    )

    assert "<img" not in said.card["detail"]
    assert "](http://evil" not in said.card["detail"]


def test_an_order_that_must_not_be_carried_out_is_no_order() -> None:
    assert only(draft(CYANO_INJECTION, doNotPerform=True)).medicines == ()


def test_a_medicine_that_is_referred_to_is_found_among_the_orders() -> None:
    medicine = {"resourceType": "Medication", "id": "m1", "code": {"coding": [{"system": RX, "code": "309594"}]}}
    order = draft(HYDROXO, medicationCodeableConcept=..., medicationReference={"reference": "Medication/m1"})

    (found,) = read(order, medicine).drafts.orders

    assert found.b12.concept.id == "cyanocobalamin"


@pytest.mark.parametrize(
    "selected", ["MedicationRequest/request-2", "https://ehr.example/fhir/MedicationRequest/request-2"]
)
def test_only_what_is_selected_is_marked(selected: str) -> None:
    sent = read(draft(HYDROXO), draft(FOLIC_ACID, name="request-2"), selected=[selected])

    assert [(order.name, order.selected) for order in sent.drafts.orders] == [
        ("MedicationRequest/request-123", False),
        ("MedicationRequest/request-2", True),
    ]


def test_another_patient_s_order_is_refused() -> None:
    other = {"subject": {"reference": "Patient/somebody-else"}}

    for order in (injection() | other, {"resourceType": "ServiceRequest"} | other):
        with pytest.raises(OtherPatient):
            read(injection(name="request-2"), order)


@pytest.mark.parametrize("raw", [b"{}", b'{"resourceType":"Patient"}', b'{"resourceType":"Bundle","entry":[5]}', b"[]"])
def test_what_is_no_bundle_is_refused(raw: bytes) -> None:
    with pytest.raises(NotFhir):
        read_drafts(raw, shipped().reader, PATIENT)


@pytest.mark.parametrize("entry", [{}, {"resource": None}, {"resource": {"resourceType": "NutritionOrder"}}])
def test_an_entry_with_nothing_for_us_is_passed_over(entry: Json) -> None:
    raw = json.dumps({"resourceType": "Bundle", "entry": [entry, {"resource": draft(SMALL_TABLETS)}]}).encode()

    assert len(read_drafts(raw, shipped().reader, PATIENT).drafts.orders) == 1


def test_a_draft_that_names_nobody_is_the_patient_s() -> None:
    assert only(draft(HYDROXO, subject=...)).b12 is not None
    assert ME["reference"] == f"Patient/{PATIENT}"
