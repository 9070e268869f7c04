"""Feedback in every legal shape is read, and a wrong shape is refused by the name of its element (H1-H8)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import flask.testing
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_hooks.errors import MalformedRequest, Unavailable
from cds_hooks.feedback import MAX_ITEMS, Feedback, Outcome, Reason, read_feedback

from .kit import client, issue_of

URL = "/cds-services/echo-view/feedback"
AT = "2026-11-22T10:30:00Z"
ACCEPTED = {"card": "card-1", "outcome": "accepted", "outcomeTimestamp": AT, "acceptedSuggestions": [{"id": "s-1"}]}
REFUSED = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}
OVERRIDDEN = {"card": "card-1", "outcome": "overridden", "outcomeTimestamp": AT}


class Kept:
    """What a service keeps of feedback."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, tuple[Feedback, ...], str]] = []

    def __call__(self, service: str, items: tuple[Feedback, ...], client: str) -> None:
        self.taken.append((service, items, client))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def http(kept: Kept) -> flask.testing.FlaskClient:
    return client(take_feedback=kept)


def read(*items: Any) -> tuple[Feedback, ...]:
    return read_feedback(json.dumps({"feedback": items}).encode())


def element(body: Any) -> str:
    with pytest.raises(MalformedRequest) as refused:
        read_feedback(body if isinstance(body, bytes) else json.dumps(body).encode())
    return refused.value.expression[0] if refused.value.expression else str(refused.value)


def test_h1_feedback_is_taken_and_acknowledged(http: flask.testing.FlaskClient, kept: Kept) -> None:
    answer = http.post(URL, json={"feedback": [ACCEPTED, OVERRIDDEN]})

    assert (answer.status_code, answer.get_json()) == (200, {"received": 2})
    ((service, items, caller),) = kept.taken
    assert (service, [item.outcome for item in items], caller) == (
        "echo-view",
        [Outcome.ACCEPTED, Outcome.OVERRIDDEN],
        "anyone",
    )


def test_h2_one_post_holds_several_items_on_several_cards_or_none() -> None:
    assert [item.card for item in read(ACCEPTED, {**OVERRIDDEN, "card": "card-2"}, OVERRIDDEN)] == [
        "card-1",
        "card-2",
        "card-1",
    ]
    assert read() == ()


def test_h3_h4_an_accepted_card_names_its_suggestions() -> None:
    taken = {**ACCEPTED, "acceptedSuggestions": [{"id": "s-1"}, {"id": "s-2"}, {"id": "s-1"}]}

    (item,) = read(taken)
    assert item == Feedback(
        card="card-1",
        outcome=Outcome.ACCEPTED,
        at=datetime(2026, 11, 22, 10, 30, tzinfo=UTC),
        suggestions=("s-1", "s-2"),
    )


def test_h5_an_override_holds_a_reason_a_comment_or_both() -> None:
    told = read(
        {**OVERRIDDEN, "overrideReason": {"reason": REFUSED}},
        {**OVERRIDDEN, "overrideReason": {"userComment": "not today"}},
        {**OVERRIDDEN, "overrideReason": {"reason": {**REFUSED, "display": "Patient refuses"}, "userComment": "no"}},
    )

    assert [(item.reason and item.reason.code, item.comment) for item in told] == [
        ("patient-refuses", None),
        (None, "not today"),
        ("patient-refuses", "no"),
    ]


def test_h6_an_override_without_any_reason_is_legal_however_late() -> None:
    (item,) = read({**OVERRIDDEN, "outcomeTimestamp": "2019-01-01T00:00:00Z"})

    assert (item.reason, item.comment, item.at.year) == (None, None, 2019)


def test_the_reference_clients_reason_without_display_is_read() -> None:
    (item,) = read({**OVERRIDDEN, "overrideReason": {"reason": REFUSED}})

    assert item.reason == Reason(**REFUSED)


