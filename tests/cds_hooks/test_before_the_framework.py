"""A plain call is answered before the framework, and no caller can tell."""

import json
from typing import Any

import pytest

from tests.cds_hooks.kit import client, hook_request

ORIGIN = "https://app.example"
CALL = "/cds-services/echo-view"
#: What differs from call to call, and what CORS adds for a browser.
_OWN = {"Server-Timing", "Access-Control-Allow-Origin", "Vary"}


def _answers(path: str, **given: Any) -> list[tuple[int, bytes, dict[str, str]]]:
    http = client(cors_origins=[ORIGIN], max_body=100_000)
    told = []
    for headers in ({}, {"Origin": ORIGIN}):
        response = http.post(path, headers=headers, **given)
        told.append((response.status_code, response.data, {n: v for n, v in response.headers.items() if n not in _OWN}))
    return told


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (CALL, {"json": hook_request()}),
        (CALL, {"json": hook_request(hook="order-sign")}),
        (CALL, {"json": hook_request(prefetch=None)}),
        (CALL, {"data": b"{", "content_type": "application/json"}),
        (CALL, {"data": b"", "content_type": "application/json"}),
        (CALL, {"data": b"a=1", "content_type": "application/x-www-form-urlencoded"}),
        (CALL, {"data": b" " * 100_001, "content_type": "application/json"}),
        ("/cds-services/no-such-service", {"json": hook_request()}),
        (CALL + "/", {"json": hook_request()}),
        ("/cds-services/", {"json": hook_request()}),
    ],
    ids=[
        "answered",
        "wrong-hook",
        "nothing-sent",
        "no-json",
        "empty",
        "a-form",
        "too-large",
        "unknown",
        "slash",
        "list",
    ],
)
def test_a_call_with_and_without_an_origin_gets_the_same_answer(path: str, given: Any) -> None:
    plain, of_a_browser = _answers(path, **given)

    assert plain == of_a_browser


def test_only_a_browser_gets_the_headers_of_cors() -> None:
    http = client(cors_origins=[ORIGIN])

    assert "Access-Control-Allow-Origin" not in http.post(CALL, json=hook_request()).headers
    allowed = http.post(CALL, json=hook_request(), headers={"Origin": ORIGIN})
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_a_plain_call_never_reaches_the_framework() -> None:
    http = client()
    seen = []
    http.application.before_request(lambda: seen.append(1))

    assert json.loads(http.post(CALL, json=hook_request()).data)["cards"]
    assert seen == []
    http.get("/cds-services")
    assert seen == [1]
