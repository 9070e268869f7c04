"""Calls over HTTP: sections A, D and E of the checklist, and every refusal in FHIR."""

import gc
import io
import json
import logging
import weakref
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import flask
import pytest
from werkzeug.test import EnvironBuilder

from cds_hooks import trace
from cds_hooks.registry import Call
from cds_hooks.trace import finish_waiting
from cds_hooks.wire import Action, ActionType, Card, Indicator, Response, Source, Suggestion
from tests.cds_hooks.kit import (
    HOOK_INSTANCE,
    PATIENT,
    TOKEN,
    FhirServer,
    authorization,
    bundle,
    client,
    everything,
    hook_request,
    issue_of,
    service,
    serving,
)
from tests.cds_hooks.test_completion import get

URL = "/cds-services/echo-view"


def post(body: Any, **options: Any) -> Any:
    return client(**options).post(URL, json=body)


def test_d1_e1_a_call_is_answered_with_cards():
    answer = post(hook_request())

    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.data) == {
        "cards": [
            {
                "summary": "patient=sent:1 b12=sent:1 conditions=none:0 allergies=none:0",
                "indicator": "info",
                "source": {"label": "echo"},
            }
        ]
    }


def test_e3_no_advice_is_200_and_an_empty_list():
    silent = service(answer=lambda call: Response(cards=()))

    answer = client(silent).post(URL, json=hook_request())

    assert (answer.status_code, answer.data) == (200, b'{"cards":[]}')


def test_f6_f22_a_draft_order_arrives_inside_its_card():
    def advise(call: Call) -> Response:
        order = {"resourceType": "MedicationRequest", "subject": {"reference": f"Patient/{call.context.patientId}"}}
        action = Action(type=ActionType.CREATE, description="Order B12", resource=order)
        return Response(
            cards=(
                Card(
                    summary="Start B12",
                    indicator=Indicator.WARNING,
                    source=Source(label="Guideline"),
                    suggestions=(Suggestion(label="Order", actions=(action,)),),
                ),
            )
        )

    answer = client(service(answer=advise)).post(URL, json=hook_request())

    (card,) = json.loads(answer.data)["cards"]
    assert card["suggestions"][0]["actions"][0]["resource"]["subject"] == {"reference": "Patient/pat-1"}


def test_d9_d12_a_call_without_prefetch_is_completed_from_the_fhir_server(fhir: FhirServer):
    fhir.answers = {"Patient": PATIENT, "Observation": bundle(), "Condition": bundle()}

    answer = post(hook_request(prefetch=..., fhirServer=fhir.base), fetch=get)

    assert answer.status_code == 200
    assert "patient=fetched:1 b12=none:0 conditions=none:0 allergies=failed:0" in answer.text


def test_d7_a_related_person_may_be_the_user():
    context = {"userId": "RelatedPerson/rel-1", "patientId": "pat-1"}

    assert post(hook_request(context=context)).status_code == 200


@pytest.mark.parametrize("extension", [{}, {"org.example": {"deep": [1, {"x": None}]}}])
def test_d19_i1_i3_an_unknown_extension_is_tolerated(extension):
    assert post(hook_request(extension=extension, unknown=[1])).status_code == 200


