"""The wire types: sections A, F and I of the checklist, and HL7's invariants."""

from typing import Any

import msgspec
import pytest

from cds_hooks.invariants import check_request, check_response
from cds_hooks.receive import parse
from cds_hooks.wire import (
    Action,
    ActionType,
    Card,
    Coding,
    Indicator,
    Link,
    LinkType,
    Response,
    SelectionBehavior,
    Source,
    Suggestion,
)
from tests.cds_hooks.kit import TOKEN, authorization, hook_request

SOURCE = Source(label="Guideline")


def card(**changes: Any) -> Card:
    return Card(**({"summary": "Start B12", "indicator": Indicator.INFO, "source": SOURCE} | changes))


def create(**changes: Any) -> Action:
    whole = {
        "type": ActionType.CREATE,
        "description": "Order B12",
        "resource": {"resourceType": "MedicationRequest"},
    }
    return Action(**(whole | changes))


def suggest(*actions: Action, **changes: Any) -> Suggestion:
    return Suggestion(**({"label": "Order", "actions": actions} | changes))


def test_e3_no_advice_is_an_empty_list_of_cards_and_nothing_else():
    assert msgspec.json.encode(Response(cards=(), systemActions=())) == b'{"cards":[]}'


def test_a3_a4_an_element_without_a_value_is_left_out_however_empty_it_was_given():
    given = card(detail="", links=(), suggestions=[], extension={}, uuid=None)

    assert msgspec.json.decode(msgspec.json.encode(Response(cards=(given,), extension={}))) == {
        "cards": [{"summary": "Start B12", "indicator": "info", "source": {"label": "Guideline"}}]
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: card(summary=""),
        lambda: Source(label=""),
        lambda: Coding(system="http://loinc.org", code=""),
        lambda: suggest(label=""),
    ],
    ids=["F2", "F11", "F28", "F15"],
)
def test_a_required_element_cannot_be_empty(make):
    with pytest.raises(ValueError, match="is required, and empty"):
        make()


def test_f22_a_resource_that_is_already_encoded_travels_as_it_is():
    action = create(resource=msgspec.Raw(b'{"resourceType":"MedicationRequest","intent":"order"}'))

    assert b'"resource":{"resourceType":"MedicationRequest","intent":"order"}' in msgspec.json.encode(action)
    assert check_response(Response(cards=(), systemActions=(action,))) == ()


def test_a_whole_card_breaks_no_invariant():
    whole = card(
        uuid="card-1",
        detail="Because.",
        source=Source(
            label="Guideline",
            url="https://example.org",
            topic=Coding(system="http://example.org/topics", code="b12"),
        ),
        suggestions=(
            suggest(create(), uuid="suggestion-1", isRecommended=True),
            suggest(Action(type=ActionType.DELETE, description="Stop", resourceId="MedicationRequest/1")),
        ),
        selectionBehavior=SelectionBehavior.AT_MOST_ONE,
        overrideReasons=(Coding(system="http://example.org", code="no", display="No"),),
        links=(Link(label="App", url="https://example.org/app", type=LinkType.SMART, appContext="x"),),
        extension={"org.example.b12": {"rule": "1"}},
    )

    assert check_response(Response(cards=(whole,))) == ()


DELETE = {"type": ActionType.DELETE, "description": "Stop"}
ANY = {"selectionBehavior": SelectionBehavior.ANY}


@pytest.mark.parametrize(
    ("broken", "cards"),
    [
        (
            "cds-resp-1",
            [
                card(
                    suggestions=(suggest(create(), isRecommended=True),) * 2,
                    selectionBehavior=SelectionBehavior.AT_MOST_ONE,
                )
            ],
        ),
        ("cds-resp-2", [card(suggestions=(suggest(Action(**DELETE)),), **ANY)]),
        ("cds-resp-2", [card(suggestions=(suggest(Action(**DELETE, resourceId="123")),), **ANY)]),
        (
            "cds-resp-2",
            [
                card(
                    suggestions=(suggest(Action(**DELETE, resourceId="Task/1", resource={"resourceType": "Task"})),),
                    **ANY,
                )
            ],
        ),
        (
            "cds-resp-3",
            [card(links=(Link(label="a", url="https://a.example", type=LinkType.ABSOLUTE, appContext="x"),))],
        ),
        ("cds-resp-4", [card(overrideReasons=(Coding(system="http://example.org", code="no"),))]),
        ("cds-resp-6", [card(suggestions=(suggest(create()),))]),
        ("F1", [card(uuid="same"), card(uuid="same")]),
        ("F1", [card(uuid="same", suggestions=(suggest(create(), uuid="same"),), **ANY)]),
        ("F2", [card(summary="x" * 140)]),
        ("F4", [card(indicator="hard-stop")]),
        ("F7", [card(suggestions=(suggest(create()),), selectionBehavior="all")]),
        ("F20", [card(suggestions=(suggest(create(type="merge")),), **ANY)]),
        ("F22", [card(suggestions=(suggest(create(resource=None)),), **ANY)]),
        ("F22", [card(suggestions=(suggest(create(resource={"status": "draft"})),), **ANY)]),
        ("F24", [card(links=(Link(label="a", url="https://a.example", type="app"),))]),
        ("A3", [card(suggestions=(suggest(create(resource={"resourceType": "Task", "note": []})),), **ANY)]),
    ],
)
def test_a_broken_rule_is_named(broken, cards):
    assert check_response(Response(cards=tuple(cards))) == (broken,)


def test_f2_a_summary_of_139_characters_is_short_enough():
    assert check_response(Response(cards=(card(summary="x" * 139),))) == ()


def _plain(suggestion: dict[str, Any]) -> dict[str, Any]:
    return {
        "cards": [
            {
                "summary": "s",
                "indicator": "info",
                "source": {"label": "l"},
                "selectionBehavior": "any",
                "suggestions": [suggestion],
            }
        ]
    }


def test_cds_resp_5_an_action_of_a_suggestion_needs_a_description():
    action = {"type": "create", "resource": {"resourceType": "Task"}}

    assert check_response(_plain({"label": "Order", "actions": [action]})) == ("cds-resp-5",)


def test_cds_resp_7_f19_the_selection_of_actions_is_neither_misspelt_nor_sent():
    assert check_response(_plain({"label": "Order", "actionSelectionBehavior": "some"})) == (
        "F19",
        "cds-resp-7",
    )
    assert check_response(_plain({"label": "Order", "actionSelectionBehavior": "all"})) == ("F19",)


def test_e1_an_answer_without_cards_is_named():
    assert check_response({}) == ("E1",)


@pytest.mark.parametrize(
    ("broken", "changes"),
    [
        ((), {"fhirServer": "https://ehr.example", "fhirAuthorization": authorization()}),
        ((), {}),
        (("cds-r-1",), {"fhirAuthorization": authorization()}),
        (
            ("cds-r-2",),
            {
                "fhirServer": "https://ehr.example",
                "fhirAuthorization": authorization(patient=None, scope="launch patient/*.read"),
            },
        ),
    ],
)
def test_cds_r_1_and_2_are_named(broken, changes):
    assert check_request(parse(msgspec.json.encode(hook_request(**changes)))) == broken


def test_d15_neither_the_token_nor_the_patient_shows_when_a_request_is_printed():
    request = parse(
        msgspec.json.encode(hook_request(fhirServer="https://ehr.example", fhirAuthorization=authorization()))
    )

    printed = f"{request!r} {request} {request.fhirAuthorization!r}"

    assert TOKEN not in printed
    assert "pat-1" not in printed
