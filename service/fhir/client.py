"""Asking a client's FHIR server for one page: only servers that are allowed, only until the deadline."""

import re
import threading
from collections.abc import Sequence
from http.cookiejar import DefaultCookiePolicy
from time import monotonic

import msgspec
import requests
import urllib3
from requests.auth import AuthBase

from cds_hooks.outbound import GuardedAdapter, Networks
from cds_hooks.prefetch import FetchFailed
from cds_hooks.servers import AllowList, resolve

MAX_BYTES = 10 * 1024 * 1024
"""The largest page that is read, once it is decompressed."""
CONNECT_SECONDS = 1.0
CONNECTIONS = 32
"""Connections kept open to one server."""

_TOKEN = re.compile(r"[!-~]+")
_CHUNK = 64 * 1024
_TOO_LATE = "the FHIR server did not answer in time"
REFUSED = "the FHIR server refused the access token (401)"
_STATUS = {
    401: REFUSED,
    403: "the access token does not allow this (403)",
    404: "the FHIR server does not know this (404)",
    410: "the FHIR server has deleted this (410)",
    429: "the FHIR server is too busy (429)",
}


class FhirClient:
    """Fetches pages from the FHIR servers on an allow-list (CDS Hooks: FHIR Resource Access; D12-D15).

    A server is allowed when its base is one of `allowed_bases` or lies below one; http is allowed only where a
    base says http. Its name must lead to public addresses, or to those of `private_networks`. Raises `ValueError`
    at start for a base that is not an absolute URL. Safe to share among threads.
    """

    def __init__(
        self,
        allowed_bases: Sequence[str],
        *,
        private_networks: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        user_agent: str = "b12-cds",
    ) -> None:
        self._allowed = AllowList(allowed_bases)
        self._max_bytes = max_bytes
        self._user_agent = user_agent
        # Sessions are not safe to share; the pool of connections below them is.
        self._local = threading.local()
        networks = Networks(private_networks, allowed_bases)
        self._adapter = GuardedAdapter(networks, pool_connections=16, pool_maxsize=CONNECTIONS, max_retries=0)

    def allows(self, server: str) -> bool:
        """Whether a FHIR server may be called."""
        return self._allowed.allows(server)

    def __call__(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        """Return the JSON of `path`: relative to `server`, or an absolute link below it.

        `deadline` is a reading of `time.monotonic`. Raises `FetchFailed`, whose words hold no URL, no token.
        """
        if not self.allows(server):
            raise FetchFailed("server not on the allow-list")
        try:
            url = resolve(server, path)
        except ValueError:
            raise FetchFailed("a link leads away from the FHIR server") from None
        if token is not None and not _TOKEN.fullmatch(token):
            raise FetchFailed("the access token is malformed")
        try:
            with self._open(url, token, deadline) as response:
                _check_head(response)
                body = self._read(response, deadline)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise FetchFailed(_TOO_LATE) from None
        except requests.exceptions.SSLError:
            raise FetchFailed("the FHIR server's certificate is not trusted") from None
        # Without their causes: the messages of these hold the URL, and one of them the token.
        except requests.ConnectionError:
            raise FetchFailed("the FHIR server cannot be reached") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise FetchFailed("the FHIR server's answer broke off") from None
        _check_json(body)
        return body

    def _open(self, url: str, token: str | None, deadline: float) -> requests.Response:
        try:
            return self._asked(url, token, deadline)
        except requests.ConnectionError as error:
            # A connection that was kept open may be closed by the server just as it is used again.
            if not (error.args and isinstance(error.args[0], urllib3.exceptions.ProtocolError)):
                raise
        return self._asked(url, token, deadline)

    def _asked(self, url: str, token: str | None, deadline: float) -> requests.Response:
        left = _left(deadline)
        return self._session().get(
            url,
            auth=_Bearer(token),
            timeout=(min(CONNECT_SECONDS, left), left),
            allow_redirects=False,
            stream=True,
        )

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        # read1 hands over what has come, so that the clock is looked at however slowly it comes.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self._max_bytes:
                raise FetchFailed(f"the FHIR server's answer is larger than {self._max_bytes} bytes")
            chunks.append(chunk)
            _shorten(response, _left(deadline))
        return b"".join(chunks)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # A server may answer a search that it knows from memory, without what was written a moment ago.
            fresh = {"Accept": "application/fhir+json", "Cache-Control": "no-cache"}
            session.headers.update(fresh | {"User-Agent": self._user_agent})
            # One user's cookie must not travel with the next user's token.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.mount("https://", self._adapter)
            session.mount("http://", self._adapter)
            self._local.session = session
        return session


class _Bearer(AuthBase):
    """The token of this call; given even when there is none, or a .netrc file would be asked for one."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise FetchFailed(_TOO_LATE)
    return left


def _shorten(response: requests.Response, seconds: float) -> None:
    """Let the next wait for bytes end at the deadline too, where the socket can be had."""
    socket = getattr(getattr(response.raw, "connection", None), "sock", None)
    if socket is not None:
        socket.settimeout(seconds)


def _check_head(response: requests.Response) -> None:
    status = response.status_code
    if 300 <= status < 400:
        raise FetchFailed(f"the FHIR server redirects ({status}), which is not followed")
    if status != 200:
        raise FetchFailed(_STATUS.get(status, f"the FHIR server answered {status}"))
    if "json" not in response.headers.get("Content-Type", "").lower():
        raise FetchFailed("the FHIR server's answer is not JSON")


def _check_json(body: bytes) -> None:
    try:
        # What stays undecoded would not be looked at, and JSON is UTF-8 throughout (RFC 8259, 8.1).
        if not body.isascii():
            body.decode()
        msgspec.json.decode(body, type=msgspec.Raw)
    except (ValueError, RecursionError):
        raise FetchFailed("the FHIR server's answer is not JSON") from None
