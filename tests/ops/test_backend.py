"""Where a call brings no token we ask for one of our own: signed, kept, for its server alone; keys can be changed."""

from __future__ import annotations

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import responses
from click.testing import CliRunner
from flask import Flask
from joserfc import jwt
from joserfc.jwk import KeySet
from sekmet.config import SmartClient

from cds_hooks.outbound import Networks
from cds_hooks.prefetch import FetchFailed
from service.app import create_app
from service.backend import keys as own
from service.backend import tokens
from service.backend.access import OwnTokens, backend
from service.backend.keys import OwnKeys, WrongKeyFile
from service.backend.tokens import ASSERTION_TYPE, TokenSource
from service.cli import main
from service.knowledge.strict_yaml import KnowledgeError
from service.settings import Settings
from tests.e2e.chart import low_b12
from tests.e2e.running import ROOT, SERVICE

from .guarded_ehr import guarded_ehr

FHIR = "https://ehr.example/fhir"
TOKEN_URL = "https://auth.example/token"
GIVEN = {"access_token": "given-token-1", "token_type": "Bearer", "expires_in": 300}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one ES384 key."""
    own.write(tmp_path / "own.json", [own.made("ES384")])
    return tmp_path / "own.json"


@pytest.fixture
def keys(file: Path) -> OwnKeys:
    read = OwnKeys(file)
    read.start()
    return read


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def source(keys: OwnKeys, **more: Any) -> TokenSource:
    usual: dict[str, Any] = {
        "fhir_server": FHIR,
        "client_id": "b12-cds",
        "scopes": ("system/Observation.rs", "system/Patient.rs"),
        "keys": keys,
        "networks": Networks(["0.0.0.0/0"]),
        "token_url": TOKEN_URL,
    }
    return TokenSource(**(usual | more))


def soon() -> float:
    return time.monotonic() + 5


def form(call: responses.Call) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(str(call.request.body)))


# What is sent


@responses.activate
def test_the_assertion_is_what_backend_services_asks_for(keys: OwnKeys) -> None:
    responses.post(TOKEN_URL, json=GIVEN)

    assert source(keys).token(soon()) == "given-token-1"

    sent = form(responses.calls[0])
    assert sent["grant_type"] == "client_credentials"
    assert sent["scope"] == "system/Observation.rs system/Patient.rs"
    assert sent["client_assertion_type"] == ASSERTION_TYPE
    public = KeySet.import_key_set(keys.published())
    read = jwt.decode(sent["client_assertion"], public, algorithms=["ES384"])
    assert read.header == {"alg": "ES384", "kid": keys.published()["keys"][0]["kid"], "typ": "JWT"}
    assert (read.claims["iss"], read.claims["sub"], read.claims["aud"]) == ("b12-cds", "b12-cds", TOKEN_URL)
    assert 0 < read.claims["exp"] - time.time() <= 300
    assert len(read.claims["jti"]) >= 32
    assert "Authorization" not in responses.calls[0].request.headers


@responses.activate
def test_no_assertion_is_used_twice(keys: OwnKeys) -> None:
    clock = Clock()
    responses.post(TOKEN_URL, json=GIVEN)
    mine = source(keys, clock=clock)
    for _ in range(3):
        mine.token(soon())
        clock.now += 300
    assert len({form(call)["client_assertion"] for call in responses.calls}) == 3


@responses.activate
def test_the_token_endpoint_is_what_the_server_says_and_is_remembered(keys: OwnKeys) -> None:
    clock = Clock()
    told = responses.get(f"{FHIR}/.well-known/smart-configuration", json={"token_endpoint": TOKEN_URL})
    responses.post(TOKEN_URL, json=GIVEN)
    mine = source(keys, token_url=None, clock=clock)

    mine.token(soon())
    clock.now += 300
    mine.token(soon())
    assert told.call_count == 1


@responses.activate
@pytest.mark.parametrize("named", ["http://auth.example/token", "auth.example", "ftp://auth.example/token"])
def test_an_assertion_goes_over_https_alone(keys: OwnKeys, named: str) -> None:
    responses.get(f"{FHIR}/.well-known/smart-configuration", json={"token_endpoint": named})

    with pytest.raises(FetchFailed, match="token endpoint"):
        source(keys, token_url=None).token(soon())
    assert len(responses.calls) == 1


# How long it is kept


@responses.activate
@pytest.mark.parametrize(("lasts", "used"), [(300, 270), (40, 20), (None, 30)])
def test_a_token_is_used_until_shortly_before_its_end(keys: OwnKeys, lasts: int | None, used: float) -> None:
    clock = Clock()
    asked = responses.post(TOKEN_URL, json={**GIVEN, "expires_in": lasts})
    mine = source(keys, clock=clock)

    mine.token(soon())
    clock.now += used - 1
    mine.token(soon())
    assert asked.call_count == 1
    clock.now += 2
    mine.token(soon())
    assert asked.call_count == 2


@responses.activate
def test_many_calls_at_once_ask_once(keys: OwnKeys) -> None:
    entered = threading.Event()

    def slowly(_: Any) -> tuple[int, dict[str, str], str]:
        entered.set()
        time.sleep(0.2)
        return 200, {}, json.dumps(GIVEN)

    responses.add_callback("POST", TOKEN_URL, slowly)
    mine = source(keys)
    with ThreadPoolExecutor(16) as pool:
        got = list(pool.map(lambda _: mine.token(soon()), range(16)))

    assert set(got) == {"given-token-1"}
    assert len(responses.calls) == 1


@responses.activate
def test_who_has_no_time_left_does_not_wait_for_anothers_request(keys: OwnKeys) -> None:
    held = threading.Event()

    def slowly(_: Any) -> tuple[int, dict[str, str], str]:
        held.set()
        time.sleep(0.5)
        return 200, {}, json.dumps(GIVEN)

    responses.add_callback("POST", TOKEN_URL, slowly)
    mine = source(keys)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(mine.token, soon())
        assert held.wait(5)
        with pytest.raises(FetchFailed, match="in time"):
            mine.token(time.monotonic() + 0.05)
        assert first.result() == "given-token-1"


# What is refused

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown client": ({"status": 401, "json": {"error": "invalid_client"}}, "answered 401"),
    "scopes that are not ours": ({"status": 400, "json": {"error": "invalid_scope"}}, "answered 400"),
    "another type of token": ({"json": {**GIVEN, "token_type": "mac"}}, "no bearer token"),
    "a token with a line break": ({"json": {**GIVEN, "access_token": "a\r\nX: y"}}, "no bearer token"),
    "no token": ({"json": {"token_type": "Bearer"}}, "cannot be read"),
    "no JSON": ({"body": "<html>"}, "cannot be read"),
    "far too much": ({"body": "[" * 1_000_000}, "cannot be read"),
    "a redirection": ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, "answered 302"),
    "nothing at all": ({"body": ConnectionError("auth.example")}, "cannot be reached"),
}


@responses.activate
@pytest.mark.parametrize(("answer", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_token_is_told_without_what_was_said(
    keys: OwnKeys, answer: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    responses.post(TOKEN_URL, **answer)

    with pytest.raises(FetchFailed) as failed:
        source(keys).token(soon())
    assert failed.value.why.startswith("no access token: ")
    assert said in failed.value.why
    assert "given-token" not in caplog.text
    assert "eyJ" not in caplog.text
    assert "server=ehr.example" in caplog.text


@responses.activate
def test_a_server_that_gives_no_token_is_left_in_peace_for_a_moment(keys: OwnKeys) -> None:
    clock = Clock()
    refuses = responses.post(TOKEN_URL, status=503)
    mine = source(keys, clock=clock)
    for _ in range(5):
        with pytest.raises(FetchFailed):
            mine.token(soon())
    assert refuses.call_count == 1

    responses.replace("POST", TOKEN_URL, json=GIVEN)
    clock.now += tokens.RETRY + 1
    assert mine.token(soon()) == "given-token-1"


def test_a_private_address_that_nobody_listed_is_not_connected_to(keys: OwnKeys) -> None:
    with pytest.raises(FetchFailed, match="cannot be reached"):
        source(keys, token_url="https://10.1.2.3/token", networks=Networks()).token(soon())


# Whose token goes where


class Fetched:
    """A `Fetch` that keeps what it was asked for, and refuses some tokens."""

    def __init__(self, *refuses: str) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self._refuses = refuses

    def __call__(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        self.asked.append((server, token))
        if token in self._refuses:
            raise FetchFailed("the FHIR server refused the access token (401)")
        return b"{}"


def written(folder: Path, text: str) -> Path:
    (folder / "backend.yaml").write_text(text, encoding="utf-8")
    return folder / "backend.yaml"


BACKEND = f"""keys-file: own.json
servers:
  - fhir-server: {FHIR}
    client-id: b12-cds
    token-url: {TOKEN_URL}
