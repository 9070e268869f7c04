"""When there is a card, when there is none, and what becomes of it once a clinician has acted on it."""

from __future__ import annotations

import json
from datetime import timedelta

import msgspec
import pytest

from service.domain.terms import Notice, Status
from tests.chart.resources import Resource
from tests.medicine.ask import answer, chart_of
from tests.vignettes import vignette

from .asked import Asked, ask, created, every, every_card, kinds, of_patient, one, planned, with_resources, written


def test_an_unlikely_deficiency_has_no_card_unless_there_is_something_to_prevent() -> None:
    unlikely = [asked for asked in every() if asked.decision.assessment.status is Status.UNLIKELY]

    assert {bool(asked.cards) for asked in unlikely if not asked.decision.assessment.prevention} == {False}
    assert {bool(asked.cards) for asked in unlikely if asked.decision.assessment.prevention} == {True}


def test_a_stable_patient_on_treatment_has_no_card() -> None:
    treated = [asked for asked in every() if asked.decision.assessment.status is Status.ON_TREATMENT]
    spoken = {(asked.decision.unstable, bool(asked.cards)) for asked in treated}
    only_close = {
        asked.name
        for asked in treated
        if Notice.RESPONSE.value in asked.decision.notices and not asked.decision.unstable
    }

    assert spoken == {(False, False), (True, True)}
    assert only_close == {"B874 uk-ng239"}  # injections closer together than usual, and well


@pytest.mark.parametrize(
    ("vignette", "protocol", "cards"),
    [
        ("V89", "uk-ng239", 1),  # forgetful and on metformin, never tested
        ("B14", "us-aafp", 1),  # an old low result that nobody followed
        ("B35", "us-label", 1),  # a low result, and no birth date to decide with
        ("V90", "uk-ng239", 0),  # nothing that asks for a test
    ],
)
def test_what_is_unknown_is_spoken_of_only_with_a_symptom_and_a_risk(vignette: str, protocol: str, cards: int) -> None:
    asked = one(vignette, protocol)

    assert (asked.decision.assessment.status, len(asked.cards)) == (Status.UNKNOWN, cards)


