"""What holds for the whole server: bodies that are not JSON, ids that are not there, and browsers."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from cds_hooks.conformance.caller import Answer, Caller
from cds_hooks.conformance.calls import Calls, expect_refusal
from cds_hooks.conformance.discovery import Found
from cds_hooks.conformance.ledger import Ledger

_ELSEWHERE = "https://elsewhere.invalid"


def check_doors(caller: Caller, ledger: Ledger, url: str, called: Sequence[Calls]) -> None:
    """Send what is not JSON, and call a service that does not exist (A1, E5)."""
    calls = next((one for one in called if one.whole is not None), None)
    if calls is None:
        return
    where = f"{calls.service.id}: a body that is not JSON"
    answer = caller.call("POST", calls.service.url, where, data=b'{"hook": ')
    if answer.status >= 500 or not answer.status:
        ledger.expect("E5", False, where, f"answered {answer.told}")
    else:
        expect_refusal(ledger, "A1", answer, where)
    where = "a service that does not exist"
    answer = caller.post(f"{url}/conformance-{uuid4().hex[:8]}", calls.whole, where)
    ledger.expect("E5", answer.refused, where, f"answered {answer.told}, not 4xx")


def check_browsers(
    caller: Caller, ledger: Ledger, url: str, services: Sequence[Found], origin: str, *, feedback: bool
) -> None:
    """Ask as a browser does before it calls: discovery, service and feedback, without a token (J17)."""
    routes = [(url, "GET", "discovery")]
    if services:
        routes += [(services[0].url, "POST", services[0].id)]
    if services and feedback:
        routes += [(f"{services[0].url}/feedback", "POST", f"{services[0].id}: feedback")]
    answers = [
        (f"{name}: preflight", _preflight(caller, route, method, name, origin)) for route, method, name in routes
    ]
    allowed = [answer for _, answer in answers if _allows(answer, origin)]
    if not allowed:
        ledger.cannot(f"the origin {origin} is not allowed: give --origin", "J17")
    for where, answer in answers:
        if allowed:
            fits = answer.ok and _allows(answer, origin)
            ledger.expect("J17", fits, where, f"answered {answer.told}, allows {_origin(answer) or 'no origin'}")
    stray = _preflight(caller, url, "GET", "discovery, another origin", _ELSEWHERE)
    for where, answer in (*answers, ("discovery: preflight of another origin", stray)):
        loose = _origin(answer) in ("*", _ELSEWHERE) and _credentials(answer)
        if loose or allowed:
            ledger.expect("J17", not loose, where, "credentials are allowed to any origin")


def _preflight(caller: Caller, url: str, method: str, name: str, origin: str) -> Answer:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return caller.call("OPTIONS", url, f"{name}: preflight", bare=True, headers=headers)


def _allows(answer: Answer, origin: str) -> bool:
    headers = answer.headers.get("access-control-allow-headers", "").lower()
    asked = "*" if headers.strip() == "*" else headers
    return _origin(answer) in ("*", origin) and (asked == "*" or ("authorization" in asked and "content-type" in asked))


def _origin(answer: Answer) -> str:
    return answer.headers.get("access-control-allow-origin", "")


def _credentials(answer: Answer) -> bool:
    return answer.headers.get("access-control-allow-credentials", "").lower() == "true"
