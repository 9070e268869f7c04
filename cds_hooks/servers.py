"""FHIR server addresses: which may be called, and what lies below one of them.

Addresses come from a request, so they are compared in parts and never as strings: `https://ehr.example/fhir` holds
neither `https://ehr.example.evil/fhir` nor `https://ehr.example/fhir2`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urljoin, urlsplit

_PORTS = {"http": 80, "https": 443}
_PRINTABLE = re.compile(r"[!-\[\]-~]+")
"""Visible ASCII without the backslash, which browsers and servers read as a slash and parsers do not."""
_ENCODED = re.compile(r"%(2e|2f|5c)", re.IGNORECASE)
"""A dot or a slash in disguise."""


@dataclass(frozen=True, slots=True)
class Address:
    """An absolute http or https URL without credentials, query or fragment, in comparable parts."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    @classmethod
    @lru_cache(1024)
    def parse(cls, url: str) -> "Address":
        """Read an address; raises `ValueError`, which does not quote it."""
        if not _PRINTABLE.fullmatch(url) or "?" in url or "#" in url:
            raise ValueError("not a plain URL")
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc or parts.port == 0:
            raise ValueError("not an absolute http or https URL, or one with credentials")
        path = tuple(parts.path.rstrip("/").split("/")[1:])
        if _ENCODED.search(parts.path) or not {".", ".."}.isdisjoint(path):
            raise ValueError("a path with dotted or disguised segments")
        return cls(parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme], path)

    def holds(self, other: "Address") -> bool:
        """Whether another address is this one, or lies below it."""
        return (self.scheme, self.host, self.port) == (
            other.scheme,
            other.host,
            other.port,
        ) and self.path == other.path[: len(self.path)]


@lru_cache(256)
def is_this_machine(host: str) -> bool:
    """Whether a host is this machine by its name or address alone, without asking anybody."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class AllowList:
    """The FHIR servers that may be called; raises `ValueError` for a base that is no address."""

    def __init__(self, bases: Iterable[str]) -> None:
        self._bases = tuple(Address.parse(base) for base in bases)

    def allows(self, server: str) -> bool:
        """Whether a server is one of the bases, or lies below one; http only where a base says http."""
        try:
            address = Address.parse(server)
        except ValueError:
            return False
        return any(base.holds(address) for base in self._bases)


def resolve(server: str, path: str) -> str:
    """Make a relative path or a next link absolute; raises `ValueError` when it leads out of the server."""
    url = urljoin(f"{server.rstrip('/')}/", path)
    if "#" in url or not Address.parse(server).holds(Address.parse(url.partition("?")[0])):
        raise ValueError("leads away from the server")
    return url
