"""Each card by itself: HL7's invariants, a summary that stands alone, a source, and how urgent it is."""

from __future__ import annotations

import re
from typing import Any

from cds_hooks.invariants import check_response
from service.domain.terms import Modifier, Status

from .asked import every, every_card, every_suggestion, kinds, planned

#: A comparator before a number is no markup.
MARKUP = re.compile(r"[*_`\[\]#|\\&]|[<>](?!=?\d)")


def test_there_are_cards_of_every_kind_to_look_at() -> None:
    seen = {(card["indicator"], kind) for _, _, card in every_card() for kind in kinds(card) or {"nothing"}}

    assert seen == {
        ("critical", "MedicationRequest"),
        ("warning", "MedicationRequest"),
        ("warning", "nothing"),
        ("warning", "ServiceRequest"),
        ("info", "ServiceRequest"),
        ("info", "nothing"),
    }


def test_no_answer_breaks_an_invariant_of_hl7() -> None:
    broken = {asked.name: check_response(asked.response) for asked in every()}

    assert {name: rules for name, rules in broken.items() if rules} == {}


def test_a_summary_is_under_140_characters_of_plain_words_that_end_a_sentence() -> None:
    wrong = [
        (name, card["summary"])
        for name, _, card in every_card()
        if len(card["summary"]) >= 140 or MARKUP.search(card["summary"]) or not card["summary"].endswith(".")
    ]

    assert wrong == []


def test_a_summary_stands_alone_it_names_the_condition_and_what_to_do() -> None:
    """B12 or B12 deficiency, then an action: start, send, ask, stop, review, or why there is none."""
    does = re.compile(
        r"Start |Send |[Aa]sk |stop |replace |review|No order proposed|no plan|no advice|See detail|[Dd]raft"
    )
    wrong = [card["summary"] for _, _, card in every_card() if not does.search(card["summary"])]
    nameless = [card["summary"] for _, _, card in every_card() if not re.search("B12|Under 16", card["summary"])]

    assert (wrong, nameless) == ([], [])


def test_a_deciding_number_is_in_the_summary_unless_there_is_no_room() -> None:
    without = []
    for name, asked, card in every_card():
        verdict = asked.decision.assessment
        shown = [each.shown for each in (asked.decision.evidence.b12, *verdict.basis) if each and each.measure]
        room = 140 - len(card["summary"]) - len(" (active B12 , 17 Nov 2026)")
        said = any(number in card["summary"] for number in shown)
        if shown and not said and len(shown[0]) < room and verdict.status is not Status.OUT_OF_SCOPE:
            without.append((name, card["summary"]))

    assert without == []


def test_the_summary_of_a_plan_says_what_to_start_and_never_that_a_deficiency_is_unlikely() -> None:
    wrong = []
    for asked in planned():
        summary = (asked.plan_card or {})["summary"]
        if f"Start {asked.decision.schedules[0][0].regimen.title}" not in summary or "unlikely" in summary:
            wrong.append((asked.name, summary))

    assert wrong == []


def test_there_is_at_most_one_treatment_card_and_one_work_up_card_and_neither_mixes() -> None:
    wrong = []
    for asked in every():
        each = [kinds(card) for card in asked.cards]
        treating, testing = each.count({"MedicationRequest"}), each.count({"ServiceRequest"})
        if len(each) > 2 or treating > 1 or testing > 1 or any(len(kind) > 1 for kind in each):
            wrong.append(asked.name)

    assert wrong == []


def test_one_option_is_recommended_and_its_label_says_so() -> None:
    wrong = []
    for name, _, card in every_card():
        suggestions = card.get("suggestions", [])
        recommended = [each for each in suggestions if each.get("isRecommended")]
        labelled = [each for each in suggestions if each["label"].startswith("Recommended: ")]
        wanted = 1 if kinds(card) == {"MedicationRequest"} else 0
        if len(recommended) != wanted or labelled != recommended or recommended != suggestions[:wanted]:
            wrong.append(name)

    assert wrong == []


def test_of_medicines_one_may_be_taken_and_of_tests_any() -> None:
    behaviours = {(card["selectionBehavior"], *kinds(card)) for _, _, card in every_card() if "suggestions" in card}

    assert behaviours == {("at-most-one", "MedicationRequest"), ("any", "ServiceRequest")}


def test_the_suggestions_are_the_options_in_the_same_order() -> None:
    wrong = []
    for asked in planned():
        options = [regimen for option, _ in asked.decision.schedules for regimen in [option.regimen.title.lower()]]
        labels = [each["label"] for each in (asked.plan_card or {}).get("suggestions", ())]
        if options != [label.removeprefix("Recommended: ").lower() for label in labels]:
            wrong.append((asked.name, options, labels))

    assert wrong == []


