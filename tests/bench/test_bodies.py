"""What the bench sends gets a plan, and what it asks of an answer is enough to notice a wrong one."""

from __future__ import annotations

import json
from datetime import date

import flask.testing
import pytest

from bench.bodies import Size, bodies, queries, without
from bench.client import BARE, SERVICE, Answers, Body, Target, WrongAnswer
from bench.report import RATIO, Figures, Row, told, wrong
from bench.servers import PROTOCOL
from service.app import create_app
from service.settings import Settings

SENT = bodies(3, date.today())
OURS = Target("ours", 1, SERVICE)


@pytest.fixture(scope="module")
def asked() -> flask.testing.FlaskClient:
    return create_app(Settings(protocol=PROTOCOL, authentication="off")).test_client()


def answer(asked: flask.testing.FlaskClient, body: Body) -> bytes:
    given = asked.post(SERVICE, data=body.json, content_type="application/json")
    return f"HTTP/1.1 {given.status}\r\n\r\n".encode() + given.data


def test_every_body_is_answered_with_the_orders_of_its_patient(asked: flask.testing.FlaskClient) -> None:
    answers = Answers()

    for body in SENT:
        answers.check(OURS, body, answer(asked, body))


def test_an_answer_that_was_given_before_is_noticed(asked: flask.testing.FlaskClient) -> None:
    answers, given = Answers(), answer(asked, SENT[0])
    answers.check(OURS, SENT[0], given)

    with pytest.raises(WrongAnswer, match="given twice"):
        answers.check(OURS, SENT[0], given)


def test_the_answer_of_another_patient_is_noticed(asked: flask.testing.FlaskClient) -> None:
    with pytest.raises(WrongAnswer, match="orders"):
        Answers().check(OURS, SENT[1], answer(asked, SENT[0]))


@pytest.mark.parametrize(
    ("target", "given"),
    [
        (OURS, b"HTTP/1.1 500 X\r\n\r\n{}"),
        (Target("bare", 1, BARE), b'HTTP/1.1 200 OK\r\n\r\n{"patient": "another"}'),
    ],
)
def test_what_is_no_answer_is_noticed(target: Target, given: bytes) -> None:
    with pytest.raises(WrongAnswer):
        Answers().check(target, SENT[0], given)


def test_the_payload_is_whole_under_our_keys_and_every_body_is_another() -> None:
    sent = json.loads(SENT[0].json)["prefetch"]

    assert list(sent) == list(queries())
    assert len(sent["b12"]["entry"]) + len(sent["bloods"]["entry"]) == 60
    assert (len(sent["conditions"]["entry"]), len(sent["medicationRequests"]["entry"])) == (20, 15)
    assert len({body.json for body in SENT}) == len({body.hook_instance for body in SENT}) == len(SENT)


def test_a_fallback_request_leaves_six_keys() -> None:
    asked = json.loads(without(SENT[0], "http://127.0.0.1:1/fhir").json)

    assert len(queries()) - len(asked["prefetch"]) == 6


@pytest.mark.parametrize(("ours", "fallback", "bounds"), [(RATIO, 100.0, 0), (RATIO + 0.1, 100.0, 1), (1.0, 250.0, 1)])
def test_a_broken_bound_is_told(ours: float, fallback: float, bounds: int) -> None:
    rows = [Row("ours", [ours] * 2, (1.0, 1.0), 80.0), Row("bare", [1.0] * 2, None, None)]
    figures = Figures(rows, 1, 1, 1.0, [fallback])

    assert len(wrong(figures)) == bounds
    assert f"{ours:.2f} x" in told(figures)


@pytest.mark.parametrize(("size", "least", "most"), [(Size.SMALL, 1_500, 3_000), (Size.LARGE, 1_400_000, 1_600_000)])
def test_bodies_of_other_sizes_are_answered_with_orders_too(
    asked: flask.testing.FlaskClient, size: Size, least: int, most: int
) -> None:
    (body,) = bodies(1, date.today(), size)

    Answers().check(OURS, body, answer(asked, body))
    assert least < len(body.json) < most


def test_no_two_patients_have_the_same_results() -> None:
    values = [
        [e["resource"]["valueQuantity"]["value"] for e in json.loads(body.json)["prefetch"]["bloods"]["entry"]]
        for body in SENT
    ]

    same = sum(one == other for one, other in zip(values[0], values[1], strict=True))
    assert same < len(values[0]) / 3
