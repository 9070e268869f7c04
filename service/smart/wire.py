"""How the app goes out to servers: listed networks only, no redirects, bounded answers, bounded time."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any

import requests
from requests.auth import AuthBase

from cds_hooks.outbound import GuardedAdapter, Networks

MAX_BYTES = 10 * 1024 * 1024
CONNECT_SECONDS = 2.0
SECONDS = 10.0
"""From the request to the last byte of the answer."""
_CHUNK = 64 * 1024


class Bounded(GuardedAdapter):
    """Reads each answer whole, up to a size and a time; raises `requests.RequestException` beyond."""

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        """Return the answer with its content read."""
        ends = monotonic() + SECONDS
        options |= {"stream": True, "timeout": (CONNECT_SECONDS, SECONDS)}
        response = super().send(request, *arguments, **options)
        chunks, size = [], 0
        try:
            for chunk in response.iter_content(_CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BYTES or monotonic() > ends:
                    raise requests.ConnectionError("the answer is too long")
        finally:
            response.close()
        response._content = b"".join(chunks)
        return response


class Nobody(AuthBase):
    """No credentials, given so that a .netrc file is not asked for some."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request as it is."""
        return request


class Bearer(AuthBase):
    """The token of one session."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the token."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def guarded(session: requests.Session, networks: Networks) -> None:
    """Make a requests session go out by these rules."""
    adapter = Bounded(networks, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    # One user's cookie must not travel with the next user's token.
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
