"""The clients' file and the control file: who is offered what, what is off, and errors with their line."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.control import LOOK_SECONDS
from service.knowledge.strict_yaml import KnowledgeError
from service.settings import Settings, WrongSettings
from tests.cds_hooks.tokens import ISS, claims, ec, jwk, jwks, token

from .chart import low_b12

BASE = "https://cds.example/b12"
SERVICE = "/cds-services/b12-patient-view"
REQUEST = low_b12()
CLIENTS = """
issuers:
  - issuer: https://ehr.example
    keys-file: keys.json
    jku: [https://ehr.example/.well-known/jwks.json]
    clients:
      - name: north
        tenants: [north]
        protocol: uk-ng239
        fhir-servers: [https://north.example/fhir]
      - name: south
        tenants: [south]
        protocol: us-aafp
        profile: cds-hooks-3
        rate: 3/minute
        fhir-servers: [https://south.example/fhir]
      - name: quiet
        protocol: uk-ng239
        silent: true
"""


def settings(folder: Path, text: str = CLIENTS, **more: Any) -> Settings:
    (folder / "clients.yaml").write_text(text, encoding="utf-8")
    (folder / "keys.json").write_bytes(jwks(jwk(ec())))
    return Settings(clients=folder / "clients.yaml", base_urls=(BASE,), **more)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def http(folder: Path) -> FlaskClient:
    (folder / "control.yaml").write_text("rules-off: []\n", encoding="utf-8")
    return create_app(settings(folder, control=folder / "control.yaml")).test_client()


def ask(http: FlaskClient, tenant: Any = ..., path: str = SERVICE, body: Any = REQUEST) -> Any:
    given = {"Authorization": f"Bearer {token(claims(path, aud=BASE + path, tenant=tenant))}"}
    return http.get(path, headers=given) if path == "/cds-services" else http.post(path, json=body, headers=given)


def test_each_tenant_is_answered_by_its_own_protocol(http: FlaskClient) -> None:
    def protocol(tenant: str) -> Any:
        answer = ask(http, tenant)
        assert answer.status_code == 200, answer.data
        return answer.json["extension"]["org.b12-cds.assessment"]["protocol"]["id"]

    assert (protocol("north"), protocol("south")) == ("uk-ng239", "us-aafp")


def test_each_profile_is_offered_what_it_can_read(http: FlaskClient) -> None:
    def offered(tenant: str) -> Any:
        (view, *_) = [s for s in ask(http, tenant, "/cds-services").json["services"] if s["id"] == "b12-patient-view"]
        return view

    north, south = offered("north"), offered("south")
    assert "today()" not in json.dumps(north)
    assert south["prefetch"]["bloods"] == north["prefetch"]["bloods"] + "&date=ge{{today() - 730 days}}"
    assert south["prefetch"]["b12"] == north["prefetch"]["b12"]  # an old low B12 still counts
    assert (north["version"], south["version"]) == ("2.0.1", "3.0.0-ballot")
    assert "patient/Observation.read" in north["extension"]["org.b12-cds.scopes"]
    assert "patient/Observation.rs" in south["extension"]["org.b12-cds.scopes"]


def test_a_silent_client_gets_no_card_for_the_patient_that_others_get_cards_for(http: FlaskClient) -> None:
    assert ask(http, "north").json["cards"]
    assert ask(http).data == b'{"cards":[]}'


def test_a_client_beyond_its_rate_waits(folder: Path) -> None:
    hasty = create_app(settings(folder)).test_client()

    assert [ask(hasty, "south").status_code for _ in range(4)] == [200, 200, 200, 429]


def change(folder: Path, text: str) -> None:
    file = folder / "control.yaml"
    file.write_text(text, encoding="utf-8")
    time.sleep(LOOK_SECONDS + 0.05)


def test_a_service_a_rule_and_a_client_are_switched_off_and_on_while_it_runs(
    http: FlaskClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = ask(http, "north").json
    rule = before["extension"]["org.b12-cds.assessment"]["rule"]

    change(folder, "services-off: [b12-patient-view]\n")
    assert ask(http, "north").json == {
        "cards": [],
        "extension": {"org.b12-cds.switched-off": {"service": "b12-patient-view"}},
    }
    change(folder, f"rules-off: [{rule}]\n")
    assert ask(http, "north").json["extension"] == {"org.b12-cds.switched-off": {"rule": rule}}
    change(folder, "silent: [north]\n")
    assert ask(http, "north").data == b'{"cards":[]}'
    with caplog.at_level(logging.ERROR):
        change(folder, "silent: [norht]\n")
        assert ask(http, "north").data == b'{"cards":[]}'  # what was off stays off
    assert "control.yaml:1" in caplog.text
    assert "did you mean north?" in caplog.text
    change(folder, "rules-off: []\n")
    assert ask(http, "north").json == before


def test_a_client_sends_us_to_its_own_fhir_servers_alone(http: FlaskClient) -> None:
    body = {**REQUEST, "prefetch": {}, "fhirServer": "https://south.example/fhir"}
    answer = ask(http, "north", body=body)

    assert answer.status_code == 412
    assert "server not on the allow-list" in answer.json["issue"][0]["diagnostics"]


WRONG = {
    "an unknown key": (CLIENTS.replace("keys-file", "key-file"), 4, "keys-file"),
    "keys from nowhere": (CLIENTS.replace("    keys-file: keys.json\n", ""), 3, "keys"),
    "a file of keys that is not there": (CLIENTS.replace("keys.json", "none.json"), 4, "No such file"),
    "a protocol that is not there": (CLIENTS.replace("us-aafp", "us-aafb"), 13, "us-aafp"),
    "a profile that is not there": (CLIENTS.replace("cds-hooks-3", "cds-hooks-4"), 14, "cds-hooks-3"),
    "a rate that is none": (CLIENTS.replace("3/minute", "fast"), 15, "600/minute"),
    "an address that is none": (CLIENTS.replace("https://north.example", "north.example"), 10, ""),
    "one tenant, two clients": (CLIENTS.replace("[south]", "[north]"), 12, "two clients"),
    "one name, two clients": (CLIENTS.replace("name: south", "name: north"), 11, "stands twice"),
    "HMAC": (CLIENTS.replace("    jku:", "    algorithms: [HS384]\n    jku:"), 5, "ES384"),
    "no signature": (CLIENTS.replace("    jku:", '    algorithms: ["none"]\n    jku:'), 5, "ES384"),
    "no TLS for keys": (CLIENTS.replace("keys-file: keys.json", "keys: http://ehr.example/keys"), 4, "https"),
    "no protocol": (
        CLIENTS.replace("        protocol: uk-ng239\n        silent", "        silent"),
        17,
        "B12_PROTOCOL",
    ),
    "a code map that is not there": (CLIENTS.replace("rate:", "site-codes: none.yaml #"), 1, "none.yaml"),
}


@pytest.mark.parametrize(("text", "line", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_clients_file_is_refused_at_start_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    with pytest.raises(KnowledgeError) as wrong:
        create_app(settings(tmp_path, text.lstrip("\n").join(["\n", ""])))

    assert wrong.value.line == line, wrong.value
    assert said in str(wrong.value)


def test_without_its_clients_or_its_addresses_the_service_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="B12_CLIENTS"):
        create_app(Settings(protocol="uk-ng239"))
    given = settings(tmp_path)
    with pytest.raises(WrongSettings, match="B12_BASE_URLS"):
        create_app(Settings(clients=given.clients))


def test_a_control_file_that_is_wrong_at_start_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "control.yaml").write_text("services-off:\n  - b12-patient-veiw\n", encoding="utf-8")

    with pytest.raises(KnowledgeError, match=r"control\.yaml:2: .*did you mean b12-patient-view"):
        create_app(settings(tmp_path, control=tmp_path / "control.yaml"))


def test_it_is_ready_when_keys_can_be_had_and_alive_when_not(tmp_path: Path, http: FlaskClient) -> None:
    assert (http.get("/healthz").status_code, http.get("/readyz").status_code) == (200, 200)
    gone = CLIENTS.replace("keys-file: keys.json", "keys: http://127.0.0.1:9/keys")
    lost = create_app(settings(tmp_path, gone)).test_client()

    answer = lost.get("/readyz")
    assert (answer.status_code, answer.json["checks"]["keys"]) == (503, "0 of 2 key sets")
    assert lost.get("/healthz").status_code == 200
    for name in ("north", "south", ISS):
        assert name not in answer.get_data(as_text=True)
    assert ask(lost, "north").status_code == 401


def test_the_files_that_the_document_shows_are_good(tmp_path: Path) -> None:
    document = (Path(__file__).parents[2] / "docs" / "going-live.md").read_text(encoding="utf-8")
    clients, control = re.findall(r"```yaml\n(.*?)```", document, re.S)
    (tmp_path / "control.yaml").write_text(control, encoding="utf-8")

    http = create_app(settings(tmp_path, clients, control=tmp_path / "control.yaml")).test_client()

    assert http.get("/healthz").status_code == 200
    named = set(re.findall(r"`(B12_[A-Z_]+)`", document))
    assert {f"B12_{name.upper()}" for name in Settings.model_fields} >= named
