"""One line of JSON a call, known by the caller's own name for it; no word of a patient, and no token."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from service import hooks
from service.app import create_app
from service.settings import Settings
from service.watch.logs import JsonLines, Words
from tests.e2e.chart import SEEDED, low_b12
from tests.e2e.running import SERVICE

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app(Settings(protocol="uk-ng239", authentication="off", database="none"))


@contextmanager
def logged(form: type[logging.Formatter] = JsonLines) -> Iterator[list[Any]]:
    """The lines that are written in the block, each decoded where it is JSON."""
    stream, lines = io.StringIO(), list[Any]()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(form())
    root, ours = logging.getLogger(), logging.getLogger("cds_hooks")
    level = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        ours.setLevel(level)
        written = stream.getvalue().splitlines()
        lines.extend(written if form is Words else map(json.loads, written))


def test_a_call_is_one_object_with_what_it_was_and_how_it_ended(app: Flask) -> None:
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12())

    (line,) = lines
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "cds_hooks", "call")
    assert (line["service"], line["kind"], line["status"]) == ("b12-patient-view", "call", 200)
    assert line["cards"] == len(answer.json["cards"])
    assert line["prefetch"]["b12"] == "sent"
    assert 0 < line["ms"] < 60_000
    assert line["call"] == answer.headers["X-Request-ID"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["time"])


def test_a_person_reads_the_same_as_words(app: Flask) -> None:
    with logged(Words) as lines:
        answer = app.test_client().post(SERVICE, json=low_b12())

    (line,) = lines
    assert line.startswith(f"INFO cds_hooks call={answer.headers['X-Request-ID']} service=b12-patient-view status=200 ")


@pytest.mark.parametrize("given", ["3f2a9c1e-4b7d-4e8a-9c55-0d1e2f3a4b5c", TRACE, "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
def test_the_callers_name_of_a_request_is_taken_over_and_answered(app: Flask, given: str) -> None:
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12(), headers={"X-Request-ID": given})

    assert (answer.headers["X-Request-ID"], lines[0]["call"]) == (given, given)


@pytest.mark.parametrize("given", ["Zebedee-Quillfeather", "9434765919", "", "a" * 32 + "\tx", "x" * 36, f"{TRACE} "])
def test_a_name_that_could_be_a_patients_is_not_taken_over(app: Flask, given: str) -> None:
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12(), headers={"X-Request-ID": given})

    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert lines[0]["call"] == answer.headers["X-Request-ID"]


def test_the_callers_trace_is_told_in_the_log_and_answered(app: Flask) -> None:
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12(), headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    assert (lines[0]["trace"], lines[0]["call"], answer.headers["X-Request-ID"]) == (TRACE, TRACE, TRACE)
    found = re.fullmatch(rf"00-{TRACE}-([0-9a-f]{{16}})-01", answer.headers["traceresponse"])
    assert found is not None
    assert found[1] not in (SPAN, "0" * 16)


@pytest.mark.parametrize(
    "given",
    [
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}",
        "Zebedee",
    ],
)
def test_a_trace_that_is_malformed_is_no_trace(app: Flask, given: str) -> None:
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12(), headers={"traceparent": given})

    assert "trace" not in lines[0]
    assert "traceresponse" not in answer.headers


def test_every_answer_has_a_name_health_and_refusals_too(app: Flask) -> None:
    for path in ("/healthz", "/cds-services", "/nowhere"):
        assert re.fullmatch("[0-9a-f]{32}", app.test_client().get(path).headers["X-Request-ID"])


def test_a_fault_is_known_by_the_callers_own_name(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    given = str(uuid4())

    def fails(*_: Any, **__: Any) -> Any:
        raise LookupError("Zebedee Quillfeather")

    monkeypatch.setattr(hooks, "respond", fails)
    with logged() as lines:
        answer = app.test_client().post(SERVICE, json=low_b12(), headers={"X-Request-ID": given})

    assert answer.status_code == 500
    assert given in answer.json["issue"][0]["diagnostics"]
    assert [line["call"] for line in lines] == [given, given]
    assert "LookupError" in lines[0]["message"]
    assert "Quillfeather" not in json.dumps(lines)


@pytest.mark.parametrize("form", [JsonLines, Words])
def test_an_exception_of_anybody_is_told_without_its_words(form: type[logging.Formatter]) -> None:
    """A library that logs an exception would quote what it choked on."""
    with logged(form) as lines:
        try:
            raise ValueError("Zebedee Quillfeather")
        except ValueError:
            logging.getLogger("elsewhere").exception("it failed")

    said = json.dumps(lines)
    assert "it failed" in said
    assert "ValueError at tests.ops.test_logs" in said
    assert "Quillfeather" not in said


def test_no_line_of_a_whole_run_holds_the_patient(app: Flask) -> None:
    bodies: list[Any] = [
        low_b12(),
        low_b12(prefetch={}),
        low_b12(context={"userId": "Practitioner/prac-5512", "patientId": "Quillfeather, Zebedee"}),
        {"hook": "Quillfeather"},
        low_b12(fhirServer="https://pat-7731.example/fhir", prefetch={}),
    ]
    headers = {"X-Request-ID": "NHS-9434765919", "traceparent": "00-Quillfeather"}
    with logged() as lines:
        statuses = {app.test_client().post(SERVICE, json=body, headers=headers).status_code for body in bodies}

    assert statuses == {200, 400, 412}
    assert len(lines) >= len(bodies)
    assert [secret for secret in SEEDED if secret in json.dumps(lines)] == []
