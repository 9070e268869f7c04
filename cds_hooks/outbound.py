"""Going out to other servers: which network addresses may be connected to, looked at after the name was resolved.

The address that was looked at is the address that is connected to, so a name cannot change its mind in between.
"""

import logging
import socket
from collections.abc import Iterable, Sequence
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from cds_hooks.servers import Address

log = logging.getLogger("cds_hooks")

Ip = IPv4Address | IPv6Address
_SPECIAL = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
    )
)
"""Networks for special use (RFC 6890) that `ipaddress` calls global in some versions of Python."""
_NAT64 = IPv6Network("64:ff9b::/96")


class Networks:
    """The network addresses that may be connected to: public ones, and the private ones that are listed.

    `private` are networks (`10.20.0.0/16`) or addresses; a base that itself names an address (`http://127.0.0.1:1/x`)
    or this machine (`localhost`) lists it. Raises `ValueError` for what is neither.
    """

    def __init__(self, private: Iterable[str] = (), bases: Iterable[str] = ()) -> None:
        self._listed: list[IPv4Network | IPv6Network] = [ip_network(network) for network in private]
        for base in bases:
            host = Address.parse(base).host
            if host == "localhost":
                self._listed += [ip_network("127.0.0.0/8"), ip_network("::1/128")]
            elif (literal := _literal(host)) is not None:
                self._listed.append(ip_network(str(literal)))

    def allow(self, address: str) -> bool:
        """Whether an IP address may be connected to."""
        found = _plain(ip_address(address.partition("%")[0]))
        if _lies_in(found, self._listed):
            return True
        if _lies_in(found, _SPECIAL):
            return False
        odd = found.is_multicast or found.is_reserved or (isinstance(found, IPv6Address) and found.is_site_local)
        return found.is_global and not odd


def _lies_in(address: Ip, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _literal(host: str) -> Ip | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _plain(address: Ip) -> Ip:
    """Return the IPv4 address that hides in an IPv6 one, or the address as it is."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


class GuardedAdapter(HTTPAdapter):
    """Connects only where `Networks` allow it; elsewhere requests raise `requests.ConnectionError`.

    A configured proxy is connected to as it is, and resolves names itself: then the proxy is what guards.
    """

    def __init__(self, networks: Networks, **options: Any) -> None:
        self._networks = networks
        super().__init__(**options)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Have the pool make connections that look before they connect."""
        super().init_poolmanager(*arguments, **options)
        plain = type("_Plain", (_Guard, HTTPConnection), {"networks": self._networks})
        secure = type("_Secure", (_Guard, HTTPSConnection), {"networks": self._networks})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("_PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }


class _Until(RawIOBase):
    """What a socket receives before one moment; later it is a timeout, however steadily the pieces come."""

    def __init__(self, received: Any, connection: socket.socket, seconds: float) -> None:
        self._received, self._connection, self._end = received, connection, monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        size: int | None = self._received.readinto(buffer)
        return size

    def close(self) -> None:
        self._received.close()
        super().close()


class _InTime(HTTPResponse):
    """An answer that has to be there, headers and body, within the time that its first piece may take."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        seconds = sock.gettimeout()
        if seconds is not None:
            self.fp = BufferedReader(_Until(self.fp.detach(), sock, seconds))


class _Guard(HTTPConnection):
    networks: Networks
    response_class = _InTime

    def _new_conn(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise NameResolutionError(self.host, self, socket.gaierror(str(error))) from error
        addresses: Sequence[str] = list(dict.fromkeys(str(where[4][0]) for where in found))
        # One private address among public ones is as bad: which of them is taken is not for the name to choose.
        if not addresses or not all(map(self.networks.allow, addresses)):
            log.warning("connection refused=private-address host=%s", self.host)
            raise NewConnectionError(self, "a private address that is not listed")
        failed: OSError | None = None
        for address in addresses:
            try:
                return create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except TimeoutError as error:
                raise ConnectTimeoutError(self, "the connection timed out") from error
            except OSError as error:
                failed = error
        raise NewConnectionError(self, "no connection") from failed
