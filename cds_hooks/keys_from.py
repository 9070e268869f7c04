"""Where key sets come from: a client's server over HTTPS, or a file of this site (J10, J11)."""

from collections.abc import Callable
from pathlib import Path

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from cds_hooks.keys import KeysUnreachable
from cds_hooks.outbound import GuardedAdapter, Networks
from cds_hooks.servers import Address, is_this_machine

MAX_BYTES = 256 * 1024
SECONDS = (2.0, 2.0)
"""To connect, and between two pieces of the answer."""


def from_url(url: str, networks: Networks) -> Callable[[], bytes]:
    """Return a reader of a key set on a server; redirects are not followed.

    Raises `ValueError` for what is no https address: whoever could change the keys on their way could be anybody.
    """
    address = Address.parse(url)
    if address.scheme != "https" and not is_this_machine(address.host):
        raise ValueError("keys are read over https only")

    def load() -> bytes:
        with requests.Session() as session:
            adapter = GuardedAdapter(networks)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            try:
                with session.get(url, auth=_Nobody(), timeout=SECONDS, allow_redirects=False, stream=True) as answer:
                    if answer.status_code != 200:
                        raise KeysUnreachable(f"the server answered {answer.status_code}")
                    body = answer.raw.read(MAX_BYTES + 1, decode_content=True)
            except (requests.RequestException, HTTPError, OSError) as failed:
                raise KeysUnreachable(type(failed).__name__) from None
        if len(body) > MAX_BYTES:
            raise KeysUnreachable(f"more than {MAX_BYTES} bytes")
        return bytes(body)

    return load


def from_file(file: Path) -> Callable[[], bytes]:
    """Return a reader of a key set in a file; a file that was changed is noticed when keys are read again."""

    def load() -> bytes:
        try:
            return file.read_bytes()
        except OSError as failed:
            raise KeysUnreachable(f"{file.name}: {failed.strerror}") from None

    return load


class _Nobody(AuthBase):
    """No credentials, given so that a .netrc file is not asked for some."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request
