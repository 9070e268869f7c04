"""No request makes this service connect to a private address: by number, by disguise, or by a name that leads there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import flask
import pytest
import requests

from cds_hooks.outbound import GuardedAdapter, Networks
from cds_hooks.prefetch import FetchFailed
from service.fhir.client import FhirClient
from tests.cds_hooks.kit import TOKEN, authorization, hook_request, serving
from tests.cds_hooks.tokens import Site, token

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.5",
    "172.16.3.4",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # the address at which clouds keep credentials
    "100.64.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::a00:5",
    "2002:a00:5::",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "64:ff9b::808:808"]


class Trap:
    """A listener on loopback that tells whether anybody came, and names that lead to it."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(0.02)
        self.port = self.socket.getsockname()[1]
        self.came = 0
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while self._open:
            try:
                found, _ = self.socket.accept()
            except OSError:
                continue
            self.came += 1
            found.close()

    def close(self) -> None:
        self._open = False
        self._thread.join(2)
        self.socket.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that anything in this process connects to."""
    asked: list[Any] = []
    connect = socket.socket.connect

    def noting(self: socket.socket, address: Any) -> None:
        asked.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    return asked


def leads(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> None:
    """Let host names lead to these addresses."""
    usual = socket.getaddrinfo

    def found(host: str, port: Any, *rest: Any, **more: Any) -> Any:
        given = names.get(str(host).replace(".", "_").replace("-", "_"))
        if given is None:
            return usual(host, port, *rest, **more)
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in given]
        return [(kind, socket.SOCK_STREAM, 6, "", (ip, port)) for kind, ip in zip(kinds, given, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", found)


def fetch(client: FhirClient, server: str) -> str:
    with pytest.raises(FetchFailed) as failed:
        client(server, "Patient/1", TOKEN, time.monotonic() + 2)
    return failed.value.why


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_not_public_in_any_writing(address: str) -> None:
    assert not Networks().allow(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_connected_to(address: str) -> None:
    assert Networks().allow(address)


@pytest.mark.parametrize(
    "server",
    [
        "http://127.0.0.1:{port}/fhir",
        "http://localhost:{port}/fhir",
        "http://2130706433:{port}/fhir",
        "http://0x7f000001:{port}/fhir",
        "http://0177.0.0.1:{port}/fhir",
        "http://127.1:{port}/fhir",
        "http://[::ffff:127.0.0.1]:{port}/fhir",
        "http://ehr.example@127.0.0.1:{port}/fhir",
        "http://127.0.0.1:{port}/fhir#ehr.example",
        "http://127.0.0.1:{port}\\@ehr.example/fhir",
        "http://ehr.example.127.0.0.1.nip.example:{port}/fhir",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/x",
    ],
)
def test_a_request_that_names_an_inner_server_makes_no_connection(trap: Trap, connects: list[Any], server: str) -> None:
    site = Site(fetch=FhirClient(["https://ehr.example/fhir"]), client={})
    named = server.format(port=trap.port)

    answer = site.post(hook_request(prefetch=..., fhirServer=named, fhirAuthorization=authorization()), token())

    assert answer.status_code in (400, 412)
    assert (connects, trap.came) == ([], 0)


@pytest.mark.parametrize("address", [a for a in PRIVATE if "." in a or a == "::1"])
def test_a_listed_name_that_leads_inside_is_not_connected_to(
    connects: list[Any], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    leads(monkeypatch, ehr_example=[address])

    assert fetch(FhirClient(["https://ehr.example/fhir"]), "https://ehr.example/fhir") == (
        "the FHIR server cannot be reached"
    )
    assert connects == []


def test_one_private_address_among_public_ones_is_enough(connects: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    leads(monkeypatch, ehr_example=["8.8.8.8", "10.0.0.5"])

    fetch(FhirClient(["https://ehr.example/fhir"]), "https://ehr.example/fhir")
    assert connects == []


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_looked_at(
    trap: Trap, connects: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, port, *r, **m: [(2, 1, 6, "", (ip, port)) for ip in next(answers)]
    )
    monkeypatch.setattr("cds_hooks.outbound.create_connection", lambda where, *r, **m: refuse(where))
    asked: list[Any] = []

    def refuse(where: Any) -> None:
        asked.append(where[0])
        raise OSError

    fetch(FhirClient([f"http://ehr.example:{trap.port}/fhir"]), f"http://ehr.example:{trap.port}/fhir")
    assert asked == ["8.8.8.8"]
    assert trap.came == 0


def test_a_private_network_that_is_listed_may_be_connected_to(trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    leads(monkeypatch, ehr_example=["127.0.0.1"])
    base = f"http://ehr.example:{trap.port}/fhir"

    fetch(FhirClient([base], private_networks=["127.0.0.0/8"]), base)
    assert trap.came  # a connection that is dropped is tried once more


def test_an_address_that_a_base_names_is_listed_and_its_neighbour_is_not() -> None:
    networks = Networks(bases=["http://10.0.0.5:8080/fhir", "http://localhost/fhir"])

    assert networks.allow("10.0.0.5")
    assert networks.allow("127.0.0.1")
    assert not networks.allow("10.0.0.6")


def test_a_token_is_not_taken_along_to_where_a_server_redirects(trap: Trap) -> None:
    app = flask.Flask("fhir")
    there = f"http://127.0.0.1:{trap.port}/fhir/Patient/1"
    app.add_url_rule("/fhir/<path:rest>", "away", lambda rest: flask.redirect(there, 307))
    with serving(app) as address:
        assert "redirects (307)" in fetch(FhirClient([f"{address}/fhir"]), f"{address}/fhir")

    assert trap.came == 0


def test_a_client_sends_us_to_its_own_servers_and_to_no_other_clients() -> None:
    asked: list[str] = []

    def get(server: str, path: str, given: str | None, deadline: float) -> bytes:
        asked.append(server)
        raise FetchFailed("not now")

    from cds_hooks.servers import AllowList

    site = Site(fetch=get, client={"servers": AllowList(["https://ehr.example/fhir"])})
    for server in ("https://other.example/fhir", "https://ehr.example/fhir"):
        body = hook_request(prefetch=..., fhirServer=server, fhirAuthorization=authorization())
        assert site.post(body, token()).status_code == 412

    assert set(asked) == {"https://ehr.example/fhir"}


def test_the_guard_stands_on_secure_connections_too(connects: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    leads(monkeypatch, keys_example=["192.168.1.1"])
    with requests.Session() as session:
        session.mount("https://", GuardedAdapter(Networks()))
        with pytest.raises(requests.ConnectionError):
            session.get("https://keys.example/jwks.json", timeout=1)

    assert connects == []