"""


def known(file: Path, text: str = BACKEND) -> Any:
    return backend(
        written(file.parent, text),
        allowed=["https://ehr.example", "https://other.example/fhir"],
        types=["Patient", "Observation"],
        private_networks=["0.0.0.0/0"],
    )


@responses.activate
def test_our_token_goes_to_its_server_and_to_no_other(file: Path) -> None:
    responses.post(TOKEN_URL, json=GIVEN)
    fetched = Fetched()
    fetch = OwnTokens(fetched, known(file))
    for server in (
        FHIR,
        f"{FHIR}/tenant",
        "https://other.example/fhir",
        "https://ehr.example/fhir2",
        "https://ehr.example",
    ):
        fetch(server, "Patient/1", None, soon())

    assert fetched.asked == [
        (FHIR, "given-token-1"),
        (f"{FHIR}/tenant", "given-token-1"),
        ("https://other.example/fhir", None),
        ("https://ehr.example/fhir2", None),
        ("https://ehr.example", None),
    ]


@responses.activate
def test_a_call_that_brings_a_token_is_answered_with_that_one(file: Path) -> None:
    """The user's own permission is narrower than ours, and must stay so."""
    fetched = Fetched("the-users-token")
    with pytest.raises(FetchFailed, match="401"):
        OwnTokens(fetched, known(file))(FHIR, "Patient/1", "the-users-token", soon())

    assert fetched.asked == [(FHIR, "the-users-token")]
    assert len(responses.calls) == 0


