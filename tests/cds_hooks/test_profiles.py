"""Each client by its own ways: profiles, silence, and a rate (1.7 rows 1 and 14; C6, D6, F19)."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import Any

import pytest
from limits import parse
from limits.storage import MemoryStorage, Storage

from cds_hooks.clients import Client
from cds_hooks.gate import Gate, RateLimit
from cds_hooks.invariants import check_response
from cds_hooks.prefetch import Template
from cds_hooks.profile import CDS_HOOKS_3, PROFILES, SANDBOX, STRICT, Profile, scope, to_edition
from cds_hooks.registry import Call, Registry
from cds_hooks.wire import Action, ActionType, Card, Indicator, Response, SelectionBehavior, Source, Suggestion
from tests.cds_hooks.kit import client, hook_request, issue_of, service
from tests.cds_hooks.tokens import CALL, Site, claims, header, token


def asked(body: Any, profile: Profile, *services: Any, **more: Any) -> Any:
    registry = Registry(services or (service(),))
    who = Client(name="ehr", registry=registry, profile=profile, **more)
    return client(*services, gate=Gate(anyone=who)).post(CALL, json=body)


@pytest.mark.parametrize("instance", [..., "no-uuid", ""])
def test_row_1_a_hook_instance_that_is_no_uuid_is_taken_from_a_sandbox_alone(
    instance: Any, caplog: pytest.LogCaptureFixture
) -> None:
    body = hook_request(hookInstance=instance)

    for profile in (STRICT, CDS_HOOKS_3):
        refused = asked(body, profile)
        assert refused.status_code == 400
        assert issue_of(refused)["expression"] == ["hookInstance"]
    with caplog.at_level(logging.WARNING):
        assert asked(body, SANDBOX).status_code == 200
    assert "hookInstance is no UUID" in caplog.text


def test_row_14_a_server_without_tls_is_taken_from_a_sandbox_alone() -> None:
    body = hook_request(fhirServer="http://ehr.example/fhir")

    refused = asked(body, STRICT)
    assert refused.status_code == 400
    assert issue_of(refused)["expression"] == ["fhirServer"]
    assert asked(body, SANDBOX).status_code == 200
    assert asked(hook_request(fhirServer="http://127.0.0.1:8080/fhir"), STRICT).status_code == 200


def test_j4_a_sandbox_may_leave_out_the_type_of_its_token() -> None:
    body, given = hook_request(), lambda: token(claims(), header(typ=...))

    assert Site().post(body, given()).status_code == 401
    assert Site(client={"profile": SANDBOX}).post(body, given()).status_code == 200


def advice(call: Call) -> Response:
    orders = tuple(
        Action(type=ActionType.CREATE, description="One order.", resource={"resourceType": "MedicationRequest"})
        for _ in range(2)
    )
    both = Suggestion(label="Both", uuid="a", actions=orders)
    one = Suggestion(label="One", uuid="b", actions=orders[:1])
    card = Card(
        summary="Two orders",
        indicator=Indicator.INFO,
        source=Source(label="echo"),
        suggestions=(both, one),
        selectionBehavior=SelectionBehavior.ANY,
    )
    return Response(cards=(card,))


def test_f19_that_actions_belong_together_is_said_to_clients_of_3_0_alone() -> None:
    speaking = service(answer=advice)

    def said(profile: Profile) -> Any:
        answer = json.loads(asked(hook_request(), profile, speaking).data)
        assert set(check_response(answer)) <= {"F19"}
        return [s.get("actionSelectionBehavior") for s in answer["cards"][0]["suggestions"]]

    assert said(STRICT) == said(SANDBOX) == [None, None]
    assert said(CDS_HOOKS_3) == ["all", None]


def test_f19_the_invariants_still_refuse_it_to_others() -> None:
    registry = Registry([service(answer=lambda call: to_edition(advice(call), CDS_HOOKS_3))])

    def status(profile: Profile) -> int:
        gate = Gate(anyone=Client(name="ehr", registry=registry, profile=profile))
        return int(client(gate=gate, debug_invariants=True).post(CALL, json=hook_request()).status_code)

    assert (status(STRICT), status(CDS_HOOKS_3)) == (500, 200)


def test_c6_relative_dates_are_a_token_for_clients_that_read_them_and_for_us() -> None:
    url = "Observation?patient={{context.patientId}}&date=ge{{today() - 730 days}}"
    with pytest.raises(ValueError, match=r"2\.0"):
        Template("b12", url)

    template = Template("b12", url, lambda: date(2026, 3, 1))
    told = service(prefetch=(template,), requires=())
    asked_for: list[str] = []

    def fetch(server: str, path: str, given: str | None, deadline: float) -> bytes:
        asked_for.append(path)
        return b'{"resourceType":"Bundle"}'

    body = hook_request(prefetch=..., fhirServer="https://ehr.example/fhir")
    assert client(told, fetch=fetch).post(CALL, json=body).status_code == 200
    assert asked_for == ["Observation?patient=pat-1&date=ge2024-03-01"]
    assert told.discovery()["prefetch"]["b12"] == url


@pytest.mark.parametrize("token_", ["{{today() - 2 years}}", "{{now()}}", "{{today() - x days}}", "{{%patient.id}}"])
def test_c6_no_other_token_is_let_in_with_them(token_: str) -> None:
    with pytest.raises(ValueError, match=r"2\.0"):
        Template("b12", f"Observation?date=ge{token_}", lambda: date(2026, 3, 1))


def test_d6_scopes_are_written_as_the_clients_server_writes_them() -> None:
    assert {name: scope("Observation", profile) for name, profile in PROFILES.items()} == {
        "strict": "patient/Observation.read",
        "sandbox": "patient/Observation.read",
        "cds-hooks-3": "patient/Observation.rs",
    }


def test_a_silent_client_is_evaluated_and_answered_without_cards(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Call] = []

    def noting(call: Call) -> Response:
        calls.append(call)
        return advice(call)

    silent = [True]
    who = {"silent": lambda: silent[0]}
    with caplog.at_level(logging.INFO):
        answer = asked(hook_request(), STRICT, service(answer=noting), **who)

    assert (answer.status_code, answer.data) == (200, b'{"cards":[]}')
    assert len(calls) == 1
    assert "cards=1 silent" in caplog.text
    silent[0] = False
    assert json.loads(asked(hook_request(), STRICT, service(answer=advice), **who).data)["cards"]


def test_a_client_beyond_its_rate_is_told_when_to_come_back_and_others_are_served() -> None:
    registry, rates = Registry([service()]), RateLimit(MemoryStorage())

    def calls(name: str, many: int) -> list[Any]:
        who = Client(name=name, registry=registry, rate=parse("3/minute"))
        http = client(gate=Gate(anyone=who, rates=rates))
        return [http.post(CALL, json=hook_request()) for _ in range(many)]

    answers = calls("busy", 5)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert issue_of(answers[-1])["code"] == "throttled"
    assert [answer.status_code for answer in calls("calm", 3)] == [200, 200, 200]


def test_a_rate_that_cannot_be_counted_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Lost(MemoryStorage):
        def incr(self, *arguments: Any, **more: Any) -> int:
            raise ConnectionError("redis://secret@cache")

    storage: Storage = Lost()
    who = Client(name="ehr", registry=Registry([service()]), rate=parse("1/minute"))
    http = client(gate=Gate(anyone=who, rates=RateLimit(storage)))

    assert http.post(CALL, json=hook_request()).status_code == 200
    assert "rate-limit=ConnectionError" in caplog.text
    assert "secret" not in caplog.text


def test_a_gate_that_knows_nobody_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="authenticated"):
        Gate()
