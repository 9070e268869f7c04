"""Unsigned orders beside the record: what is said of each, under both families of protocols, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.vignettes import PROTOCOLS, vignette

from .kit import (
    CYANO,
    CYANO_INJECTION,
    FOLIC_ACID,
    HYDROXO,
    LISINOPRIL,
    LOINC,
    LOW,
    ME,
    METFORMIN,
    OMEPRAZOLE,
    SMALL_TABLETS,
    TABLETS,
    Json,
    Said,
    asked_at,
    at_sign,
    draft,
    facts,
    injection,
    tablets,
)

UK, AAFP, LABEL = "uk-ng239", "us-aafp", "us-label"
PERNICIOUS: dict[str, Any] = {"conditions": ["pernicious_anaemia"], "labs": LOW}
VEGAN: dict[str, Any] = {"diet": "vegan", "labs": LOW}
LEBER: dict[str, Any] = {"conditions": ["leber_hereditary_optic_neuropathy"], "labs": LOW}
ON_HYDROXO = {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30}
ON_TABLETS = {"product": "cyanocobalamin_oral_1mg", "every": [1, "d"], "months": 30}
FOLIC = draft(FOLIC_ACID, dose=(5, "mg"), every=(1, "d"), route="oral")


def removed_and_created(said: Said) -> tuple[list[str], list[str]]:
    """What the first suggestion deletes, and the drugs it then orders."""
    actions = said.actions[0]
    gone = [a["resourceId"] for a in actions if a["type"] == "delete"]
    made = [a["resource"]["medicationCodeableConcept"]["text"] for a in actions if a["type"] == "create"]
    return gone, [text.split(" ")[0] for text in made]


@pytest.mark.parametrize(
    ("protocol", "instead"), [(UK, ["hydroxocobalamin"] * 2), (AAFP, ["hydroxocobalamin"] * 2), (LABEL, [])]
)
def test_v75_cyanocobalamin_chosen_in_leber_is_taken_away_and_the_safe_plan_put_in_its_place(
    protocol: str, instead: list[str]
) -> None:
    """The label has no line for this B12: nothing is confirmed, and the draft only goes."""
    told = vignette("V75")

    said = asked_at("order-select", protocol, told.facts, draft(CYANO_INJECTION))

    assert said.kinds == ["leber"]
    assert said.card["indicator"] == "critical"
    assert "Leber" in said.card["summary"]
    assert removed_and_created(said) == (["MedicationRequest/request-123"], instead)
    assessment = said.answer["extension"]["org.b12-cds.assessment"]
    assert assessment["modifiers"] == ["leber"]
    if instead:
        assert assessment["status"] == "confirmed"
        assert {"safety-leber", "plan"} <= set(assessment["notices"])


def test_in_leber_every_route_of_cyanocobalamin_is_forbidden_and_hydroxocobalamin_is_not() -> None:
    for protocol in PROTOCOLS:
        assert at_sign(protocol, facts(**LEBER), tablets()).kinds[0] == "leber", protocol
        assert "leber" not in at_sign(protocol, facts(**LEBER), injection()).kinds, protocol


def test_in_leber_a_b12_of_which_the_kind_is_not_said_counts_as_the_forbidden_one() -> None:
    unsaid = draft(CYANO, medicationCodeableConcept={"text": "Vitamin B12 injection"})

    said = at_sign(UK, facts(**LEBER), unsaid)

    assert said.kinds == ["leber"]
    assert said.card["indicator"] == "critical"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_beside_an_allergy_to_a_cobalamin_a_draft_is_taken_away_and_nothing_ordered_instead(protocol: str) -> None:
    said = at_sign(protocol, facts(allergies=["hydroxocobalamin"], labs=LOW), injection(), tablets(name="request-2"))

    assert said.card["indicator"] == "critical"
    assert removed_and_created(said) == (["MedicationRequest/request-123", "MedicationRequest/request-2"], [])


def test_a_resolved_allergy_stops_nothing() -> None:
    resolved = [{"name": "hydroxocobalamin", "clinical": "resolved"}]

    assert "allergy" not in at_sign(UK, facts(allergies=resolved, labs=LOW), injection()).kinds


@pytest.mark.parametrize(
    ("lab", "speaks"),
    [
        (["inr", 3.1, "1"], True),
        (["inr", 3.0, "1"], False),
        (["platelets", 49, "10*9/L"], True),
        (["platelets", 50, "10*9/L"], False),
        ({"analyte": "inr", "value": 4.5, "unit": "1", "days_ago": 31}, False),
    ],
)
def test_nothing_into_muscle_with_an_inr_above_range_or_few_platelets(lab: Any, speaks: bool) -> None:
    for protocol, order in ((UK, injection()), (AAFP, injection(CYANO_INJECTION, every=(1, "mo")))):
        said = at_sign(protocol, facts(conditions=["pernicious_anaemia"], labs=[*LOW, lab]), order)

        assert ("bleeding" in said.kinds) is speaks, protocol
        if speaks:
            assert said.cards[0]["indicator"] == "critical"
            assert removed_and_created(said) == (["MedicationRequest/request-123"], [first_tablet(protocol)])


def first_tablet(protocol: str) -> str:
    return "cyanocobalamin" if protocol == UK else "vitamin"


def test_deep_under_the_skin_is_no_injection_into_muscle() -> None:
    patient = facts(**PERNICIOUS | {"labs": [*LOW, ["inr", 4.5, "1"]]})

    assert "bleeding" not in at_sign(AAFP, patient, injection(CYANO_INJECTION, route="subcutaneous")).kinds


def test_who_is_on_injections_and_bleeds_gets_the_same_dose_under_the_skin() -> None:
    """There is no plan to put in its place: the draft itself changes its route, and nothing else."""
    patient = facts(conditions=["pernicious_anaemia"], on_b12=ON_HYDROXO, labs=[["inr", 4.5, "1"]])
    order = injection(priorPrescription={"reference": "MedicationRequest/medicationrequest-1"})

    said = at_sign(UK, patient, order)

    assert said.kinds == ["bleeding"]
    changed = said.updated()
    assert changed["dosageInstruction"][0]["route"]["coding"][0]["code"] == "34206005"
    assert without_route(changed) == without_route(order)
    assert "off-label" in said.card["detail"]


def without_route(order: Json) -> Json:
    (dosage,) = order["dosageInstruction"]
    return {**order, "dosageInstruction": [{k: v for k, v in dosage.items() if k not in ("route", "text")}]}


def test_an_inr_that_cannot_be_read_is_asked_for_again_before_an_injection() -> None:
    lab = {"analyte": "inr", "value": 3, "unit": "1", "comparator": ">="}
    said = at_sign(UK, facts(**PERNICIOUS | {"labs": [*LOW, lab]}), injection())

    assert said.kinds == ["unjudged"]
    assert sent_for(said) == ["INR", "Platelet count"]


def test_on_warfarin_without_an_inr_the_order_stands_and_the_test_is_offered() -> None:
    said = at_sign(UK, facts(**PERNICIOUS, medicines=[{"name": "warfarin", "months": 20}]), injection())

    assert said.kinds == ["not-known"]
    assert said.card["indicator"] == "info"
    assert sent_for(said) == ["INR"]


def sent_for(said: Said) -> list[str]:
    return [a["resource"]["code"]["text"] for actions in said.actions for a in actions]


def test_us_protocols_give_cyanocobalamin_under_the_skin_to_the_anticoagulated() -> None:
    patient = facts(**PERNICIOUS, medicines=[{"name": "apixaban", "months": 20}])

    said = at_sign(AAFP, patient, injection(CYANO_INJECTION, every=(1, "mo")))

    assert said.kinds == ["pressure"]
    assert said.card["indicator"] == "info"
    assert at_sign(UK, patient, injection()).kinds == []


def test_where_bleeding_threatens_that_is_the_matter_and_not_the_anticoagulant() -> None:
    patient = facts(**PERNICIOUS | {"labs": [*LOW, ["inr", 4.2, "1"]]}, medicines=[{"name": "apixaban", "months": 20}])

    assert at_sign(AAFP, patient, injection(CYANO_INJECTION, every=(1, "mo"))).kinds == ["bleeding"]


@pytest.mark.parametrize(("days", "found"), [(14, []), (15, ["oral-serves"]), (84, ["oral-serves"])])
def test_the_injections_that_are_offered_beside_tablets_need_no_word_for_as_long_as_they_are_offered(
    days: int, found: list[str]
) -> None:
    order = injection(every=(1, "wk"), days=days)
    order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = 3

    assert at_sign(UK, facts(**VEGAN), order).kinds == found


def test_tablets_for_autoimmune_gastritis_are_corrected_under_ng239_and_accepted_by_aafp() -> None:
    uk, aafp = (at_sign(protocol, facts(**PERNICIOUS), tablets()) for protocol in (UK, AAFP))

    assert uk.kinds == ["route"]
    assert uk.card["indicator"] == "warning"
    assert removed_and_created(uk) == (["MedicationRequest/request-123"], ["hydroxocobalamin"] * 2)
    assert aafp.cards == []


@pytest.mark.parametrize("protocol", [UK, AAFP])
def test_tablets_with_neurology_are_an_unsafe_draft(protocol: str) -> None:
    said = at_sign(protocol, facts(**VEGAN, neuro=True), tablets())

    assert said.kinds == ["route"]
    assert said.card["indicator"] == "critical"


def test_tablets_beside_injections_for_life_are_taken_away() -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=ON_HYDROXO)
    said = at_sign(UK, patient, tablets())

    assert said.kinds == ["route", "duplicate"]
    assert removed_and_created(said) == (["MedicationRequest/request-123"], [])
    assert "the protocol keeps injections for life" in said.card["detail"]


@pytest.mark.parametrize(("protocol", "product"), [(UK, HYDROXO), (AAFP, CYANO_INJECTION)])
def test_an_injection_where_tablets_serve_is_said_for_information(protocol: str, product: Any) -> None:
    said = at_sign(protocol, facts(**VEGAN), injection(product))

    assert said.kinds == ["oral-serves"]
    assert said.card["indicator"] == "info"
    assert all(actions[0]["type"] == "delete" for actions in said.actions)


def test_where_tablets_may_not_be_taken_an_injection_needs_no_word() -> None:
    assert at_sign(UK, facts(**VEGAN, poor_adherence=True), injection()).kinds == []


@pytest.mark.parametrize(
    ("dose", "unit", "value"), [((1000, "mg"), "ug", 1000), ((1, "ug"), "mg", 1), ((500, "mg"), "ug", 500)]
)
def test_mg_and_micrograms_confused_are_corrected_by_the_unit_alone(
    dose: tuple[float, str], unit: str, value: float
) -> None:
    order = injection(dose=dose)
    said = at_sign(UK, facts(**PERNICIOUS), order)

    assert said.kinds == ["dose"]
    quantity = said.updated()["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    assert (quantity["value"], quantity["code"]) == (value, unit)
    assert without_dose(said.updated()) == without_dose(order)


def without_dose(order: Json) -> Json:
    (dosage,) = order["dosageInstruction"]
    return {**order, "dosageInstruction": [{k: v for k, v in dosage.items() if k not in ("doseAndRate", "text")}]}


def test_a_dose_far_from_every_printed_one_in_either_unit_makes_way_for_the_plan() -> None:
    said = at_sign(UK, facts(**PERNICIOUS), injection(dose=(20, "mg")))

    assert said.kinds == ["dose"]
    assert removed_and_created(said) == (["MedicationRequest/request-123"], ["hydroxocobalamin"] * 2)


@pytest.mark.parametrize("dose", [(1, "mg"), (1000, "ug"), (250, "ug"), (5, "mg")])
def test_a_dose_near_a_printed_one_is_no_slip(dose: tuple[float, str]) -> None:
    assert "dose" not in at_sign(UK, facts(**PERNICIOUS), injection(dose=dose)).kinds


def test_the_antidote_to_cyanide_is_let_through_whatever_is_on_record() -> None:
    patient = facts(allergies=["hydroxocobalamin"], labs=LOW)

    assert at_sign(UK, patient, injection(dose=(5, "g"))).cards == []


def test_a_tablet_counted_by_pieces_has_the_dose_that_its_name_says() -> None:
    pills = {"doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}]}
    daily = {"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
    order = draft(SMALL_TABLETS, dosageInstruction=[pills | daily])

    assert at_sign(UK, facts(labs=LOW), order).kinds == ["small-dose"]
    assert at_sign(UK, facts(**VEGAN), order).kinds == []


def test_the_dietary_dose_is_too_small_in_pregnancy() -> None:
    order = tablets(SMALL_TABLETS, dose=(50, "ug"))

    assert at_sign(UK, facts(**VEGAN, breastfeeding=True), order).kinds == ["small-dose"]


@pytest.mark.parametrize(
    ("protocol", "product", "every", "found"),
    [
        (UK, HYDROXO, (1, "d"), "frequency"),
        (UK, HYDROXO, (3, "mo"), None),
        (AAFP, CYANO_INJECTION, (1, "d"), "no-end"),
        (AAFP, CYANO_INJECTION, (1, "mo"), None),
        (AAFP, CYANO_INJECTION, (1, "wk"), "no-end"),
    ],
)
def test_an_interval_shorter_than_the_protocol_s_or_a_course_without_end_is_corrected(
    protocol: str, product: Any, every: tuple[int, str], found: str | None
) -> None:
    said = at_sign(protocol, facts(**PERNICIOUS), injection(product, every=every))

    assert said.kinds == ([found] if found else [])
    if found:
        repeat = said.updated()["dosageInstruction"][0]["timing"]["repeat"]
        assert {"boundsPeriod", "count"} <= set(repeat)


def test_alternate_days_without_an_end_are_for_neurology_alone_under_ng239() -> None:
    order = injection(every=(2, "d"))

    assert at_sign(UK, facts(**PERNICIOUS, neuro=True), order).kinds == []
    assert at_sign(UK, facts(**PERNICIOUS), order).kinds == ["frequency"]


def test_a_missing_interval_is_no_fault_when_the_drug_is_only_chosen() -> None:
    patient = facts(**PERNICIOUS)

    assert asked_at("order-select", UK, patient, draft(HYDROXO)).cards == []
    assert asked_at("order-select", AAFP, patient, injection(CYANO_INJECTION, every=(1, "d"))).cards == []


def test_tablets_several_times_a_day_are_too_many_only_if_the_day_s_dose_is() -> None:
    hours = {"timing": {"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}}
    small = tablets(SMALL_TABLETS, dose=(50, "ug"))
    small["dosageInstruction"][0] |= hours
    large = tablets()
    large["dosageInstruction"][0] |= hours

    assert at_sign(UK, facts(**VEGAN), small).kinds == []
    assert at_sign(UK, facts(labs=LOW), large).kinds == ["frequency"]


@pytest.mark.parametrize("protocol", [UK, AAFP])
def test_a_second_order_of_what_is_taken_already_is_taken_away(protocol: str) -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=ON_HYDROXO)

    said = at_sign(protocol, patient, injection())

    assert said.kinds == ["duplicate"]
    assert "MedicationRequest/medicationrequest-1" in said.card["detail"].replace("\\", "")
    assert removed_and_created(said) == (["MedicationRequest/request-123"], [])


def test_an_order_that_says_which_one_it_renews_is_no_duplicate() -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=ON_HYDROXO)

    renewed = injection(priorPrescription={"reference": "MedicationRequest/medicationrequest-1"})

    assert at_sign(UK, patient, renewed).cards == []


def test_a_stable_patient_s_move_to_tablets_stops_the_injections() -> None:
    said = at_sign(UK, facts(conditions=["coeliac"], on_b12=ON_HYDROXO), tablets())

    assert said.kinds == ["beside"]
    assert (said.updated()["id"], said.updated()["status"]) == ("medicationrequest-1", "stopped")


def test_tablets_that_two_drafts_take_the_place_of_are_stopped_once() -> None:
    """Each draft recommended for itself would be two recommendations of which one may be taken (cds-resp-1)."""
    patient = facts(labs=LOW, neuro=True, on_b12=ON_TABLETS)

    said = at_sign(UK, patient, injection(), injection(name="request-2", every=(2, "mo")))

    assert said.kinds == ["beside", "beside"]
    (actions,) = said.actions
    assert [(action["type"], action["resource"]["id"]) for action in actions] == [("update", "medicationrequest-1")]


def test_two_treatments_in_one_session_are_one_too_many() -> None:
    both = (injection(), tablets(name="request-2"))

    said = at_sign(AAFP, facts(**PERNICIOUS), injection(CYANO_INJECTION, every=(1, "mo")), both[1])

    assert said.kinds == ["duplicate"]
    assert removed_and_created(said)[0] == ["MedicationRequest/request-2"]


def test_a_loading_course_and_what_follows_it_are_one_treatment() -> None:
    loading = injection(name="request-1", every=(2, "d"), days=14)

    assert at_sign(UK, facts(**PERNICIOUS, neuro=True), loading, injection(name="request-2")).cards == []


@pytest.mark.parametrize("protocol", [UK, AAFP])
def test_folic_acid_alone_while_b12_is_low_gets_b12_beside_it(protocol: str) -> None:
    said = at_sign(protocol, facts(**VEGAN), FOLIC)

    assert said.kinds == ["folic-acid"]
    assert said.card["indicator"] == "warning"
    gone, made = removed_and_created(said)
    assert gone == []
    assert made
    assert at_sign(protocol, facts(**VEGAN, neuro=True), FOLIC).card["indicator"] == "critical"


def test_folic_acid_alone_while_b12_is_not_known_asks_for_a_b12() -> None:
    said = at_sign(UK, facts(), FOLIC)

    assert said.kinds == ["folic-acid-untested"]
    assert sent_for(said) == ["Serum vitamin B12"]


@pytest.mark.parametrize(
    "patient",
    [
        {"labs": [["b12", 600, "ng/L"]]},
        {"pregnant": True},
        {"on_b12": ON_TABLETS},
    ],
    ids=["b12-normal", "pregnant", "on-b12"],
)
def test_folic_acid_needs_no_word_where_b12_is_normal_taken_or_it_is_the_usual_one_of_pregnancy(patient: Any) -> None:
    assert at_sign(UK, facts(**patient), FOLIC).cards == []


def test_folic_acid_together_with_b12_is_as_it_should_be() -> None:
    assert at_sign(UK, facts(**VEGAN), FOLIC, tablets(name="request-2")).cards == []


@pytest.mark.parametrize(
    ("patient", "order", "speaks"),
    [
        ({"medicines": [{"name": "metformin", "months": 30}]}, METFORMIN, True),
        ({"medicines": [{"name": "metformin", "months": 3}]}, METFORMIN, False),
        ({"medicines": [{"name": "metformin", "months": 30}], "labs": [["b12", 600, "ng/L"]]}, METFORMIN, False),
        ({"medicines": [{"name": "omeprazole", "months": 30}]}, OMEPRAZOLE, True),
        ({"medicines": [{"name": "omeprazole", "months": 11}]}, OMEPRAZOLE, False),
        ({"medicines": [{"name": "metformin", "months": 30}]}, OMEPRAZOLE, False),
        ({}, METFORMIN, False),
    ],
)
def test_metformin_or_a_ppi_ordered_again_after_long_use_asks_for_a_b12_if_there_never_was_one(
    patient: Any, order: Any, speaks: bool
) -> None:
    for protocol in PROTOCOLS:
        said = at_sign(protocol, facts(**patient), draft(order))

        assert said.kinds == (["untested"] if speaks else []), protocol
        if speaks:
            assert sent_for(said) == ["Serum vitamin B12"]


def test_b12_without_a_level_in_the_last_twelve_months_asks_for_one() -> None:
    old = [{"analyte": "b12", "value": 300, "unit": "ng/L", "days_ago": 400}]

    for patient in (facts(), facts(labs=old)):
        said = at_sign(UK, patient, injection())

        assert said.kinds == ["no-level"]
        assert said.card["indicator"] == "info"
        assert sent_for(said) == ["Serum vitamin B12"]


def test_nobody_on_treatment_is_asked_for_a_level() -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=ON_HYDROXO)

    renewed = injection(priorPrescription={"reference": "MedicationRequest/medicationrequest-1"})

    assert "no-level" not in at_sign(UK, patient, renewed).kinds


def test_a_test_that_is_drafted_beside_the_order_is_not_asked_for_again() -> None:
    code = {"coding": [{"system": LOINC, "code": "2132-9"}]}
    b12 = {"resourceType": "ServiceRequest", "id": "t1", "status": "draft", "intent": "order", "code": code}

    for order in (injection(), FOLIC):
        assert at_sign(UK, facts(), order, b12 | {"subject": ME}).cards == []


def test_only_selected_orders_are_spoken_of_and_the_others_are_still_seen() -> None:
    patient = facts(**VEGAN)
    select = {"selections": ["MedicationRequest/request-2"]}

    lisinopril = asked_at("order-select", UK, patient, FOLIC, draft(LISINOPRIL, name="request-2"), **select)
    with_b12 = asked_at("order-select", UK, patient, tablets(), {**FOLIC, "id": "request-2"}, **select)
    folic = asked_at("order-select", UK, patient, draft(LISINOPRIL), {**FOLIC, "id": "request-2"}, **select)

    assert lisinopril.cards == []
    assert with_b12.cards == []
    assert folic.kinds == ["folic-acid"]


@pytest.mark.parametrize("patient", [{"age": 12, "labs": LOW}, {"deceased": True, "labs": LOW}])
def test_no_advice_for_a_child_or_about_the_dead(patient: Any) -> None:
    assert at_sign(UK, facts(**patient), tablets(), FOLIC).cards == []


def test_other_medicines_are_none_of_our_business() -> None:
    for protocol in PROTOCOLS:
        assert at_sign(protocol, facts(**PERNICIOUS), draft(LISINOPRIL)).cards == []


def test_one_matter_is_one_card_however_many_drafts_it_concerns() -> None:
    orders = [tablets(name=f"request-{n}") for n in range(3)]

    said = at_sign(UK, facts(**PERNICIOUS), *orders)

    assert len({card["uuid"] for card in said.cards}) == len(said.cards) == 1
    assert len(removed_and_created(said)[0]) == 3


@pytest.mark.parametrize("medicine", [TABLETS, CYANO_INJECTION, HYDROXO, FOLIC_ACID, METFORMIN])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_card_about_a_draft_offers_something_to_click_and_never_only_words(protocol: str, medicine: Any) -> None:
    patients = [PERNICIOUS, VEGAN, LEBER, {"allergies": ["hydroxocobalamin"], "labs": LOW}, {}]
    patients.append({"medicines": [{"name": "metformin", "months": 30}]})

    for patient in patients:
        said = at_sign(protocol, facts(**patient), draft(medicine, dose=(1000, "mg"), every=(1, "d")))
        assert all(actions for actions in said.actions)
        assert all(card.get("suggestions") for card in said.cards)
