"""Which tests are asked for and why, and what on record does not fit, as the clinician reads it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.render import bundle
from tests.vignettes import PROTOCOLS, TODAY

from .ask import Answer, answer, created


def patient(protocol: str = "uk-ng239", **facts: Any) -> Answer:
    told = msgspec.convert(facts, Facts)
    return answer(bundle(told, TODAY, Choice.nth(0)), protocol)


def lab(analyte: str, value: float | str, unit: str, days_ago: int) -> dict[str, Any]:
    return {"analyte": analyte, "value": value, "unit": unit, "days_ago": days_ago}


def detail(given: Answer) -> str:
    return "\n".join(card["detail"] for card in given["cards"])


def ordered_tests(given: Answer) -> list[str]:
    return [order["code"]["text"] for order in created(given, "ServiceRequest")]


METFORMIN = [{"name": "metformin", "months": 120}]


def test_a_first_b12_is_asked_for_with_the_risk_and_the_sign_that_meet() -> None:
    said = detail(patient(age=60, conditions=["peripheral_neuropathy"], medicines=METFORMIN))

    assert "- Send a B12: metformin for 10 years, peripheral neuropathy." in said


@pytest.mark.parametrize(
    ("months", "words"),
    [(23, "metformin for 23 months"), (24, "metformin for 2 years"), (5, "metformin for 5 months")],
)
def test_how_long_a_medicine_was_taken_is_said_in_months_then_in_years(months: int, words: str) -> None:
    told = [{"name": "metformin", "months": months}]

    assert f"Send a B12: {words}, glossitis." in detail(patient(age=60, conditions=["glossitis_coded"], medicines=told))


def test_a_month_that_is_not_over_is_not_counted() -> None:
    told = [{"name": "metformin", "start": "2024-11-23"}]

    assert "metformin for 23 months" in detail(patient(age=60, conditions=["glossitis_coded"], medicines=told))


@pytest.mark.parametrize(
    "risk",
    [
        {"medicines": METFORMIN},
        {"diet": "vegan"},
        {"procedures": ["total_gastrectomy"]},
        {"procedures": ["partial_gastrectomy"]},
        {"procedures": ["gastrectomy_extent_unknown"]},
        {"procedures": ["sleeve_gastrectomy"]},
        {"procedures": ["complete_terminal_ileal_resection"]},
        {"procedures": ["partial_ileal_resection"]},
        {"procedures": ["ileal_resection_extent_unknown"]},
        {"conditions": ["crohn"]},
    ],
    ids=str,
)
def test_a_risk_of_the_aafp_s_list_suffices_alone_there_and_nowhere_else(risk: dict[str, Any]) -> None:
    asked = {protocol: "workup-b12" in patient(protocol, age=50, **risk)["notices"] for protocol in PROTOCOLS}

    assert asked == {"uk-ng239": False, "us-aafp": True, "us-label": False}


def test_an_old_low_b12_that_nobody_followed_is_the_reason_for_a_new_one() -> None:
    said = detail(patient(age=60, labs=[lab("b12", 120, "ng/L", 500)]))

    assert "- Send a B12: vitamin B12 120 ng/L (10 Jul 2025), never followed." in said


def test_anaemia_is_a_sign_that_meets_a_risk() -> None:
    given = patient(age=60, medicines=METFORMIN, labs=[lab("hb", 100, "g/L", 5)])

    assert "workup-b12" in given["notices"]
    assert "metformin for 10 years, anaemia" in detail(given)


def test_pregnancy_alone_is_no_risk_of_deficiency() -> None:
    given = patient(age=30, pregnant=True, conditions=["glossitis_coded"])

    assert not {"workup-b12", "workup-active"} & set(given["notices"])


def test_active_b12_is_the_first_test_in_pregnancy_where_the_protocol_has_lines_for_it() -> None:
    facts = {"age": 30, "pregnant": True, "conditions": ["coeliac", "glossitis_coded"]}

    assert ordered_tests(patient("uk-ng239", **facts))[:1] == ["Active B12 (holotranscobalamin)"]
    assert ordered_tests(patient("us-aafp", **facts))[:1] == ["Serum vitamin B12"]


def test_after_nitrous_oxide_the_markers_are_ordered_with_the_b12() -> None:
    ordered = ordered_tests(patient(age=24, n2o="recreational_current", conditions=["glossitis_coded"]))

    assert {"Plasma homocysteine", "Serum methylmalonic acid"} <= set(ordered)


def test_after_nitrous_oxide_with_a_marker_back_it_is_not_ordered_again() -> None:
    labs = [lab("b12", 450, "ng/L", 5), lab("mma", 0.2, "umol/L", 5)]

    assert "workup-mma" not in patient(age=24, n2o="recreational_current", labs=labs)["notices"]


def test_cord_degeneration_never_tested_asks_for_a_specialist_the_same_day() -> None:
    given = patient(age=58, conditions=["subacute_combined_degeneration"])

    assert "Neurology: ask a specialist the same day." in detail(given)
    assert ordered_tests(given)[:2] == ["Serum vitamin B12", "Serum methylmalonic acid"]
    assert "Send a B12: subacute combined degeneration of the cord." in detail(given)


def test_a_b12_that_the_protocol_has_no_line_for_is_asked_of_the_laboratory() -> None:
    said = detail(patient("us-label", age=58, conditions=["numb_feet"], labs=[lab("b12", 120, "ng/L", 5)]))

    assert "this protocol has no line for it: ask the laboratory for its range" in said
    assert "Send a B12" not in said


def test_an_mma_that_does_not_pair_with_the_b12_is_named_and_a_new_one_ordered() -> None:
    given = patient(age=58, labs=[lab("b12", 250, "ng/L", 5), lab("mma", 0.9, "umol/L", 125)])

    assert "Serum methylmalonic acid" in ordered_tests(given)
    assert "(20 Jul 2026), too far from the B12 it should confirm." in detail(given)


def test_an_mma_that_pairs_is_not_ordered_again() -> None:
    given = patient(age=58, labs=[lab("b12", 250, "ng/L", 5), lab("mma", 0.35, "umol/L", 60)])

    assert "Serum methylmalonic acid" not in ordered_tests(given)
    assert "too far from" not in detail(given)


def test_a_newer_mma_beside_one_that_pairs_is_named_when_it_is_too_far() -> None:
    labs = [lab("b12", 250, "ng/L", 200), lab("mma", 0.35, "umol/L", 190), lab("mma", 0.9, "umol/L", 5)]
    said = detail(patient(age=58, labs=labs))

    assert "0.9 umol/L (17 Nov 2026), too far from the B12 it should confirm." in said


def test_normal_markers_beside_a_low_b12_are_shown_as_disagreeing() -> None:
    labs = [lab("b12", 150, "ng/L", 5), lab("mma", 0.2, "umol/L", 5), lab("hcy", 9, "umol/L", 5)]
    said = detail(patient(age=58, labs=labs))

    assert "Disagrees: MMA 0.2 umol/L" in said
    assert "Disagrees: homocysteine 9 umol/L" in said


def test_a_raised_marker_beside_a_low_b12_does_not_disagree() -> None:
    said = detail(patient(age=58, labs=[lab("b12", 150, "ng/L", 5), lab("mma", 0.9, "umol/L", 5)]))

    assert "Disagrees" not in said


def test_a_negative_antibody_beside_recorded_pernicious_anaemia_is_shown() -> None:
    labs = [lab("b12", 100, "ng/L", 5), lab("if_ab", "negative", "", 30)]
    said = detail(patient(age=58, conditions=["pernicious_anaemia"], labs=labs))

    assert "Speaks against pernicious anaemia: intrinsic factor antibody negative (23 Oct 2026)." in said


def test_the_newest_answer_of_an_antibody_is_the_one_that_speaks() -> None:
    labs = [lab("b12", 100, "ng/L", 5), lab("if_ab", "negative", "", 300), lab("if_ab", "positive", "", 30)]

    assert "Speaks against" not in detail(patient(age=58, conditions=["pernicious_anaemia"], labs=labs))


def test_an_antibody_drawn_five_days_after_an_injection_is_named_as_not_used_and_asked_for_again() -> None:
    given = patient(
        age=58,
        given=[{"name": "hydroxocobalamin_injection", "days_ago": 20}],
        labs=[lab("b12", 100, "ng/L", 25), lab("if_ab", "positive", "", 15)],
    )

    assert "intrinsic factor antibody positive (7 Nov 2026), taken soon after an injection." in detail(given)
    assert "settles nothing within 2 weeks of an injection: ask for it after that." in detail(given)
    assert "Intrinsic factor antibody" in ordered_tests(given)
    assert given["causes"][0]["id"] == "undetermined"


def test_alcohol_is_named_as_a_risk_when_no_cause_is_found() -> None:
    said = detail(patient(age=58, conditions=["alcohol"], labs=[lab("b12", 100, "ng/L", 5)]))

    assert "On record as a risk: alcohol" in said


def test_alcohol_is_not_named_beside_a_cause_that_explains() -> None:
    said = detail(patient(age=58, conditions=["alcohol", "pernicious_anaemia"], labs=[lab("b12", 100, "ng/L", 5)]))

    assert "On record as a risk" not in said


def test_a_medical_use_of_nitrous_oxide_is_named_and_not_blamed() -> None:
    gas = [{"name": "nitrous_oxide", "months": 2, "ended_months_ago": 2}]
    said = detail(patient(age=40, medicines=gas, labs=[lab("b12", 100, "ng/L", 5)]))

    assert "Nitrous oxide was given as a medicine on" in said
    assert "and is not blamed." in said


def test_a_cause_that_is_only_possible_is_said_to_be_so_in_the_summary() -> None:
    given = patient(age=40, conditions=["crohn"], labs=[lab("b12", 100, "ng/L", 5)])

    assert ": Crohn disease (possible)." in given["cards"][0]["summary"]


def test_no_cause_found_and_a_greater_need_claim_nothing_that_would_be_only_possible() -> None:
    for facts in ({}, {"pregnant": True}):
        given = patient(age=30, labs=[lab("b12", 100, "ng/L", 5)], conditions=["glossitis_coded"], **facts)

        assert "(possible)" not in given["cards"][0]["summary"]


def test_impaired_kidneys_mean_aluminium_with_an_injection_and_misleading_markers_with_a_marker() -> None:
    aluminium, misled = "injections bring aluminium", "raise MMA and homocysteine by themselves"
    ill = {"age": 70, "conditions": ["pernicious_anaemia", "ckd_4"]}
    bare = detail(patient(**ill, labs=[lab("b12", 100, "ng/L", 5)]))
    with_marker = detail(patient(**ill, labs=[lab("b12", 100, "ng/L", 5), lab("mma", 0.9, "umol/L", 5)]))

    assert aluminium in bare
    assert misled not in bare
    assert aluminium in with_marker
    assert misled in with_marker


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "a higher one is a matter of judgement in neurology"),
        (
            {"extra": "leber_hereditary_optic_neuropathy"},
            "considerably higher doses in critical illness and neurologic",
        ),
    ],
)
def test_the_label_s_small_dose_is_not_the_last_word_in_neurology(more: dict[str, str], words: str) -> None:
    conditions = ["pernicious_anaemia", "numb_feet", *more.values()]
    low = {"analyte": "b12", "value": 100, "unit": "ng/L", "range_low": 200}

    assert words in detail(patient("us-label", age=58, conditions=conditions, labs=[low]))


def test_the_label_s_small_dose_stands_without_remark_when_nothing_presses() -> None:
    low = {"analyte": "b12", "value": 100, "unit": "ng/L", "range_low": 200}

    assert "judgement" not in detail(patient("us-label", age=58, conditions=["pernicious_anaemia"], labs=[low]))


def test_biotin_is_asked_about_where_the_assay_is_doubted() -> None:
    said = detail(patient(age=48, conditions=["megaloblastic_anaemia"], labs=[lab("b12", 480, "ng/L", 5)]))

    assert "Biotin interferes with some assays" in said


def test_an_allergy_to_cobalamin_brings_the_test_dose_and_the_excipients_to_mind() -> None:
    said = detail(patient(age=58, allergies=["hydroxocobalamin"], labs=[lab("b12", 100, "ng/L", 5)]))

    assert "intradermal test dose" in said
    assert "benzyl alcohol or polyethylene glycol" in said


def test_who_breastfeeds_gets_an_injection_without_preservative() -> None:
    low = [lab("b12", 100, "ng/L", 5)]

    assert "preservative-free" in detail(patient(age=31, breastfeeding=True, labs=low))
    assert "preservative-free" not in detail(patient(age=31, conditions=["pernicious_anaemia"], labs=low))


def test_tablets_bridge_until_the_bleeding_risk_is_gone_whatever_it_is() -> None:
    labs = [lab("b12", 100, "ng/L", 5), lab("inr", 4.5, "1", 5)]
    said = detail(patient(age=71, conditions=["pernicious_anaemia"], labs=labs))

    assert "tablets bridge until it is gone (INR and platelets in range), then the injection" in said
    assert "once the bleeding risk is gone" in said


def test_leber_with_a_bleeding_risk_says_both_reasons_why_nothing_is_left() -> None:
    labs = [lab("b12", 100, "ng/L", 5), lab("inr", 4.5, "1", 5)]
    said = detail(patient(age=71, conditions=["leber_hereditary_optic_neuropathy", "pernicious_anaemia"], labs=labs))

    assert "no cyanocobalamin; bleeding risk: nothing into muscle" in said.replace("\\", "")


@pytest.mark.parametrize(("protocol", "count"), [("uk-ng239", "; 6 ampoules)"), ("us-aafp", None)])
def test_a_course_says_how_many_ampoules_it_needs_where_the_pack_is_known(protocol: str, count: str | None) -> None:
    given = patient(protocol, age=58, conditions=["pernicious_anaemia"], labs=[lab("b12", 100, "ng/L", 5)])
    order = created(given, "MedicationRequest")[0]

    assert order["dosageInstruction"][0]["text"].endswith(count) if count else "ampoule" not in str(order)
    assert order["dispenseRequest"]["quantity"]["unit"] == "mL"
