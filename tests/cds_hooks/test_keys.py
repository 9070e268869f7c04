"""A client's keys: rotation, outage, and a service that cannot be made to knock (J10, J11, J13)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import flask
import pytest
from joserfc.jwk import OctKey

from cds_hooks.keys import FRESH, RETRY, STALE, KeySource, KeysUnreachable, WrongKeys, key_set
from cds_hooks.keys_from import MAX_BYTES, from_file, from_url
from cds_hooks.outbound import Networks
from tests.cds_hooks.kit import hook_request, serving
from tests.cds_hooks.tokens import Site, ec, header, jwk, jwks, rsa, token


class Door:
    """A client's server of keys, and a clock that is moved by hand."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.now = 1000.0
        self.keys: bytes | None = jwks(*(keys or (jwk(ec(), "old"),)))
        self.knocks = 0
        self.source = KeySource("ehr", self.load, clock=lambda: self.now)

    def load(self) -> bytes:
        self.knocks += 1
        if self.keys is None:
            raise KeysUnreachable("the server answered 500")
        return self.keys


def until(true: Any) -> None:
    end = time.monotonic() + 5
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


def test_j13_keys_are_read_once_and_kept_as_objects() -> None:
    door = Door()

    assert door.source.get("old") is door.source.get("old") is not None
    assert door.knocks == 1


def test_j13_a_new_key_is_found_at_its_first_use() -> None:
    door = Door()
    assert door.source.get("old") is not None
    door.keys = jwks(jwk(ec(), "old"), jwk(ec(number=1), "new"))
    door.now += RETRY

    assert door.source.get("new") is not None
    assert door.source.get("old") is not None


def test_j13_a_key_that_was_taken_back_serves_no_longer_once_keys_are_read_again() -> None:
    door = Door(jwk(ec(), "old"), jwk(ec(number=1), "other"))
    assert door.source.get("old") is not None
    door.keys = jwks(jwk(ec(number=1), "other"))
    door.now += FRESH

    assert door.source.get("old") is not None  # nobody waits: the keys are read beside the call
    until(lambda: door.source.get("old") is None)


def test_j10_unknown_kids_make_no_more_than_one_reading_in_half_a_minute() -> None:
    door = Door()
    for number in range(200):
        assert door.source.get(f"made-up-{number}") is None
    assert door.knocks == 1

    door.now += RETRY
    for number in range(200):
        assert door.source.get(f"made-up-{number}") is None
    assert door.knocks == 2


def test_j10_many_callers_at_once_make_one_reading() -> None:
    door = Door()
    threads = [threading.Thread(target=door.source.get, args=("old",)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert door.knocks == 1


def test_j13_an_outage_is_outlived_for_a_while_and_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    assert door.source.get("old") is not None
    door.keys = None
    door.now += FRESH + 1
    assert door.source.get("old") is not None
    until(lambda: door.knocks == 2)
    assert door.source.is_ready()

    door.now += STALE
    assert door.source.get("old") is None
    assert not door.source.is_ready()
    assert "keys=ehr failed=the server answered 500" in caplog.text


def test_j13_keys_that_come_back_serve_again() -> None:
    door = Door()
    kept, door.keys = door.keys, None
    assert door.source.get("old") is None
    door.keys = kept
    door.now += RETRY

    assert door.source.get("old") is not None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"no",
        b"[]",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [1, null, "x"]}',
        jwks(OctKey.generate_key(256).as_dict() | {"kid": "key-1"}),
        jwks({name: value for name, value in jwk(ec()).items() if name != "kid"}),
        jwks(jwk(ec(), use="enc")),
        jwks(jwk(ec(), key_ops=["sign"])),
        jwks(jwk(rsa(1024))),
        jwks(jwk(ec()), jwk(ec(number=1))),
        jwks({"kty": "EC", "kid": "key-1", "crv": "P-384", "x": "AA", "y": "AA"}),
    ],
    ids=[
        "empty",
        "no JSON",
        "a list",
        "keys no list",
        "no key",
        "no objects",
        "J8 a shared secret",
        "J4 no kid",
        "for encryption",
        "for signing only",
        "a short RSA key",
        "J4 one kid twice",
        "no point of the curve",
    ],
)
def test_j11_keys_that_can_verify_nothing_are_refused(document: bytes) -> None:
    with pytest.raises(WrongKeys):
        key_set(document)


def test_a_private_key_that_was_published_is_not_kept() -> None:
    (key,) = key_set(jwks(ec().as_dict(private=True) | {"kid": "key-1"})).values()

    assert not key.is_private


def test_j11_a_file_that_changes_is_a_rotation(tmp_path: Any) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(jwks(jwk(ec(), "old")))
    now = [0.0]
    source = KeySource("ehr", from_file(file), clock=lambda: now[0])
    assert source.get("old") is not None
    file.write_bytes(jwks(jwk(ec(), "new")))
    now[0] += RETRY

    assert source.get("new") is not None


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, flask.Response]]]:
    answers: dict[str, flask.Response] = {}
    app = flask.Flask("keys")
    app.add_url_rule("/<name>", "keys", lambda name: answers[name])
    with serving(app) as address:
        yield address, answers


def test_j10_keys_are_read_from_a_server(server: tuple[str, dict[str, flask.Response]]) -> None:
    address, answers = server
    answers["keys"] = flask.Response(jwks(jwk(ec())), mimetype="application/json")
    url = f"{address}/keys"

    assert json.loads(from_url(url, Networks(bases=[url]))())["keys"][0]["kid"] == "key-1"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (flask.Response(status=302, headers={"Location": "/other"}), "302"),
        (flask.Response(status=500), "500"),
        (flask.Response(b"x" * (MAX_BYTES + 1)), "more than"),
    ],
)
def test_j10_no_redirect_is_followed_and_no_endless_answer_read(
    server: tuple[str, dict[str, flask.Response]], answer: flask.Response, said: str
) -> None:
    address, answers = server
    answers["keys"], answers["other"] = answer, flask.Response(jwks(jwk(ec())))
    url = f"{address}/keys"

    with pytest.raises(KeysUnreachable, match=said):
        from_url(url, Networks(bases=[url]))()


def test_j1_keys_are_read_over_https_only() -> None:
    with pytest.raises(ValueError, match="https"):
        from_url("http://ehr.example/keys", Networks())


def test_a_client_whose_keys_cannot_be_had_gets_the_same_401() -> None:
    site = Site(keys=b"no")

    assert site.post(hook_request(), token(head=header())).status_code == 401
