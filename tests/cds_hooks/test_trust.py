"""Who may call: section J of the checklist, each row by its id, and every way in which a token can be wrong."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest

from cds_hooks.clients import Client
from cds_hooks.keys import KeySource
from cds_hooks.registry import Registry
from cds_hooks.replay import GuardUnavailable, MemoryReplayGuard
from cds_hooks.trust import ANY_TENANT, Issuer, Verifier
from tests.cds_hooks.kit import hook_request, issue_of, service
from tests.cds_hooks.tokens import (
    BASE,
    CALL,
    ISS,
    JKU,
    KID,
    Site,
    claims,
    ec,
    forged,
    header,
    jwk,
    jwks,
    part,
    rsa,
    token,
)


def now() -> int:
    """Read when a test runs, not when it is collected: a run takes minutes."""
    return int(time.time())


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lambda: token(), id="ES384"),
        pytest.param(lambda: token(head=header(alg="RS384", kid="key-2"), key=rsa()), id="RS384"),
        pytest.param(lambda: token(head=header(jku=JKU)), id="jku on the list"),
        pytest.param(lambda: token(claims(aud=["https://other.example", BASE + CALL])), id="J5 aud as a list"),
        pytest.param(lambda: token(claims(aud=f"{BASE}{CALL}/")), id="one trailing slash"),
        pytest.param(lambda: token(claims(aud="https://CDS.example:443/b12" + CALL)), id="the same address"),
        pytest.param(lambda: token(claims(nbf=now() - 5, sub="someone", extra={"a": 1})), id="nbf, sub, more claims"),
        pytest.param(lambda: token(claims(iat=now() - 200, exp=now() - 30)), id="expired within the leeway"),
        pytest.param(lambda: token(claims(iat=now() + 30, nbf=now() + 30)), id="a clock ahead within the leeway"),
        pytest.param(lambda: token(head=header(x5t="abc")), id="more in the header"),
    ],
)
def test_j3_j5_j9_a_sound_token_is_answered(site: Site, given: Any) -> None:
    answer = site.post(hook_request(), given())

    assert answer.status_code == 200, answer.data
    assert json.loads(answer.data)["cards"]


WRONG: dict[str, tuple[str, Any]] = {
    "J3 no token": ("no-token", lambda: None),
    "J3 not a token": ("no-token", lambda: "abc"),
    "J3 four parts": ("no-token", lambda: token() + ".x"),
    "J3 characters that no token has": ("no-token", lambda: token() + "=="),
    "J4 a header that is no JSON": ("malformed-header", lambda: f"{part(b'no')}.{part(claims())}.{part(b'x')}"),
    "J4 a header without alg": ("malformed-header", lambda: forged({"kid": KID}, claims(), b"x")),
    "J4 no kid": ("no-kid", lambda: token(head=header(kid=...))),
    "J4 a kid that nobody has": ("kid", lambda: token(head=header(kid="key-9"))),
    "J4 no typ": ("type", lambda: token(head=header(typ=...))),
    "J4 another typ": ("type", lambda: token(head=header(typ="at+jwt"))),
    "J4 a crit header": ("critical-extension", lambda: token(head=header(crit=["b64"], b64=True))),
    "J5 claims that are no JSON": ("malformed-claims", lambda: f"{part(header())}.{part(b'no')}.{part(b'x')}"),
    "J5 no iss": ("malformed-claims", lambda: token(claims(iss=...))),
    "J5 no aud": ("malformed-claims", lambda: token(claims(aud=...))),
    "J5 no exp": ("malformed-claims", lambda: token(claims(exp=...))),
    "J5 no iat": ("malformed-claims", lambda: token(claims(iat=...))),
    "J5 no jti": ("malformed-claims", lambda: token(claims(jti=...))),
    "J5 an empty jti": ("jti", lambda: token(claims(jti=""))),
    "J5 a jti that is too long": ("jti", lambda: token(claims(jti="x" * 257))),
    "J5 a jti that cannot be printed": ("jti", lambda: token(claims(jti="a\0b"))),
    "J5 exp in words": ("malformed-claims", lambda: token(claims(exp="tomorrow"))),
    "J5 exp without end": ("lifetime", lambda: token(claims(exp=1e300))),
    "J6 aud of another service": ("audience", lambda: token(claims(aud=f"{BASE}/cds-services/other"))),
    "J6 aud of discovery": ("audience", lambda: token(claims("/cds-services"))),
    "J6 aud of the feedback": ("audience", lambda: token(claims(f"{CALL}/feedback"))),
    "J6 aud on another host": ("audience", lambda: token(claims(aud="https://cds.example.evil/b12" + CALL))),
    "J6 aud on http": ("audience", lambda: token(claims(aud="http://cds.example/b12" + CALL))),
    "J6 aud on another path": ("audience", lambda: token(claims(aud="https://cds.example/other" + CALL))),
    "J6 aud as our host sees it": ("audience", lambda: token(claims(aud="http://localhost" + CALL))),
    "J6 aud with two slashes": ("audience", lambda: token(claims(aud=f"{BASE}{CALL}//"))),
    "J6 aud with a query": ("audience", lambda: token(claims(aud=f"{BASE}{CALL}?a"))),
    "J6 aud of nothing": ("audience", lambda: token(claims(aud=[]))),
    "J7 alg none": ("algorithm", lambda: forged(header(alg="none"), claims(), None)),
    "J7 alg nOnE": ("algorithm", lambda: forged(header(alg="nOnE"), claims(), b"x")),
    "J7 no signature": ("signature", lambda: token().rpartition(".")[0] + "." + part(b"\0")),
    "J8 HMAC with the public key": (
        "algorithm",
        lambda: forged(header(alg="HS384"), claims(), ec().as_pem(private=False)),
    ),
    "J8 HMAC with the public RSA key": (
        "algorithm",
        lambda: forged(header(alg="HS384", kid="key-2"), claims(), rsa().as_pem(private=False)),
    ),
    "J9 an algorithm that is not agreed": (
        "algorithm",
        lambda: token(head=header(alg="RS256", kid="key-2"), key=rsa()),
    ),
    "J9 the key of another algorithm": (
        "key-for-another-algorithm",
        lambda: token(head=header(alg="RS384"), key=rsa()),
    ),
    "J10 another iss": ("issuer", lambda: token(claims(iss="https://evil.example"))),
    "J10 iss with a slash": ("issuer", lambda: token(claims(iss=f"{ISS}/"))),
    "J10 another jku": ("jku", lambda: token(head=header(jku="https://evil.example/jwks.json"))),
    "J10 a jku beside the list": ("jku", lambda: token(head=header(jku=f"{JKU}?x"))),
    "J12 expired": ("expired", lambda: token(claims(iat=now() - 250, exp=now() - 70))),
    "J12 not valid yet": ("not-yet-valid", lambda: token(claims(nbf=now() + 200))),
    "J12 issued in the future": ("issued-in-the-future", lambda: token(claims(iat=now() + 200, exp=now() + 400))),
    "J12 expires before it was issued": ("lifetime", lambda: token(claims(iat=now() + 30, exp=now()))),
    "J12 valid for a day": ("lifetime", lambda: token(claims(exp=now() + 86400))),
    "J20 issued long ago": ("too-old", lambda: token(claims(iat=now() - 400, exp=now() + 60))),
    "J12 a tenant that is not ours": ("tenant", lambda: token(claims(tenant="elsewhere"))),
    "J12 a tenant of a sign for all": ("tenant", lambda: token(claims(tenant=ANY_TENANT))),
    "J12 signed by another key": ("signature", lambda: token(key=ec(number=7))),
    "J12 claims that were changed": (
        "signature",
        lambda: ".".join([(given := token().split("."))[0], part(claims()), given[2]]),
    ),
    "J12 a key in the header": (
        "signature",
        lambda: token(head=header(jwk=ec(number=7).as_dict(private=False)), key=ec(number=7)),
    ),
    "J14 a token without end": ("token-size", lambda: token(claims(more="x" * 9000))),
}


@pytest.mark.parametrize(("reason", "given"), WRONG.values(), ids=WRONG.keys())
def test_j15_whatever_is_wrong_with_a_token_the_answer_is_the_same_bare_401(
    reason: str, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    site, sent = Site(), given()
    with caplog.at_level(logging.DEBUG):
        answer = site.post(hook_request(), sent)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.data == Site().post(hook_request(), None).data
    issue = issue_of(answer)
    assert issue["code"] == "login"
    assert caplog.records[0].getMessage() == f"status=401 reason={reason}"
    for secret in (sent or "nothing").split("."):
        assert len(secret) < 8 or secret not in caplog.text


@pytest.mark.parametrize("path", ["/cds-services", CALL, f"{CALL}/feedback", "/cds-services/unknown"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_j3_every_endpoint_and_method_asks_who_calls(site: Site, path: str, method: str) -> None:
    assert site.http.open(path, method=method, json={}).status_code == 401


@pytest.mark.parametrize("path", ["/cds-services", CALL, f"{CALL}/feedback"])
def test_j17_a_browser_asks_first_without_a_token(site: Site, path: str) -> None:
    asks = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answer = site.http.options(path, headers=asks | {"Access-Control-Request-Headers": "authorization"})

    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


def test_j6_each_endpoint_takes_the_token_that_names_it(site: Site) -> None:
    def asked(path: str, method: str, body: Any = None) -> int:
        given = {"Authorization": f"Bearer {token(claims(path))}"}
        return int(site.http.open(path, method=method, json=body, headers=given).status_code)

    assert asked("/cds-services", "GET") == 200
    assert asked(CALL, "POST", hook_request()) == 200
    assert asked(f"{CALL}/feedback", "POST", {"feedback": []}) != 401
    assert asked("/cds-services/unknown", "POST") == 404
    assert asked(CALL, "PUT") == 405


def test_j12_a_token_is_good_for_one_call(site: Site) -> None:
    given = token()

    assert site.post(hook_request(), given).status_code == 200
    assert site.post(hook_request(), given).status_code == 401


def test_j12_a_token_whose_signature_is_wrong_uses_no_jti_up(site: Site) -> None:
    sound = claims()
    wrong = token(sound, key=ec(number=7))

    assert site.post(hook_request(), wrong).status_code == 401
    assert site.post(hook_request(), token(sound)).status_code == 200


def test_j12_a_guard_that_cannot_tell_refuses_and_says_that_it_may_be_tried_again() -> None:
    class Lost:
        def first_use(self, issuer: str, jti: str, until: float) -> bool:
            raise GuardUnavailable

    answer = Site(replay=Lost()).post(hook_request(), token())

    assert answer.status_code == 503
    assert issue_of(answer)["code"] == "transient"


def test_j12_a_jti_is_remembered_as_long_as_its_token_could_be_taken() -> None:
    until: list[float] = []

    class Noting(MemoryReplayGuard):
        def first_use(self, issuer: str, jti: str, end: float) -> bool:
            until.append(end)
            return super().first_use(issuer, jti, end)

    site, of = Site(replay=Noting()), claims(exp=now() + 3000, iat=now())
    assert site.post(hook_request(), token(of)).status_code == 200

    (end,) = until
    late = Verifier(site.verifier._issuers.values(), [BASE], MemoryReplayGuard(), clock=lambda: end + 1)
    with pytest.raises(Exception, match="known client"):
        late.client_of(token(of), CALL)


def test_j12_each_tenant_is_a_client_of_its_own() -> None:
    def told(name: str) -> Registry:
        return Registry([service(title=name)])

    tenants: dict[str | None, Client] = {
        name: Client(name=str(name), registry=told(str(name))) for name in (None, "north", ANY_TENANT)
    }
    site = Site(tenants=tenants)

    def title(**more: Any) -> str:
        given = {"Authorization": f"Bearer {token(claims('/cds-services', **more))}"}
        answer = site.http.get("/cds-services", headers=given)
        return str(json.loads(answer.data)["services"][0]["title"])

    assert title() == "None"
    assert title(tenant="north") == "north"
    assert title(tenant="south") == ANY_TENANT
    given = {"Authorization": f"Bearer {token(claims('/cds-services', tenant=ANY_TENANT))}"}
    assert site.http.get("/cds-services", headers=given).status_code == 401


def test_j10_an_unknown_issuer_or_jku_is_refused_before_any_key_is_read(site: Site) -> None:
    site.post(hook_request(), token(claims(iss="https://evil.example")))
    site.post(hook_request(), token(head=header(jku="https://evil.example/jwks.json")))
    site.post(hook_request(), token(claims(iat=now() - 400)))

    assert site.read == 0


@pytest.mark.parametrize("name", ["none", "HS256", "HS384", "HS512", "made-up"])
def test_j7_j8_no_setting_lets_an_unsigned_or_a_symmetric_token_in(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Issuer(iss=ISS, keys={}, tenants={}, algorithms=frozenset({name}))


@pytest.mark.parametrize(
    ("algorithm", "key"), [("ES256", ec("P-256")), ("ES512", ec("P-521")), ("RS256", rsa()), ("PS384", rsa())]
)
def test_j9_a_site_may_agree_on_other_algorithms(algorithm: str, key: Any) -> None:
    site = Site(keys=jwks(jwk(key)), algorithms=(algorithm,))

    assert site.post(hook_request(), token(head=header(alg=algorithm), key=key)).status_code == 200
    assert Site(keys=jwks(jwk(key))).post(hook_request(), token(head=header(alg=algorithm), key=key)).status_code == 401


def test_j4_a_key_that_names_its_algorithm_verifies_no_other() -> None:
    site = Site(keys=jwks(jwk(rsa(), alg="RS256")), algorithms=("RS256", "RS384"))

    assert site.post(hook_request(), token(head=header(alg="RS384"), key=rsa())).status_code == 401
    assert site.post(hook_request(), token(head=header(alg="RS256"), key=rsa())).status_code == 200


def test_j11_a_client_whose_keys_are_a_file_needs_no_jku() -> None:
    site = Site(jku=())

    assert site.post(hook_request(), token()).status_code == 200
    assert site.post(hook_request(), token(head=header(jku=JKU))).status_code == 401


def test_j14_a_call_that_is_answered_leaves_neither_token_nor_patient_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    given = token()
    with caplog.at_level(logging.DEBUG):
        assert site.post(hook_request(), given).status_code == 200

    for secret in (*given.split("."), "pat-1", "prac-1", "1951-03-14"):
        assert secret not in caplog.text


def test_a_key_source_is_shared_and_read_once(site: Site) -> None:
    assert isinstance(site.source, KeySource)
    for _ in range(5):
        assert site.post(hook_request(), token()).status_code == 200

    assert site.read == 1