def test_a_card_names_its_guideline_its_topic_and_a_page_to_read() -> None:
    wrong = []
    for name, asked, card in every_card():
        source = card["source"]
        links = [link["url"] for link in card.get("links", ())]
        if asked.decision.protocol.title not in source["label"] or source["topic"]["code"] != "190634004":
            wrong.append(name)
        if links != [source["url"]] or not source["url"].startswith("https://"):
            wrong.append(name)

    assert wrong == []


def test_plans_are_urgent_by_what_the_patient_has_and_work_up_is_not() -> None:
    wrong = []
    for name, asked, card in every_card():
        pressing = {Modifier.NEUROLOGICAL, Modifier.SEVERE_ANAEMIA} & set(asked.decision.modifiers.present)
        status = asked.decision.assessment.status
        if "MedicationRequest" in kinds(card) and status is not Status.UNLIKELY:
            wanted = {"critical" if pressing else "warning"}
        elif "MedicationRequest" in kinds(card):
            wanted = {"critical", "warning"} if pressing else {"warning"}
        elif "ServiceRequest" in kinds(card) and status is not Status.ON_TREATMENT:
            wanted = {"info"}
        else:
            wanted = {"info", "warning"}
        if card["indicator"] not in wanted and not asked.decision.evidence.therapy.drafts:
            wrong.append((name, card["indicator"]))

    assert wrong == []


def test_a_plan_says_its_repletion_its_maintenance_and_what_to_watch() -> None:
    wrong = []
    for asked in planned():
        detail = (asked.plan_card or {}).get("detail", "")
        option, dated = asked.decision.schedules[0]
        wanted = ["**Found:**", "**Cause:**", "**Why this route:**", "**Recommended:", "- Watch:", "**Basis:**"]
        wanted += [f"- {phase.capitalize()}:" for phase in dict.fromkeys(step.phase for step in option.steps)]
        wanted += [order.step.text for order in dated.orders]
        wrong += [(asked.name, words) for words in wanted if words not in detail]

    assert wrong == []


def test_the_reason_for_the_route_speaks_for_the_route_that_is_recommended() -> None:
    """Tablets suffice for most diets: not beside an injection that adherence, Leber or therapy made the choice."""
    wrong = []
    for asked in planned():
        why = next(iter(re.findall(r"\*\*Why this route:\*\* (.*)", (asked.plan_card or {})["detail"])), "")
        option, row = asked.decision.schedules[0][0], asked.decision.protocol.table[asked.decision.plan.row or ""]
        moved = not row.choices or option.regimen.injected != row.choices[0].regimen.injected
        if not why or (moved and why == row.why):
            wrong.append((asked.name, option.regimen.id, why))

    assert wrong == []


def test_a_card_says_how_its_basis_was_verified_and_that_no_clinician_reviewed_it() -> None:
    verified = re.compile("read verbatim|read in a secondary page|from memory or by design")
    wrong = [
        name
        for name, _, card in every_card()
        if "No clinician has reviewed this rule set." not in card["detail"] or not verified.search(card["detail"])
    ]

    assert wrong == []


def test_a_card_carries_the_assessment_and_the_resources_it_used() -> None:
    wrong = []
    for name, asked, card in every_card():
        carried = dict(card["extension"]["org.b12-cds.assessment"])
        held = {f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in asked.chart["entry"]}
        if not set(carried.pop("resources", ())) <= held or not carried.pop("ruleSet"):
            wrong.append(name)
        if carried != pruned(asked.answer.assessment):
            wrong.append(name)

    assert wrong == []


def pruned(value: Any) -> Any:
    """What CDS Hooks lets travel: nothing null and nothing empty."""
    if isinstance(value, dict):
        return {key: pruned(child) for key, child in value.items() if child is not None and child != []}
    return [pruned(child) for child in value] if isinstance(value, list) else value


def test_every_id_on_a_card_is_its_own() -> None:
    for asked in every():
        ids = [card["uuid"] for card in asked.cards]
        ids += [each["uuid"] for card in asked.cards for each in card.get("suggestions", ())]

        assert len(ids) == len(set(ids)), asked.name


def test_no_label_is_given_twice_on_one_card() -> None:
    labels = [(asked.name, suggestion["label"]) for _, asked, suggestion in every_suggestion()]

    assert len(labels) == len(set(labels))