@pytest.mark.parametrize(
    ("case", "status", "changes", "expression"),
    [
        ("D2 another hook", 400, {"hook": "order-sign"}, ["hook"]),
        ("D2 no hook", 400, {"hook": ...}, ["hook"]),
        ("D3 no instance", 400, {"hookInstance": ...}, ["hookInstance"]),
        ("D3 no UUID", 400, {"hookInstance": "42"}, ["hookInstance"]),
        ("D3 a number", 400, {"hookInstance": 42}, ["hookInstance"]),
        ("D3 braces", 400, {"hookInstance": f"{{{HOOK_INSTANCE}}}"}, ["hookInstance"]),
        ("D4 cds-r-1", 400, {"fhirAuthorization": authorization()}, ["fhirServer"]),
        ("D4 no URL", 400, {"fhirServer": "ehr.example"}, ["fhirServer"]),
        ("D4 credentials", 400, {"fhirServer": "https://me:pw@ehr.example"}, ["fhirServer"]),
        ("D4 another scheme", 400, {"fhirServer": "file:///etc/passwd"}, ["fhirServer"]),
        (
            "D5 no token",
            400,
            {"fhirServer": "https://ehr.example", "fhirAuthorization": {"token_type": "Bearer"}},
            ["fhirAuthorization.access_token"],
        ),
        (
            "D5 a token that smuggles a header",
            400,
            {
                "fhirServer": "https://ehr.example",
                "fhirAuthorization": authorization(access_token=f"{TOKEN}\r\nX: y"),
            },
            ["fhirAuthorization.access_token"],
        ),
        (
            "D5 another kind of token",
            400,
            {"fhirServer": "https://ehr.example", "fhirAuthorization": authorization(token_type="mac")},
            ["fhirAuthorization.token_type"],
        ),
        ("D7 no context", 400, {"context": ...}, ["context"]),
        ("D7 no patient", 400, {"context": {"userId": "Patient/1"}}, ["context.patientId"]),
        (
            "row 15 a token for another patient",
            400,
            {"fhirServer": "https://ehr.example", "fhirAuthorization": authorization(patient="pat-2")},
            ["fhirAuthorization.patient", "context.patientId"],
        ),
        (
            "row 15 another patient",
            400,
            {"prefetch": everything() | {"patient": PATIENT | {"id": "pat-2"}}},
            ["prefetch.patient", "context.patientId"],
        ),
        ("D8 an array", 400, {"prefetch": []}, ["prefetch"]),
        ("D8 HealthChain's raw Bundle", 400, {"prefetch": bundle(PATIENT)}, ["prefetch"]),
        ("D8 a string", 400, {"prefetch": everything() | {"b12": "none"}}, ["prefetch.b12"]),
        ("I1 no object", 400, {"extension": [1]}, ["extension"]),
        ("D11 E4 E6", 412, {"prefetch": {"b12": bundle()}}, ["prefetch.patient"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_names_the_element_and_not_its_value(case, status, changes, expression):
    answer = post(hook_request(**changes))

    assert answer.status_code == status
    assert issue_of(answer)["expression"] == expression
    assert TOKEN not in answer.text
    assert "pat-2" not in answer.text


def test_d11_e6_the_412_names_the_missing_key_in_its_diagnostics():
    issue = issue_of(post(hook_request(prefetch={"b12": bundle()})))

    assert issue["code"] == "processing"
    assert issue["diagnostics"] == "Required prefetch: patient (not sent; the request names no fhirServer)."


def test_d3_a_uuid_may_be_in_capitals():
    assert post(hook_request(hookInstance=HOOK_INSTANCE.upper())).status_code == 200


DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("body", "diagnostics"),
    [
        (b"", "The body is not JSON."),
        (b'{"hook":', "The body is not JSON."),
        (b'{"hook":"patient-view",}', "The body is not JSON."),
        (b"[]", "The body is missing or has the wrong type."),
        (b"null", "The body is missing or has the wrong type."),
        (b'{"hook":"\xff"}', "The body is not UTF-8."),
        ('{"hook":"patient-view"}'.encode("utf-16"), "The body is not UTF-8."),
        (b'{"prefetch":{"b12":' + DEEP + b"}}", "The body is nested too deep."),
        (b'{"context":' + DEEP + b"}", "The body is nested too deep."),
        (b'{"unknown":' + DEEP + b"}", "The body is nested too deep."),
        (b'{"hook":"patient-view","hookInstance":7}', "hookInstance is missing or has the wrong type."),
    ],
)
def test_a1_a_body_that_is_not_a_request_is_a_400(body, diagnostics):
    answer = client().post(URL, data=body, content_type="application/json")

    assert answer.status_code == 400
    assert issue_of(answer)["diagnostics"] == diagnostics


def test_a1_bytes_that_are_not_utf_8_are_found_in_what_stays_undecoded():
    body = json.dumps(hook_request()).encode().replace(b'"female"', b'"\xff"')

    answer = client().post(URL, data=body, content_type="application/json")

    assert issue_of(answer)["diagnostics"] == "The body is not UTF-8."


def test_a1_a_byte_order_mark_is_overlooked():
    body = b"\xef\xbb\xbf" + json.dumps(hook_request()).encode()

    assert client().post(URL, data=body, content_type="application/json").status_code == 200


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/fhir+json", "Application/JSON"])
def test_a1_json_may_be_declared_in_several_ways(kind):
    assert client().post(URL, data=json.dumps(hook_request()), content_type=kind).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_a1_a_body_that_is_not_plain_json_is_a_415(headers):
    answer = client().post(URL, data=json.dumps(hook_request()), headers=headers)

    assert answer.status_code == 415
    assert issue_of(answer)["code"] == "not-supported"


def test_a_body_over_the_limit_is_a_413():
    answer = post(hook_request(), max_body=100)

    assert answer.status_code == 413
    assert issue_of(answer)["diagnostics"] == "At most 100 bytes are read."


def test_row_3_an_unknown_service_is_a_404():
    answer = client().post("/cds-services/other", json=hook_request())

    assert answer.status_code == 404
    assert issue_of(answer)["code"] == "not-found"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_d1_another_method_is_a_405(method):
    answer = client().open(URL, method=method, json=hook_request())

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert issue_of(answer)["code"] == "not-supported"


@pytest.mark.parametrize("service_id", ["echo-view", "other"])
def test_feedback_is_not_taken_yet(service_id):
    answer = client().post(f"/cds-services/{service_id}/feedback", json={"feedback": []})

    assert answer.status_code == 404
    assert issue_of(answer)["code"] == "not-found"


@pytest.mark.parametrize("path", ["/cds-services", URL, f"{URL}/feedback"])
def test_1_10_a_browser_may_ask_first_on_each_of_three_routes(path):
    answer = client(cors_origins=["https://sandbox.cds-hooks.org"]).options(
        path,
        headers={
            "Origin": "https://sandbox.cds-hooks.org",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://sandbox.cds-hooks.org"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origins", [[], ["https://sandbox.cds-hooks.org"]])
def test_another_origin_is_not_let_in(origins):
    answer = client(cors_origins=origins).options(
        URL, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_browser_may_read_a_refusal_too():
    answer = client(cors_origins=["https://ehr.example"]).post(
        URL, json=hook_request(hook="order-sign"), headers={"Origin": "https://ehr.example"}
    )

    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] == "https://ehr.example"


def broken(call: Call) -> Response:
    raise LookupError(f"Patient/{call.context.patientId} Beatrix {call.request.fhirAuthorization}")


def test_e5_e6_a_fault_is_a_500_with_a_correlation_id_and_never_an_empty_list(caplog):
    with caplog.at_level(logging.INFO):
        answer = client(service(answer=broken)).post(URL, json=hook_request())

    assert answer.status_code == 500
    issue = issue_of(answer)
    assert issue["code"] == "exception"
    correlation_id = issue["diagnostics"].removeprefix("Correlation id: ")
    fault, line = caplog.messages
    assert fault.startswith(f"call={correlation_id} fault=LookupError at=")
    assert "tests.cds_hooks.test_calls:" in fault
    assert line.startswith(f"call={correlation_id} service=echo-view status=500 ")
    for record in (caplog.text, answer.text):
        assert "Beatrix" not in record
        assert "pat-1" not in record


@pytest.mark.parametrize(
    "answered",
    [None, Response(cards=(object(),))],  # type: ignore[arg-type]
    ids=["nothing", "what is no card"],
)
def test_e6_an_answer_that_is_none_is_a_500(answered):
    answer = client(service(answer=lambda call: answered)).post(URL, json=hook_request())

    assert answer.status_code == 500


def test_in_debug_an_answer_that_breaks_an_invariant_is_a_500(caplog):
    long = Card(summary="x" * 140, indicator=Indicator.INFO, source=Source(label="l"))
    wrong = service(answer=lambda call: Response(cards=(long,)))

    assert client(wrong).post(URL, json=hook_request()).status_code == 200
    assert client(wrong, debug_invariants=True).post(URL, json=hook_request()).status_code == 500
    assert "breaks=F2" in caplog.text


@pytest.mark.parametrize("prefetch", [everything(), {}, bundle(PATIENT)], ids=["200", "412", "400"])
def test_d15_one_line_is_logged_and_holds_neither_token_nor_patient(caplog, fhir: FhirServer, prefetch):
    caplog.set_level(logging.DEBUG)

    answer = post(hook_request(prefetch=prefetch, fhirServer=fhir.base, fhirAuthorization=authorization()), fetch=get)

    (line,) = [record.getMessage() for record in caplog.records if record.name == "cds_hooks"]
    assert f"service=echo-view status={answer.status_code}" in line
    assert TOKEN not in caplog.text
    assert "pat-1" not in line
    assert "Beatrix" not in line


@pytest.mark.parametrize(
    ("prefetch", "told"),
    [
        (everything(), "prefetch=patient:sent,b12:sent,conditions:none,allergies:none"),
        ({}, "prefetch=patient:failed,b12:failed,conditions:failed,allergies:failed"),
    ],
)
def test_the_line_tells_the_state_of_each_key(caplog, prefetch, told):
    caplog.set_level(logging.INFO)

    post(hook_request(prefetch=prefetch))

    assert caplog.messages[-1].endswith(told)


def test_a_service_id_that_was_made_up_is_not_logged(caplog):
    caplog.set_level(logging.INFO)

    client().post("/cds-services/pat-1-Beatrix", json=hook_request())

    assert "service=unknown status=404" in caplog.messages[-1]
    assert "Beatrix" not in caplog.messages[-1]


def test_the_steps_are_timed():
    timing = post(hook_request()).headers["Server-Timing"]

    assert [step.partition(";")[0] for step in timing.split(", ")] == ["receive", "complete", "answer", "total"]


@pytest.mark.parametrize(
    ("path", "method", "headers", "status"),
    [
        ("/cds-services/other", "POST", {"Content-Type": "application/json"}, 404),
        (URL, "PUT", {"Content-Type": "application/json"}, 405),
        (URL, "POST", {"Content-Type": "text/plain"}, 415),
        (URL, "POST", {"Content-Type": "application/json"}, 413),
        (f"{URL}/feedback", "POST", {"Content-Type": "application/json"}, 404),
        ("/cds-services", "POST", {"Content-Type": "application/json"}, 405),
    ],
)
def test_a_connection_outlives_a_refusal_that_did_not_need_the_body(path, method, headers, status):
    app: flask.Flask = client(max_body=50_000).application

    # Not with requests, which would quietly open another connection.
    with serving(app) as address, closing(HTTPConnection(address.removeprefix("http://"))) as connection:
        connection.request(method, path, b"x" * 90_000, headers)
        refused = connection.getresponse()
        refused.read()
        connection.request("POST", URL, json.dumps(hook_request()), {"Content-Type": "application/json"})
        again = connection.getresponse()

        assert (refused.status, again.status) == (status, 200)


@pytest.mark.parametrize(("limit", "status"), [(1000, 413), (5000, 200)])
def test_a_body_of_undeclared_length_is_read_to_its_end_or_to_the_limit(limit, status):
    answer = client(max_body=limit).post(
        URL,
        input_stream=io.BytesIO(json.dumps(hook_request()).encode() + b" " * 2000),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "", "wsgi.input_terminated": True},
    )

    assert answer.status_code == status


def test_a_body_that_breaks_off_is_a_400():
    answer = client().post(
        URL,
        input_stream=io.BytesIO(b'{"hook":'),
        content_type="application/json",
        environ_overrides={"CONTENT_LENGTH": "100"},
    )

    assert answer.status_code == 400
    assert issue_of(answer)["diagnostics"] == "The body broke off."


def test_a_line_is_written_once_and_only_when_the_answer_is_out(caplog):
    caplog.set_level(logging.INFO)
    answer = client().post(URL, json=hook_request(), buffered=False)
    unsent = caplog.messages.copy()

    answer.close()
    answer.close()
    finish_waiting()

    assert unsent == []
    assert len(caplog.messages) == 1


def test_a_process_that_ends_writes_the_lines_that_wait(caplog):
    caplog.set_level(logging.INFO)
    answers = [client().post(URL, json=hook_request(), buffered=False) for _ in range(2)]

    finish_waiting()

    assert [line.count("status=200") for line in caplog.messages] == [1, 1]
    for answer in answers:
        answer.close()
    assert len(caplog.messages) == 2


def test_what_a_call_was_read_from_is_freed_when_its_answer_is_out():
    class Read:
        """Something that a service made for one call."""

    gone: list[weakref.ref[Read]] = []

    def keeping(call: Call) -> Response:
        made = Read()
        gone.append(weakref.ref(made))
        call.keep(made)
        call.later(lambda: call.elapsed() and None)
        return Response(cards=())

    application = client(service(answer=keeping)).application
    gc.disable()
    try:
        environ = EnvironBuilder(URL, method="POST", json=hook_request()).get_environ()
        answer = application.wsgi_app(environ, lambda *_: None)
        held = gone[0]() is not None
        answer.close()
        del answer, environ

        assert held
        assert gone[0]() is None
    finally:
        gc.enable()


def test_a_server_that_never_says_that_an_answer_is_out_has_its_line_written_when_it_lets_the_answer_go(caplog):
    caplog.set_level(logging.INFO)
    application = client().application.wsgi_app
    environ = EnvironBuilder(URL, method="POST", json=hook_request()).get_environ()

    answer = application(environ, lambda *_: None)
    sent, unsent = b"".join(answer), caplog.messages.copy()
    del answer

    assert json.loads(sent)["cards"]
    assert unsent == []
    assert [line.count("status=200") for line in caplog.messages] == [1]


def test_where_no_server_says_that_an_answer_is_out_only_the_newest_calls_wait(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(trace, "_MOST_WAITING", 2)
    answers = [client().post(URL, json=hook_request(), buffered=False) for _ in range(5)]

    assert len(caplog.messages) == 3
    for answer in answers:
        answer.close()
    assert len(caplog.messages) == 5


def test_what_a_service_leaves_for_later_is_done_when_the_answer_is_out_and_costs_no_line(caplog):
    caplog.set_level(logging.INFO)
    done: list[str] = []

    def fails() -> None:
        raise RuntimeError("Beatrix")

    def leaving(call: Call) -> Response:
        call.later(fails)
        call.later(lambda: done.append("done"))
        return Response(cards=())

    answer = client(service(answer=leaving)).post(URL, json=hook_request(), buffered=False)
    before = done.copy()
    answer.close()

    assert (answer.status_code, before, done) == (200, [], ["done"])
    assert "fault=RuntimeError" in caplog.messages[0]
    assert "status=200" in caplog.messages[1]
    assert "Beatrix" not in caplog.text
