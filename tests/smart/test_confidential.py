"""The app registered with a secret or with a key, against an authorization server that asks for it."""

from __future__ import annotations

import pytest
from joserfc.jwk import ECKey, KeySet, RSAKey

from service.sandbox.auth import CLIENT
from service.sandbox.auth_grants import App
from service.smart.servers import Key, Server

from .kit import house, launched, text

ANNA = "anna-autoimmune"


def app(secret: str | None = None, key: Key | None = None) -> App:
    keys = KeySet.import_key_set({"keys": [key.as_dict(private=False)]}) if key is not None else None
    return App(id=CLIENT, name="B12 plan", redirect="", launch="", secret=secret, keys=keys)


def ours(secret: str | None = None, key: Key | None = None) -> Server:
    return Server(fhir="", name="Demo EHR", client_id=CLIENT, secret=secret, key=key)


def ec() -> Key:
    return ECKey.generate_key("P-384", {"kid": "k1"})


def rsa() -> Key:
    return RSAKey.generate_key(2048, {"kid": "k1"})


def test_an_app_with_the_right_secret_is_opened_and_its_token_renewed(fhir: str) -> None:
    with house(fhir, apps=(app("right"),), own=(ours("right"),)) as there:
        browser, page = launched(there, ANNA)
        assert browser.allow(page).json()["patient"] == ANNA


@pytest.mark.parametrize("make", [ec, rsa])
def test_an_app_with_the_right_key_is_opened(fhir: str, make: object) -> None:
    key = make()  # type: ignore[operator]
    with house(fhir, apps=(app(key=key),), own=(ours(key=key),)) as there:
        browser, page = launched(there, ANNA)
        assert browser.allow(page).json()["patient"] == ANNA


def test_an_app_without_its_secret_with_a_wrong_one_or_with_another_key_is_refused(fhir: str) -> None:
    key = ec()
    for registered, used in (
        (app("right"), ours("wrong")),
        (app("right"), ours()),
        (app(key=key), ours()),
        (app(key=key), ours(key=ec())),
        (app(), ours("any")),
    ):
        with house(fhir, apps=(registered,), own=(used,)) as there:
            browser, page = launched(there, ANNA)
            answer = browser.allow(page)
            assert (answer.status_code, "For support: NoToken" in text(answer)) == (502, True)
            assert "invalid_client" in text(answer)


def test_the_apps_public_keys_are_published_without_their_private_part(fhir: str) -> None:
    key = ec()
    with house(fhir, apps=(app(key=key),), own=(ours(key=key),)) as there:
        (published,) = there.app.test_client().get("/smart/jwks.json").json["keys"]  # type: ignore[index]

    assert published["kid"] == "k1"
    assert "d" not in published
