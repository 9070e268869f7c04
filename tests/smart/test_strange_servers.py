"""Servers that misbehave at sign-in: each is refused for what it did, and none can make the app go elsewhere."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from service.smart.refusals import (
    CodeSpent,
    NoDiscovery,
    NoPatient,
    NoPkce,
    NotIdentified,
    NotKept,
    NoToken,
    OtherPatient,
    Refusal,
    ScopeNotGranted,
    WrongIssuer,
    WrongState,
)
from service.smart.session import NoSession
from service.store.database import opened
from service.store.migrate import upgrade
from service.store.safe import Safe, StoredShelf

from .strangers import CONFIGURATION, FHIR, GRANTED, ISSUER, TOKEN, another_worker, identity, stranger

WELL_KNOWN = f"{FHIR}/.well-known/smart-configuration"
OTHER_KEY = ECKey.generate_key("P-384", {"kid": "one"})


def test_a_good_server_opens_the_patient() -> None:
    with stranger() as there:
        opened = there.open()
        session = there.launches.session(opened.name, opened.id)

    assert (session.patient, session.token, session.user) == ("p1", "secret-token", None)
    assert "secret-token" not in repr(session) + repr(opened)
    assert opened.id not in repr(opened)


@pytest.mark.parametrize(
    "configuration",
    [
        {"authorization_endpoint": None},
        {"token_endpoint": None},
        {"token_endpoint": "http://auth.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user:word@auth.example/authorize"},
        {"token_endpoint": "https://auth.example/../token"},
        {"capabilities": "launch-ehr"},
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(configuration: dict[str, Any]) -> None:
    with stranger(**configuration) as there, pytest.raises(NoDiscovery):
        there.begin()


@pytest.mark.parametrize("methods", [[], ["plain"]])
def test_a_server_that_does_not_know_s256_is_refused(methods: list[str]) -> None:
    with stranger(code_challenge_methods_supported=methods) as there, pytest.raises(NoPkce):
        there.begin()


def test_an_old_server_that_says_nothing_of_pkce_is_sent_a_challenge_all_the_same() -> None:
    with stranger(code_challenge_methods_supported=None) as there:
        assert there.begin()["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404},
        {"status": 302, "headers": {"Location": "https://elsewhere.example/"}},
        {"body": "<html>"},
        {"body": "[" * 100_000},
        {"body": requests.ConnectTimeout()},
        {"body": json.dumps(CONFIGURATION) + " " * (11 * 1024 * 1024)},
    ],
    ids=["missing", "redirect", "no JSON", "deep", "silent", "huge"],
)
def test_a_configuration_that_cannot_be_read_is_refused_and_no_redirect_is_followed(answer: dict[str, Any]) -> None:
    with stranger() as there:
        there.mock.replace(responses.GET, WELL_KNOWN, **answer)
        with pytest.raises(NoDiscovery):
            there.begin()
        assert [call.request.url for call in there.mock.calls] == [WELL_KNOWN]


def test_a_configuration_is_read_once_in_ten_minutes() -> None:
    with stranger() as there:
        there.begin()
        there.begin()
        assert len(there.mock.calls) == 1


def test_the_code_is_exchanged_with_its_verifier_and_no_other_secret_in_the_address() -> None:
    with stranger() as there:
        there.open()
        (sent,) = there.token_requests

    form = {name: values[0] for name, values in parse_qs(str(sent.body)).items()}
    assert sent.url == TOKEN
    assert {name: form[name] for name in ("grant_type", "code", "client_id", "redirect_uri")} == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "client_id": "b12-app",
        "redirect_uri": "https://cds.example/smart/callback",
    }
    assert len(form["code_verifier"]) == 64


def test_a_confidential_app_sends_its_secret_as_basic() -> None:
    with stranger(server={"secret": "s3cret"}) as there:
        there.open()
        (sent,) = there.token_requests

    assert b64decode(sent.headers["Authorization"].removeprefix("Basic ")) == b"b12-app:s3cret"
    assert "s3cret" not in str(sent.body)


def test_an_app_with_a_key_signs_who_it_is_for_this_token_endpoint() -> None:
    key = ECKey.generate_key("P-384", {"kid": "mine"})
    with stranger(server={"key": key}) as there:
        there.open()
        (sent,) = there.token_requests

    form = {name: values[0] for name, values in parse_qs(str(sent.body)).items()}
    proof = jwt.decode(form["client_assertion"], key, algorithms=["ES384"])
    assert proof.header == {"alg": "ES384", "kid": "mine", "typ": "JWT"}
    assert (proof.claims["iss"], proof.claims["sub"], proof.claims["aud"]) == ("b12-app", "b12-app", TOKEN)
    assert proof.claims["exp"] - time.time() <= 300
    assert proof.claims["jti"]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"status": 400, "json": {"error": "invalid_grant"}}, CodeSpent),
        ({"status": 401, "json": {"error": "invalid_client"}}, NoToken),
        ({"status": 500, "body": "down"}, NoToken),
        ({"status": 302, "headers": {"Location": "https://elsewhere.example/"}}, NoToken),
        ({"body": "<html>"}, NoToken),
        ({"body": requests.ConnectionError("https://auth.example/token?secret-token")}, NoToken),
        ({"json": {**GRANTED, "token_type": "mac"}}, NoToken),
        ({"json": {**GRANTED, "access_token": "two words"}}, NoToken),
        ({"json": {**GRANTED, "access_token": 7}}, NoToken),
        ({"json": {**GRANTED, "expires_in": "soon"}}, NoToken),
        ({"json": {**GRANTED, "patient": "../Patient/p2"}}, NoPatient),
        ({"json": {name: value for name, value in GRANTED.items() if name != "patient"}}, NoPatient),
        ({"json": {**GRANTED, "scope": "launch patient/Patient.rs"}}, ScopeNotGranted),
        ({"json": {**GRANTED, "scope": "patient/*.rs?category=laboratory"}}, ScopeNotGranted),
        ({"json": {**GRANTED, "scope": ""}}, ScopeNotGranted),
        ({"json": {**GRANTED, "scope": "openid patient/*.rs"}}, NotIdentified),
        ({"json": {**GRANTED, "appContext": '{"patient": "p2"}'}}, OtherPatient),
    ],
)
def test_a_token_endpoint_that_errs_is_refused_without_its_words(
    answer: dict[str, Any], refusal: type[Refusal]
) -> None:
    with stranger() as there:
        begun = there.begin()
        there.mock.replace(responses.POST, TOKEN, **answer)
        with pytest.raises(refusal) as caught:
            there.finish(begun)

    assert type(caught.value) is refusal
    assert "secret" not in f"{caught.value}{caught.value.detail}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_token_endpoint_that_redirects_is_not_followed_with_the_code() -> None:
    elsewhere = "https://elsewhere.example/token"
    with stranger() as there:
        begun = there.begin()
        there.mock.replace(responses.POST, TOKEN, status=307, headers={"Location": elsewhere})
        there.mock.post(elsewhere, json=GRANTED)
        with pytest.raises(NoToken):
            there.finish(begun)

        assert elsewhere not in [call.request.url for call in there.mock.calls]


@pytest.mark.parametrize("context", ["no JSON", '{"patient": 7}', '["p1"]', "{" * 5000])
def test_an_app_context_that_is_not_ours_is_left_alone(context: str) -> None:
    with stranger() as there:
        opened = there.open(appContext=context)
        assert there.launches.session(opened.name, opened.id).app_context == {}


def test_a_token_that_does_not_say_how_long_it_lives_is_used_for_five_minutes() -> None:
    with stranger() as there:
        opened = there.open(expires_in=None)
        left = there.launches.session(opened.name, opened.id).expires - datetime.now(UTC)

    assert timedelta(minutes=4) < left <= timedelta(minutes=5)


def test_a_session_ends_after_eight_hours_however_long_its_token_lives() -> None:
    with stranger() as there:
        opened = there.open(expires_in=12 * 3600)
        there.launches._clock = lambda: datetime.now(UTC) + timedelta(hours=7, minutes=59)
        assert there.launches.session(opened.name, opened.id).patient == "p1"
        there.launches._clock = lambda: datetime.now(UTC) + timedelta(hours=8, seconds=1)
        with pytest.raises(NoSession):
            there.launches.session(opened.name, opened.id)


def test_further_references_in_context_are_handed_on() -> None:
    with stranger() as there:
        opened = there.open(fhirContext=[{"reference": "Encounter/e1"}, {"canonical": "x"}])
        assert there.launches.session(opened.name, opened.id).fhir_context == ("Encounter/e1",)


def test_who_signed_in_is_known_from_a_signed_identity_token() -> None:
    with stranger() as there:
        begun = there.begin()
        there.grants(scope="openid fhirUser patient/*.rs", id_token=identity(begun["nonce"]))
        opened = there.finish(begun)
        assert there.launches.session(opened.name, opened.id).user == "Practitioner/d1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-app"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 120},
        {"iat": int(time.time()) + 3600},
        {"sub": None},
        {"key": OTHER_KEY},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_identity_token_that_is_not_for_this_app_and_launch_is_refused(wrong: dict[str, Any]) -> None:
    with stranger() as there:
        begun = there.begin()
        there.grants(scope="openid patient/*.rs", id_token=identity(begun["nonce"], **wrong))
        with pytest.raises(NotIdentified):
            there.finish(begun)


def test_an_identity_token_that_is_signed_with_a_shared_secret_or_by_nobody_is_refused() -> None:
    with stranger() as there:
        for token in (
            jwt.encode({"alg": "HS256"}, {"iss": ISSUER}, OctKey.import_key("b12-app-secret-of-32-characters!")),
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2F1dGguZXhhbXBsZSJ9.",
            "no token",
        ):
            begun = there.begin()
            there.grants(scope="openid patient/*.rs", id_token=token)
            with pytest.raises(NotIdentified):
                there.finish(begun)


def test_a_user_of_another_server_is_nobody() -> None:
    with stranger() as there:
        begun = there.begin()
        foreign = identity(begun["nonce"], fhirUser="https://evil.example/fhir/Practitioner/d1")
        there.grants(scope="openid fhirUser patient/*.rs", id_token=foreign)
        opened = there.finish(begun)
        assert there.launches.session(opened.name, opened.id).user is None


def test_an_answer_that_names_another_issuer_is_refused_before_the_code_is_sent() -> None:
    with stranger() as there:
        begun = there.begin()
        with pytest.raises(WrongIssuer):
            there.finish(begun, iss="https://evil.example")
        assert there.token_requests == []


def opened_for_two_minutes(there: Any) -> Any:
    opened = there.open(expires_in=120, refresh_token="secret-refresh")
    there.launches._clock = lambda: datetime.now(UTC) + timedelta(seconds=90)
    return opened


def test_a_renewed_token_takes_the_old_ones_place_and_the_refresh_token_is_kept() -> None:
    with stranger() as there:
        opened = opened_for_two_minutes(there)
        there.grants(access_token="second-token")

        session = there.launches.session(opened.name, opened.id)

        assert (session.token, session.patient) == ("second-token", "p1")
        assert parse_qs(str(there.token_requests[-1].body))["refresh_token"] == ["secret-refresh"]
        assert there.launches.session(opened.name, opened.id).token == "second-token"


def test_a_renewal_for_another_patient_ends_the_session() -> None:
    with stranger() as there:
        opened = opened_for_two_minutes(there)
        there.grants(access_token="second-token", patient="p2")
        with pytest.raises(OtherPatient):
            there.launches.session(opened.name, opened.id)
        with pytest.raises(NoSession):
            there.launches.session(opened.name, opened.id)


def test_a_renewal_never_widens_what_was_granted() -> None:
    with stranger() as there:
        opened = opened_for_two_minutes(there)
        there.grants(access_token="second-token", scope="patient/*.rs patient/*.cruds")
        assert there.launches.session(opened.name, opened.id).scopes == {"patient/*.rs"}


def test_a_renewal_that_fails_uses_up_what_is_left_and_then_ends() -> None:
    with stranger() as there:
        opened = opened_for_two_minutes(there)
        there.mock.replace(responses.POST, TOKEN, status=400, json={"error": "invalid_grant"})

        assert there.launches.session(opened.name, opened.id).token == "secret-token"
        there.launches._clock = lambda: datetime.now(UTC) + timedelta(seconds=121)
        with pytest.raises(NoSession):
            there.launches.session(opened.name, opened.id)


def test_a_launch_that_began_in_one_worker_ends_in_another(tmp_path: Path) -> None:
    database = opened(str(tmp_path / "state.sqlite3"))
    upgrade(database)
    with stranger() as one:
        one.launches._safe = Safe(StoredShelf(database))
        other = another_worker(one, Safe(StoredShelf(database)))

        began = one.begin()
        found = other.finish(began)

        assert one.launches.session(found.name, found.id).patient == "p1"
        with pytest.raises(WrongState):
            one.finish(began)
    database.close()


def test_a_database_that_does_not_answer_is_said(tmp_path: Path) -> None:
    database = opened(str(tmp_path / "state.sqlite3"))
    with stranger() as there:
        there.launches._safe = Safe(StoredShelf(database))  # without its tables
        with pytest.raises(NotKept):
            there.begin()
        with pytest.raises(NotKept):
            there.launches.session("a" * 22, "b" * 43)
    database.close()