@responses.activate
def test_a_token_that_was_taken_back_is_asked_for_anew_once(file: Path) -> None:
    responses.post(TOKEN_URL, json=GIVEN)
    responses.post(TOKEN_URL, json={**GIVEN, "access_token": "given-token-2"})
    fetched = Fetched("given-token-1")
    fetch = OwnTokens(fetched, known(file))

    assert fetch(FHIR, "Patient/1", None, soon()) == b"{}"
    assert fetched.asked == [(FHIR, "given-token-1"), (FHIR, "given-token-2")]

    hopeless = Fetched("given-token-1", "given-token-2")
    with pytest.raises(FetchFailed, match="401"):
        OwnTokens(hopeless, known(file))(FHIR, "Patient/1", None, soon())
    assert len(hopeless.asked) == 2


@responses.activate
def test_scopes_are_those_of_what_is_read_and_no_more(file: Path) -> None:
    responses.post(TOKEN_URL, json=GIVEN)
    OwnTokens(Fetched(), known(file))(FHIR, "Patient/1", None, soon())

    assert form(responses.calls[0])["scope"] == "system/Observation.rs system/Patient.rs"


WRONG = {
    "no keys": (BACKEND.replace("own.json", "none.json"), 1, "cannot be read"),
    "a server that may not be called": (BACKEND.replace(FHIR, "https://foreign.example/fhir"), 3, "list it"),
    "a token over http": (BACKEND.replace(TOKEN_URL, "http://auth.example/token"), 5, "https"),
    "a key of another kind": (f"{BACKEND}    algorithm: RS384\n", 6, "there is no key for RS384"),
    "a shared secret": (f"{BACKEND}    algorithm: HS384\n", 6, "ES384"),
    "a scope of users": (f"{BACKEND}    scopes: [user/Patient.rs]\n", 6, "pattern"),
    "no client": (BACKEND.replace("    client-id: b12-cds\n", ""), 3, "client-id"),
}


