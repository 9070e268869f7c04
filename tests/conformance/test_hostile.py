"""A service may answer anything: the check goes on to its end, in the time and with the calls it was allowed."""

from __future__ import annotations

import json
from typing import Any

import flask
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_hooks.conformance.caller import Unreachable
from cds_hooks.conformance.ledger import Verdict
from cds_hooks.conformance.run import Plan, check
from cds_hooks.conformance.tokens import Client

from .kit import FREE_PORT, URL, broken, client, session
from .stub import CARD, VIEW, Stub

NAMES = sorted({*CARD, *VIEW, "cards", "services", "systemActions", "actions", "type", "resource", "label", "context"})
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["{{context.patientId}}", "update"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=25,
)


def answering(discovery: Any, answer: Any, status: int = 200) -> flask.Flask:
    app = flask.Flask("hostile")

    @app.route("/cds-services", methods=["GET"])
    def say() -> flask.Response:
        return flask.Response(json.dumps(discovery), mimetype="application/json")

    @app.route("/cds-services/<path:rest>", methods=["POST", "OPTIONS"])
    def call(rest: str) -> flask.Response:
        return flask.Response(json.dumps(answer), status, mimetype="application/json")

    return app


def ours() -> dict[str, Any]:
    """The parts of a plan that cost time once."""
    return {"client": Client(keys=client().keys)}


@settings(max_examples=30)
@given(JSON, JSON, st.dictionaries(st.sampled_from(sorted(VIEW)), JSON, max_size=4))
def test_whatever_json_comes_is_judged_and_not_stumbled_over(
    discovery: Any, answer: Any, entry: dict[str, Any]
) -> None:
    for body in (discovery, {"services": [VIEW | entry, discovery]}, {"services": [VIEW]}):
        report = check(URL, Plan(session=session(answering(body, answer)), max_calls=60, **ours()))

        assert report.calls <= 60
        assert report.as_junit()
        assert json.dumps(report.as_json())


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(sorted(CARD)), JSON, max_size=4), JSON)
def test_whatever_a_card_is_made_of_is_judged(changes: dict[str, Any], action: Any) -> None:
    card = CARD | changes
    suggested = CARD | {"suggestions": [{"label": "x", "actions": [action]}]}
    body = {"cards": [card, suggested], "systemActions": [action]}

    report = check(URL, Plan(session=session(answering({"services": [VIEW]}, body)), **ours()))

    assert "F20" in broken(report) or isinstance(action, dict)


def test_what_a_service_does_not_have_is_not_tried_and_not_passed() -> None:
    bare = {"hook": "patient-view", "id": "greet", "description": "Greets."}
    card = {"summary": "Hello", "indicator": "info", "source": {"label": "Greeter"}}

    report = check(URL, Plan(session=session(answering({"services": [bare]}, {"cards": [card]})), **ours()))

    told = {result.rule.id: (result.verdict, result.reason) for result in report.results}
    assert told["F2"] == (Verdict.PASSED, None)
    assert told["C1"] == (Verdict.NOT_TRIED, "the service declares no prefetch")
    assert told["D11"] == (Verdict.NOT_TRIED, "the service asks for no data")
    assert told["F7"] == (Verdict.NOT_TRIED, "no answer had suggestions")
    assert told["B11"] == (Verdict.NOT_TRIED, "no service declares a hookVersion")
    assert {rule for rule, (verdict, _) in told.items() if verdict is Verdict.PASSED} & {
        "B8",
        "C2",
        "D9",
        "E4",
        "I1",
    } == set()


def test_an_allowance_of_calls_ends_the_check_and_the_rest_is_not_tried() -> None:
    report = check(URL, Plan(session=session(Stub(client()).app()), client=client(), max_calls=6))

    told = {result.rule.id: result for result in report.results}
    assert report.calls == 6
    assert (told["B2"].verdict, told["J7"].verdict) == (Verdict.PASSED, Verdict.NOT_TRIED)
    assert told["J7"].reason == "the allowance of 6 calls is used up"


def test_a_service_that_asks_for_fewer_calls_is_left_alone_and_its_429_is_no_refusal() -> None:
    app = answering({"services": [VIEW]}, {"cards": []}, status=429)

    report = check(URL, Plan(session=session(app), **ours()))

    told = {result.rule.id: result for result in report.results}
    assert report.calls == 4  # discovery thrice, and one call
    assert told["D2"].verdict is Verdict.NOT_TRIED
    assert "asks for fewer calls (429)" in str(told["D2"].reason)


def test_an_allowance_of_time_ends_the_check() -> None:
    report = check(URL, Plan(session=session(Stub(client(), "D16").app()), client=client(), seconds=1.0))

    assert report.calls < 15
    assert {result.reason for result in report.results if result.rule.id == "J7"} == {
        "the allowance of 1 seconds is used up"
    }


def test_an_answer_without_end_is_given_up() -> None:
    app = answering({"services": [VIEW]}, {"cards": []})

    @app.route("/cds-services/advice-view", methods=["POST"], endpoint="endless")
    def endless() -> flask.Response:
        return flask.Response("x" * (6 * 1024 * 1024), mimetype="application/json")

    report = check(URL, Plan(session=session(app), **ours()))

    findings = {found.where: found.what for result in report.results for found in result.findings}
    assert findings["advice-view: all data"] == "answered no answer (ConnectionError)"


def test_a_service_that_trusts_nobody_unknown_is_told_to_need_keys() -> None:
    with pytest.raises(Unreachable, match=r"401; it asks for authentication: give --keys FILE"):
        check(URL, Plan(session=session(Stub(client()).app())))


def test_a_service_that_refuses_good_tokens_is_not_said_to_refuse_bad_ones() -> None:
    stranger = Client(keys=client().keys, issuer="https://stranger.invalid")
    app = Stub(client()).app()
    app.view_functions["discovery"] = lambda: {"services": [VIEW]}

    report = check(URL, Plan(session=session(app), client=stranger, listen=FREE_PORT))

    told = {result.rule.id: result.verdict for result in report.results}
    assert {told[rule] for rule in ("J5", "J6", "J7", "J8", "J12")} == {Verdict.NOT_TRIED}
    assert told["J2"] is Verdict.PASSED
    assert told["J3"] is Verdict.WARNING
