"""The hooks about orders, refills and new problems over HTTP: what they need, refuse, and hand back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.evaluate import Unusable, evaluate_document
from tests.vignettes import PROTOCOLS, TODAY

from .kit import (
    CYANO_INJECTION,
    LISINOPRIL,
    LOW,
    METFORMIN,
    SCT,
    TABLETS,
    Json,
    Said,
    asked_at,
    draft,
    drafts,
    facts,
    injection,
    posted,
    request,
    service,
    tablets,
)

PERNICIOUS: dict[str, Any] = {"conditions": ["pernicious_anaemia"], "labs": LOW}
STABLE = {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30}
HOOKS = {
    "order-select": {"selections": ["MedicationRequest/request-123"], "draftOrders": drafts(injection())},
    "order-sign": {"draftOrders": drafts(injection())},
    "medication-refill": {"medications": drafts(injection())},
    "problem-list-item-create": {"conditions": drafts()},
}
B12_DEFICIENCY = ("190634004", "Vitamin B12 deficiency anemia")


def problem(code: tuple[str, str] = B12_DEFICIENCY, **changes: Any) -> Json:
    made = {
        "resourceType": "Condition",
        "id": "new-1",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "category": [{"coding": [{"code": "problem-list-item"}]}],
        "code": {"coding": [{"system": SCT, "code": code[0], "display": code[1]}]},
        "subject": {"reference": "Patient/patient-1"},
    } | changes
    return {key: value for key, value in made.items() if value is not ...}


def recorded(protocol: str, patient: Any, *problems: Json) -> Said:
    asked = request("problem-list-item-create", patient, conditions=drafts(*problems))
    return Said(posted(service(protocol), asked))


def refilled(protocol: str, patient: Any, *orders: Json) -> Said:
    return asked_at("medication-refill", protocol, patient, *orders)


def test_each_hook_has_one_service_with_the_same_prefetch() -> None:
    offered = service("uk-ng239").get("/cds-services").get_json()["services"]

    assert [(one["id"], one["hook"]) for one in offered] == [
        ("b12-patient-view", "patient-view"),
        ("b12-order-select", "order-select"),
        ("b12-order-sign", "order-sign"),
        ("b12-problem-list-item-create", "problem-list-item-create"),
        ("b12-medication-refill", "medication-refill"),
    ]
    assert len({json.dumps(one["prefetch"]) for one in offered}) == 1


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_carries_the_assessment(hook: str) -> None:
    answer = posted(service("uk-ng239"), request(hook, facts(**PERNICIOUS), **HOOKS[hook]))

    assert answer["extension"]["org.b12-cds.assessment"]["status"] == "confirmed"


@pytest.mark.parametrize("hook", HOOKS)
def test_without_the_patient_nothing_is_said_to_be_well(hook: str) -> None:
    asked = request(hook, facts(**PERNICIOUS), **HOOKS[hook])
    del asked["prefetch"]["patient"]

    assert "cards" not in posted(service("uk-ng239"), asked, 412)


@pytest.mark.parametrize("hook", HOOKS)
def test_a_context_without_its_orders_is_refused(hook: str) -> None:
    name = next(key for key in HOOKS[hook] if key != "selections")
    asked = request(hook, facts(**PERNICIOUS), **{k: v for k, v in HOOKS[hook].items() if k != name})

    (issue,) = posted(service("uk-ng239"), asked, 400)["issue"]

    assert name in issue["details"]["text"] + issue["diagnostics"]


@pytest.mark.parametrize("hook", HOOKS)
def test_another_patient_s_order_or_problem_is_refused_and_not_repeated(hook: str) -> None:
    name = next(key for key in HOOKS[hook] if key != "selections")
    other = (problem if name == "conditions" else injection)(subject={"reference": "Patient/somebody-else"})
    asked = request(hook, facts(**PERNICIOUS), **(HOOKS[hook] | {name: drafts(other)}))

    answer = posted(service("uk-ng239"), asked, 400)

    assert "cards" not in answer
    assert "somebody-else" not in json.dumps(answer)


@pytest.mark.parametrize("reference", [["Patient/somebody-else"], {"a": "https://ehr.example/Patient/somebody-else"}])
def test_an_order_is_refused_whose_subject_names_another_patient_in_a_shape_of_its_own(reference: Any) -> None:
    asked = request("order-sign", facts(**PERNICIOUS), draftOrders=drafts(injection(subject={"reference": reference})))

    assert "somebody-else" not in json.dumps(posted(service("uk-ng239"), asked, 400))


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("entry", [5, "x"])
def test_a_bundle_that_cannot_be_read_is_refused(hook: str, entry: Any) -> None:
    name = next(key for key in HOOKS[hook] if key != "selections")
    bundle = {"resourceType": "Bundle", "entry": entry}
    asked = request(hook, facts(**PERNICIOUS), **(HOOKS[hook] | {name: bundle}))

    assert "cards" not in posted(service("uk-ng239"), asked, 400)


def test_the_draft_on_the_server_is_the_one_in_the_context() -> None:
    """An EHR that keeps its drafts on its server sends them twice: they are no second order, and no pending one."""
    asked = request("order-sign", facts(**PERNICIOUS), draftOrders=drafts(tablets()))
    asked["prefetch"]["medicationRequests"]["entry"].append({"resource": tablets()})

    said = Said(posted(service("uk-ng239"), asked))

    assert said.kinds == ["route"]
    assert [action["type"] for action in said.actions[0]] == ["delete", "create", "create"]


def test_an_order_that_is_signed_again_changed_is_stopped_not_deleted() -> None:
    active = tablets(status="active")
    asked = request("order-sign", facts(**PERNICIOUS | {"allergies": ["hydroxocobalamin"]}), draftOrders=drafts(active))

    said = Said(posted(service("uk-ng239"), asked))

    assert (said.updated()["id"], said.updated()["status"]) == ("request-123", "stopped")


@pytest.mark.parametrize("protocol", ["uk-ng239", "us-aafp"])
def test_b12_deficiency_put_on_the_problem_list_offers_the_plan(protocol: str) -> None:
    """No result counts: the diagnosis itself decides, and it is in the context, not in the chart."""
    said = recorded(protocol, facts(), problem())

    assert said.answer["extension"]["org.b12-cds.assessment"]["rule"] == "K13"
    assert any(a["resource"]["resourceType"] == "MedicationRequest" for actions in said.actions for a in actions)


def test_pernicious_anaemia_put_on_the_problem_list_decides_the_route() -> None:
    said = recorded("uk-ng239", facts(labs=LOW), problem(("84027009", "Pernicious anemia")))

    assert said.answer["extension"]["org.b12-cds.assessment"]["causes"][0]["mechanism"] == "autoimmune-gastritis"
    assert "hydroxocobalamin" in said.cards[0]["summary"].lower()


@pytest.mark.parametrize(
    "new",
    [
        problem(("44054006", "Type 2 diabetes mellitus")),
        problem(verificationStatus={"coding": [{"code": "entered-in-error"}]}),
        problem(verificationStatus={"coding": [{"code": "refuted"}]}),
    ],
    ids=["diabetes", "in-error", "refuted"],
)
def test_another_problem_makes_no_card(new: Json) -> None:
    assert recorded("uk-ng239", facts(labs=LOW), new).cards == []


def test_a_new_problem_without_an_id_counts_and_no_order_refers_to_it() -> None:
    said = recorded("uk-ng239", facts(), problem(id=...))

    assert said.cards
    made = [a["resource"] for actions in said.actions for a in actions]
    assert [r for order in made for r in order.get("reasonReference", ())] == []


@pytest.mark.parametrize(("protocol", "offered"), [("uk-ng239", "UK"), ("us-aafp", "US")])
def test_a_stable_patient_s_refill_may_become_tablets_in_one_click(protocol: str, offered: str) -> None:
    patient = facts(conditions=["coeliac"], on_b12=STABLE, labs=[["hb", 138, "g/L"]])

    said = refilled(protocol, patient, injection())

    (actions,) = said.actions
    assert said.card["indicator"] == "info"
    assert [action["type"] for action in actions] == ["delete", "update", "create"]
    assert actions[1]["resource"]["status"] == "stopped"
    assert actions[2]["resource"]["dosageInstruction"][0]["route"]["text"] == "Oral"


def test_ng239_keeps_injections_after_autoimmune_gastritis() -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=STABLE, labs=[["hb", 138, "g/L"]])

    assert refilled("uk-ng239", patient, injection()).actions == []


def test_when_the_cause_is_over_a_refill_may_be_the_last() -> None:
    worm = {"name": "diphyllobothriasis", "clinical": "resolved", "days_ago": 900, "ended_days_ago": 200}
    on = {"product": "cyanocobalamin_oral_1mg", "every": [1, "d"], "months": 10}

    said = refilled("uk-ng239", facts(conditions=[worm], on_b12=on, labs=[["hb", 138, "g/L"]]), tablets())

    assert [a["resource"]["status"] for actions in said.actions for a in actions if a["type"] == "update"] == [
        "stopped"
    ]


def test_injections_refilled_too_often_are_put_to_their_usual_interval() -> None:
    often = facts(conditions=["pernicious_anaemia"], on_b12=STABLE | {"every": [1, "mo"]}, labs=[["hb", 138, "g/L"]])

    refill = refilled("uk-ng239", often, injection(every=(1, "mo")))
    on_record = refilled("uk-ng239", often, draft(("hydroxocobalamin", ("http://www.whocc.no/atc", "B03BA03"))))

    assert refill.kinds == ["frequency"]
    assert refill.updated()["id"] == "request-123"
    assert on_record.updated()["id"] == "medicationrequest-1"
    for said in (refill, on_record):
        repeat = said.updated()["dosageInstruction"][0]["timing"]["repeat"]
        assert (repeat["period"], repeat["periodMax"], repeat["periodUnit"]) == (2, 3, "mo")


def test_monitoring_that_is_due_is_asked_for_at_the_refill() -> None:
    on = STABLE | {"months": 6}

    said = refilled("uk-ng239", facts(conditions=["pernicious_anaemia"], on_b12=on), injection())

    assert "Full blood count and film" in [a["resource"]["code"]["text"] for acts in said.actions for a in acts]


def test_a_response_in_doubt_is_said_at_the_refill_as_when_the_chart_is_opened() -> None:
    patient = facts(conditions=["pernicious_anaemia"], on_b12=STABLE, labs=[["hb", 92, "g/L"]])

    said = refilled("uk-ng239", patient, injection())

    assert any("Response in doubt" in card["summary"] for card in said.cards)
    assert len({card["uuid"] for card in said.cards}) == len(said.cards)


def test_the_order_itself_is_refilled_where_the_chart_does_not_hold_it() -> None:
    """An active order that only the context holds is treatment all the same: nobody is offered a first dose."""
    patient = facts(conditions=["pernicious_anaemia"], labs=[["hb", 138, "g/L"]])
    active = injection(status="active", authoredOn="2024-01-05")

    said = refilled("uk-ng239", patient, active)

    assert said.answer["extension"]["org.b12-cds.assessment"]["status"] == "on-treatment"
    assert said.kinds == []


def test_a_refill_of_something_else_says_nothing_of_b12_treatment() -> None:
    patient = facts(conditions=["coeliac"], on_b12=STABLE)

    assert refilled("uk-ng239", patient, draft(LISINOPRIL)).cards == []


def test_a_refill_of_metformin_never_tested_asks_for_a_b12() -> None:
    patient = facts(medicines=[{"name": "metformin", "months": 30}])

    assert refilled("us-aafp", patient, draft(METFORMIN)).kinds == ["untested"]


def test_an_unsafe_refill_is_taken_away() -> None:
    patient = facts(conditions=["leber_hereditary_optic_neuropathy"], labs=LOW)

    for protocol in PROTOCOLS:
        said = refilled(protocol, patient, draft(CYANO_INJECTION))
        assert said.cards[0]["indicator"] == "critical"


def test_the_command_line_reads_such_requests_too() -> None:
    asked = request("order-sign", facts(**PERNICIOUS), draftOrders=drafts(tablets(TABLETS)))

    found = evaluate_document(json.dumps(asked).encode(), protocol="uk-ng239", today=TODAY)

    assert found["status"] == "confirmed"
    assert [card["indicator"] for card in found["cards"]] == ["warning"]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_command_line_says_what_such_a_request_lacks(hook: str) -> None:
    asked = request(hook, facts(**PERNICIOUS))

    with pytest.raises(Unusable, match=r"context\.\w+ is missing"):
        evaluate_document(json.dumps(asked).encode(), protocol="uk-ng239", today=TODAY)