def test_members_that_are_not_known_are_passed_over_and_null_is_absent() -> None:
    (item,) = read({**OVERRIDDEN, "overrideReason": None, "acceptedSuggestions": None, "extension": {"a": [1]}, "x": 1})

    assert item == read(OVERRIDDEN)[0]


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T10:30:00Z",
        "2026-11-22T10:30:00.000Z",
        "2026-11-22T11:30:00+01:00",
        "2026-11-22T03:00:00.000000000-07:30",
        "2026-11-22t10:30:00z",
    ],
)
def test_a_moment_is_the_same_however_rfc_3339_writes_it(written: str) -> None:
    (item,) = read({**OVERRIDDEN, "outcomeTimestamp": written})

    assert item.at == datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    assert item.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"card": ...}, "card"),
        ({"card": ""}, "card"),
        ({"card": 7}, "card"),
        ({"card": "a\0b"}, "card"),
        ({"card": "c" * 257}, "card"),
        ({"outcome": ...}, "outcome"),
        ({"outcome": "ignored"}, "outcome"),
        ({"outcomeTimestamp": ...}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-11-22"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-11-22T10:30:00"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": "2026-02-30T10:30:00Z"}, "outcomeTimestamp"),
        ({"outcomeTimestamp": 1795343400}, "outcomeTimestamp"),
        ({"acceptedSuggestions": ...}, "acceptedSuggestions"),
        ({"acceptedSuggestions": []}, "acceptedSuggestions"),
        ({"acceptedSuggestions": "s-1"}, "acceptedSuggestions"),
        ({"acceptedSuggestions": [{"uuid": "s-1"}]}, "acceptedSuggestions[0].id"),
        ({"acceptedSuggestions": [{"id": "s-1"}, {"id": 2}]}, "acceptedSuggestions[1].id"),
        ({"outcome": "overridden", "overrideReason": {}}, "overrideReason"),
        ({"outcome": "overridden", "overrideReason": "no"}, "overrideReason"),
        ({"outcome": "overridden", "overrideReason": {"reason": "no"}}, "overrideReason.reason"),
        ({"outcome": "overridden", "overrideReason": {"reason": {"code": "x"}}}, "overrideReason.reason.system"),
        ({"outcome": "overridden", "overrideReason": {"reason": {"system": "x"}}}, "overrideReason.reason.code"),
        ({"outcome": "overridden", "overrideReason": {"userComment": 3}}, "overrideReason.userComment"),
    ],
)
def test_h3_h4_h5_what_is_missing_or_wrong_is_named(change: dict[str, Any], named: str) -> None:
    wrong = {name: value for name, value in (ACCEPTED | change).items() if value is not ...}

    assert element({"feedback": [OVERRIDDEN, wrong]}) == f"feedback[1].{named}"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "feedback"),
        ({"feedback": {}}, "feedback"),
        ({"feedback": [ACCEPTED, "card"]}, "feedback[1]"),
        ([], "feedback"),
        ({"feedback": [OVERRIDDEN] * (MAX_ITEMS + 1)}, "feedback"),
        (b"", "The body is not JSON."),
        (b"\xff\xfe", "The body is not JSON."),
        (b'{"feedback":[{"card":' + b"[" * 100_000, "The body is not JSON."),
    ],
)
def test_h2_a_body_that_is_no_feedback_is_refused(body: Any, named: str) -> None:
    assert element(body) == named


def test_a_refusal_is_a_400_that_names_the_element_and_nothing_of_the_post_is_kept(
    http: flask.testing.FlaskClient, kept: Kept
) -> None:
    answer = http.post(URL, json={"feedback": [ACCEPTED, {**ACCEPTED, "outcome": "ignored by Beatrix"}]})

    assert answer.status_code == 400
    assert issue_of(answer)["expression"] == ["feedback[1].outcome"]
    assert b"Beatrix" not in answer.data
    assert kept.taken == []


def test_a_comment_of_any_length_is_kept_as_a_database_can_hold_it() -> None:
    (item,) = read({**OVERRIDDEN, "overrideReason": {"userComment": "a\0" + "b" * 10_000}})

    assert item.comment is not None
    assert (len(item.comment), "\0" in item.comment) == (4000, False)


def test_feedback_that_cannot_be_kept_is_not_acknowledged(http: flask.testing.FlaskClient) -> None:
    def away(service: str, items: tuple[Feedback, ...], caller: str) -> None:
        raise Unavailable("The feedback cannot be kept now.")

    def broken(service: str, items: tuple[Feedback, ...], caller: str) -> None:
        raise RuntimeError("Beatrix")

    assert client(take_feedback=away).post(URL, json={"feedback": [ACCEPTED]}).status_code == 503
    failed = client(take_feedback=broken).post(URL, json={"feedback": [ACCEPTED]})
    assert (failed.status_code, b"Beatrix" in failed.data) == (500, False)


def test_feedback_is_posted_to_a_service_that_exists(http: flask.testing.FlaskClient) -> None:
    assert http.get(URL).status_code == 405
    assert http.options(URL).status_code == 204
    assert http.post("/cds-services/nobody/feedback", json={"feedback": []}).status_code == 404
    assert http.post(URL, data=b"{}", content_type="text/plain").status_code == 415


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(item=st.fixed_dictionaries({}, optional=dict.fromkeys((*ACCEPTED, "overrideReason", "other"), JSON)))
def test_whatever_is_sent_is_read_or_refused_by_name(item: dict[str, Any]) -> None:
    try:
        named = read(item)[0].card
    except MalformedRequest as refused:
        named = refused.expression[0].removeprefix("feedback[0].")
    assert named