@pytest.mark.parametrize("died", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026-11-20T04:10:00Z"}])
def test_there_is_no_card_for_the_dead(died: Resource) -> None:
    alive = [asked for asked in every() if asked.cards]
    dead = [ask(asked.name, of_patient(asked.chart, **died), asked.protocol, asked.today) for asked in alive[::7]]

    assert [asked.name for asked in dead if asked.cards] == []
    assert len(dead) > 40


def test_a_patient_said_to_be_alive_has_their_cards() -> None:
    asked = one("V23", "us-aafp")
    living = ask(asked.name, of_patient(asked.chart, deceasedBoolean=False), asked.protocol, asked.today)

    assert living.cards == asked.cards


def answers_after(status: str, intent: str) -> list[tuple[str, Asked, Asked]]:
    """Each offered plan kept as orders of this status, and what is said on the next call."""
    found = []
    for asked in planned():
        for suggestion in (asked.plan_card or {})["suggestions"]:
            kept = written(suggestion, status=status, intent=intent)
            # A draft changes nothing that exists: what it stops goes on until it is signed.
            before = stopped(asked.chart, suggestion) if status == "active" else asked.chart
            chart = with_resources(before, *kept)
            found.append((f"{asked.name} {suggestion['label']}", asked, ask("", chart, asked.protocol, asked.today)))
    return found


def stopped(chart: Resource, suggestion: Resource) -> Resource:
    """The chart after the suggestion's updates."""
    changed = {a["resource"]["id"]: a["resource"] for a in suggestion["actions"] if a["type"] == "update"}
    entries = [{**e, "resource": changed.get(e["resource"]["id"], e["resource"])} for e in chart["entry"]]
    return {**chart, "entry": entries}


def test_a_signed_plan_is_not_offered_again() -> None:
    again = [name for name, _, then in answers_after("active", "order") if then.plan_card]

    assert again == []


def test_a_signed_plan_ends_its_card_unless_the_response_is_in_doubt() -> None:
    left = [
        (name, [card["summary"] for card in then.cards if "ServiceRequest" not in kinds(card)])
        for name, _, then in answers_after("active", "order")
        if any("ServiceRequest" not in kinds(card) for card in then.cards)
        and Notice.RESPONSE.value not in then.decision.notices
    ]

    assert left == []


def test_an_unsigned_draft_is_told_and_nothing_is_offered_beside_it() -> None:
    wrong = []
    for name, asked, then in answers_after("draft", "proposal"):
        told = [card for card in then.cards if "**Draft pending:**" in card["detail"]]
        said = [card for card in told if "MedicationRequest/kept-1" in card["detail"] and "raft" in card["summary"]]
        same = then.decision.assessment.status is asked.decision.assessment.status
        if then.plan_card or len(told) != 1 or told != said or not same:
            wrong.append(name)

    assert wrong == []


def test_a_draft_quiets_nothing_it_stays_as_urgent_as_the_plan() -> None:
    wrong = [
        (name, then.cards[0]["indicator"])
        for name, asked, then in answers_after("draft", "proposal")
        if then.cards[0]["indicator"] != (asked.plan_card or {})["indicator"]
    ]

    assert wrong == []


def test_a_draft_of_something_else_is_not_called_the_plan() -> None:
    asked = one("V23", "us-aafp")
    tablets = created((asked.plan_card or {})["suggestions"][1])
    chart = with_resources(asked.chart, {**tablets[0], "id": "kept-1"})
    summary = ask("", chart, asked.protocol, asked.today).cards[0]["summary"]

    assert "injections" in (asked.plan_card or {})["summary"]
    assert "raft" in summary
    assert "injections" not in summary


def test_tablets_that_failed_are_stopped_by_the_suggestion_that_replaces_them() -> None:
    replaced = [asked for asked in planned() if asked.decision.plan.replaces_therapy]
    updates = 0
    for asked in replaced:
        held = {entry["resource"]["id"]: entry["resource"] for entry in asked.chart["entry"]}
        active = {e.resource for e in asked.decision.evidence.therapy.active if "MedicationRequest" in e.resource}
        for suggestion in (asked.plan_card or {})["suggestions"]:
            changes = [action for action in suggestion["actions"] if action["type"] == "update"]
            updates += len(changes)
            for change in changes:
                old = held[change["resource"]["id"]]

                assert change["resource"] == {**old, **{k: change["resource"][k] for k in ("status", "statusReason")}}
                assert change["resource"]["status"] == "stopped"
                assert change["description"].startswith("Stop ")
            assert {f"MedicationRequest/{change['resource']['id']}" for change in changes} == active, asked.name

    assert {asked.decision.assessment.rule.id for asked in replaced} >= {"K5t"}
    assert updates > 0


def test_no_therapy_is_stopped_that_a_plan_does_not_replace() -> None:
    wrong = [
        name
        for name, asked, card in every_card()
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
        if action["type"] != "create" and not asked.decision.plan.replaces_therapy
    ]

    assert wrong == []


def test_the_same_request_gives_the_same_bytes() -> None:
    for first in every()[::5]:
        second = ask(first.name, json.loads(json.dumps(first.chart)), first.protocol, first.today)

        assert msgspec.json.encode(second.response) == msgspec.json.encode(first.response), first.name


def test_on_another_day_the_ids_are_others() -> None:
    first = one("V23", "us-aafp")
    second = ask(first.name, first.chart, first.protocol, first.today + timedelta(days=1))

    assert {card["uuid"] for card in first.cards}.isdisjoint(card["uuid"] for card in second.cards)


def test_a_patient_who_must_not_have_cyanocobalamin_is_not_told_of_tablets_elsewhere() -> None:
    """Leber optic neuropathy silences the other guideline's tablets, and nothing else does."""
    assert "conflict-c4" in answer(chart_of(vignette("V41")), "uk-ng239")["notices"]
    assert "conflict-c4" not in answer(chart_of(vignette("V65")), "uk-ng239")["notices"]