@pytest.mark.parametrize(("text", "line", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_at_start_with_its_line(file: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(KnowledgeError) as wrong:
        known(file, text)

    assert wrong.value.line == line, wrong.value
    assert said in str(wrong.value)


# A real server


def registered(file: Path, base: str, **more: Any) -> Flask:
    text = f"keys-file: {file.name}\nservers:\n  - {{fhir-server: {base}, client-id: b12-cds}}\n"
    return create_app(
        Settings(
            protocol="uk-ng239",
            authentication="off",
            database="none",
            fhir_servers=(base,),
            fetch_seconds=20,
            backend_services=written(file.parent, text),
            **more,
        )
    )


def view(app: Flask, base: str, **more: Any) -> Any:
    return app.test_client().post(SERVICE, json=low_b12(prefetch={}, fhirServer=base, **more))


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_real_server_gives_us_a_token_and_the_patient(tmp_path: Path, algorithm: str) -> None:
    made = CliRunner().invoke(main, ["keys", "new", str(tmp_path / "own.json"), "--algorithm", algorithm])
    assert made.exit_code == 0, made.output
    mine = OwnKeys(tmp_path / "own.json")
    mine.start()
    with guarded_ehr(SmartClient(client_id="b12-cds", jwks=mine.published(), scopes="system/*.rs")) as (base, asked):
        app = registered(tmp_path / "own.json", base)
        answers = [view(app, base) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [200] * 3
        assert all(answer.json["cards"] for answer in answers)
        assert asked.tokens == 1
        assert len(set(asked.queries)) == 1
        assert asked.queries[0].startswith("Bearer ")

        # The call's own token is used where there is one, though it opens nothing.
        access = {
            "access_token": "of-the-user",
            "token_type": "Bearer",
            "expires_in": 60,
            "scope": "patient/*.read",
            "subject": "x",
        }
        asked.queries.clear()
        assert view(app, base, fhirAuthorization=access).status_code == 412
        assert set(asked.queries) == {"Bearer of-the-user"}


def test_a_server_that_does_not_know_our_key_costs_the_data_and_no_more(file: Path) -> None:
    stranger = OwnKeys(file.with_name("other.json"))
    own.write(stranger.file, [own.made("ES384")])
    stranger.start()
    with guarded_ehr(SmartClient(client_id="b12-cds", jwks=stranger.published())) as (base, _):
        answer = view(registered(file, base), base)

    assert answer.status_code == 412
    assert "no access token: the authorization server answered 401" in answer.json["issue"][0]["diagnostics"]


def test_keys_are_changed_while_it_runs_and_no_call_is_lost(file: Path) -> None:
    """Make a second key; once servers have read it, sign by it; take the first away."""

    def run(*arguments: str) -> str:
        told = CliRunner().invoke(main, ["keys", *arguments])
        assert told.exit_code == 0, told.output
        return told.output

    (first,) = [entry["kid"] for entry in own.read(file)]
    # The server is told our keys as they are published, and learns of a second one before it signs.
    client = SmartClient(client_id="b12-cds", jwks={"keys": []}, scopes="system/*.rs")
    with guarded_ehr(client, lifetime=2) as (base, asked):
        app = registered(file, base)

        def published() -> list[str]:
            told = app.test_client().get("/.well-known/jwks.json")
            assert told.headers["Cache-Control"] == "max-age=300"
            assert not {name for key in told.json["keys"] for name in key} & {"d", "p", "q", "dp", "dq", "qi", "k"}
            assert client.jwks is not None
            client.jwks["keys"] = told.json["keys"]
            return [key["kid"] for key in told.json["keys"]]

        def called() -> int:
            time.sleep(1.1)  # so that a new token is needed
            return int(view(app, base).status_code)

        assert published() == [first]
        assert called() == 200
        assert "published" in run("new", str(file))
        second = next(kid for kid in published() if kid != first)
        assert (published(), called()) == ([first, second], 200)
        run("promote", str(file), second)
        assert (published(), called()) == ([second, first], 200)
        run("retire", str(file), first)
        assert (published(), called()) == ([second], 200)
        assert asked.tokens == 4


def test_without_the_setting_no_keys_are_published() -> None:
    app = create_app(Settings(protocol="uk-ng239", authentication="off", database="none"))

    assert app.test_client().get("/.well-known/jwks.json").status_code == 404


def test_the_file_that_the_document_shows_is_good(file: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "backend-services.md").read_text("utf-8"), re.S)
    read = backend(
        written(file.parent, shown), allowed=["https://ehr.example/fhir", "https://other.example"], types=["Patient"]
    )

    assert [source.client_id for _, source in read.sources] == ["b12-cds", "7d1f0b1e"]


def test_every_command_that_the_document_shows_works(file: Path) -> None:
    """With the key that it speaks of where it says KID."""
    text = (ROOT / "docs" / "backend-services.md").read_text("utf-8")
    lines = [line.partition("#")[0] for line in re.findall(r"^\$ b12-cds (.*)$", text, re.M)]
    assert [line.split()[1] for line in lines] == ["new", "new", "list", "promote", "retire"]
    file.unlink()
    for line in lines:
        kid = {"promote": -1, "retire": -1}.get(line.split()[1])
        words = [str(file) if word == "own.json" else word for word in line.split()]
        words = [own.read(file)[kid or 0]["kid"] if word == "KID" else word for word in words]
        told = CliRunner().invoke(main, words)
        assert told.exit_code == 0, (line, told.output)
    assert len(own.read(file)) == 1


# The file of keys


def test_a_key_file_is_for_our_eyes_alone(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_key_that_signs_is_not_retired(file: Path) -> None:
    (kid,) = [entry["kid"] for entry in own.read(file)]
    told = CliRunner().invoke(main, ["keys", "retire", str(file), kid])

    assert told.exit_code == 1
    assert "promote another one first" in told.output
    assert len(own.read(file)) == 1


def test_a_change_that_is_wrong_changes_nothing(keys: OwnKeys, caplog: pytest.LogCaptureFixture) -> None:
    before = keys.published()
    keys.file.write_text("{", encoding="utf-8")

    assert keys.published() == before
    assert "is not a JWK set" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"keys": []}', "holds no key"),
        ('{"keys": [{"kty": "EC", "kid": "a"}]}', "no private key"),
        ('{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA", "alg": "HS384", "d": ""}]}', "no private key"),
        ('{"keys": [{"kty": "EC", "alg": "ES384", "d": "x"}]}', "a kid of its own"),
        (
            '{"keys": [{"kty": "EC", "kid": "a", "alg": "ES384", "d": "x", "x": "y", "y": "z"}]}',
            "cannot be read as a key",
        ),
        ("[]", "not a JWK set"),
    ],
)
def test_a_file_that_holds_no_keys_of_ours_is_refused_without_a_word_of_it(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "own.json").write_text(text, encoding="utf-8")
    with pytest.raises(WrongKeyFile, match=said):
        OwnKeys(tmp_path / "own.json").start()
