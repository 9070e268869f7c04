"""Calling the service: few calls, slow ones given up, no redirect followed, every answer read within a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
import requests

from cds_hooks.conformance.ledger import Ledger

BODY_LIMIT = 5 * 1024 * 1024
TOO_MANY = 429
_CHUNK = 64 * 1024
_BROKEN = object()


class Stopped(Exception):
    """No further call is made: the allowance of calls or of time is used up."""


class Unreachable(Exception):
    """The service cannot be called at all; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call came back with; a connection that broke has the status 0."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the call was told to be the caller's mistake."""
        return 400 <= self.status < 500

    @property
    def unauthorized(self) -> bool:
        """Whether the caller was not trusted."""
        return self.status in (401, 403)

    @property
    def is_json(self) -> bool:
        """Whether the body is JSON, and says so."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        declared = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
        return declared and self._decoded() is not _BROKEN

    @property
    def value(self) -> Any:
        """The decoded body, or None when there is none that can be read."""
        decoded = self._decoded()
        return None if decoded is _BROKEN else decoded

    @property
    def told(self) -> str:
        """The status, or why there is none, in a word or two."""
        return str(self.status) if self.status else self.error

    def _decoded(self) -> Any:
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _BROKEN


@dataclass(slots=True, kw_only=True)
class Caller:
    """Calls one service under one allowance.

    `token_for` gives the bearer token for a URL, or none; `told` is called after each call with a line about it.
    """

    ledger: Ledger
    session: requests.Session = field(default_factory=requests.Session)
    max_calls: int = 100
    seconds: float = 120.0
    patience: float = 10.0
    token_for: Callable[[str], str | None] = lambda _: None
    told: Callable[[int, str, Answer], None] = lambda *_: None
    calls: int = 0
    _end: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.seconds

    def get(self, url: str, where: str, **options: Any) -> Answer:
        """Return the answer to a GET; see `call`."""
        return self.call("GET", url, where, **options)

    def post(self, url: str, body: Any, where: str, **options: Any) -> Answer:
        """Return the answer to a POST of JSON; see `call`."""
        return self.call("POST", url, where, data=msgspec.json.encode(body), **options)

    def call(
        self,
        method: str,
        url: str,
        where: str,
        *,
        data: bytes | None = None,
        token: str | None = None,
        bare: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return the answer to one call, with the usual token unless another is given or it goes `bare`.

        Raises `Stopped` when the allowance is used up.
        """
        if self.calls >= self.max_calls:
            raise Stopped(f"the allowance of {self.max_calls} calls is used up")
        if time.monotonic() > self._end:
            raise Stopped(f"the allowance of {self.seconds:g} seconds is used up")
        self.calls += 1
        sent = {"Accept": "application/json", **({"Content-Type": "application/json"} if data is not None else {})}
        bearer = None if bare else token or self.token_for(url)
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        answer = self._exchange(method, url, data, sent | dict(headers or {}))
        if answer.status == TOO_MANY:
            # Not an answer to what was asked: taken for one, it would pass for a refusal.
            raise Stopped("the service asks for fewer calls (429): check it again later, or raise its limit")
        self._check_transport(url, answer, where)
        self.told(self.calls, where, answer)
        return answer

    def _exchange(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> Answer:
        began = time.monotonic()
        try:
            with self.session.request(
                method, url, data=data, headers=headers, timeout=self.patience, allow_redirects=False, stream=True
            ) as got:
                body = self._read(got, began)
                known = {name.lower(): value for name, value in got.headers.items()}
                return Answer(got.status_code, known, body, time.monotonic() - began)
        except requests.exceptions.SSLError:
            return Answer(0, error="the certificate was not accepted", seconds=time.monotonic() - began)
        except (requests.RequestException, OSError) as broken:
            return Answer(0, error=f"no answer ({type(broken).__name__})", seconds=time.monotonic() - began)

    def _read(self, got: requests.Response, began: float) -> bytes:
        body = b""
        for chunk in got.iter_content(_CHUNK):
            body += chunk
            if len(body) > BODY_LIMIT:
                raise requests.ConnectionError("the answer is larger than is read")
            if time.monotonic() - began > self.patience:
                raise requests.Timeout("the answer never ends")
        return body

    def _check_transport(self, url: str, answer: Answer, where: str) -> None:
        """J1: TLS on each call, and no redirect to where there is none."""
        if urlsplit(url).scheme != "https":
            self.ledger.cannot("the service was called over http", "J1")
        elif "certificate" in answer.error:
            self.ledger.expect("J1", False, where, answer.error)
        else:
            onward = answer.headers.get("location", "") if 300 <= answer.status < 400 else ""
            self.ledger.expect("J1", not onward.startswith("http:"), where, "redirected to http")
