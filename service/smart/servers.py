"""The servers from which the app may be launched, and how it is registered with each (B12_SMART_SERVERS)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from pydantic import Field, model_validator

from cds_hooks.servers import Address, is_this_machine
from service.clients.shape import Url
from service.knowledge.files import Place, Read, read_as
from service.knowledge.schema.base import Strict

Key = ECKey | RSAKey
_ALGORITHMS = {"EC": "ES384", "RSA": "RS384"}
"""What SMART App Launch asks every server to support."""


class ServerLine(Strict):
    """One server: a public client has neither secret nor key."""

    fhir: Url = Field(description="the FHIR base, as the server names itself (`iss`)")
    name: str = Field(max_length=64, description="what people call it")
    client_id: str
    secret_file: str | None = Field(default=None, description="a file with the client secret, beside this one")
    key_file: str | None = Field(default=None, description="a file with a private key as JWK, beside this one")

    @model_validator(mode="after")
    def _proves_itself_one_way(self) -> ServerLine:
        if self.secret_file is not None and self.key_file is not None:
            raise ValueError("either `secret-file` or `key-file`")
        address = Address.parse(self.fhir)
        if address.scheme != "https" and not is_this_machine(address.host):
            raise ValueError("tokens are sent over https only")
        return self


class ServersFile(Strict):
    """The file of servers."""

    servers: list[ServerLine] = Field(min_length=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that may launch the app."""

    fhir: str
    name: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    key: Key | None = field(default=None, repr=False)

    @property
    def algorithm(self) -> str:
        """Return what the private key signs by."""
        assert self.key is not None
        return self.key.alg or _ALGORITHMS[self.key.key_type]


class Servers:
    """All of them, found by their address however it is spelt."""

    def __init__(self, servers: tuple[Server, ...]) -> None:
        self.all = servers
        self._known = {Address.parse(server.fhir): server for server in servers}

    def find(self, iss: str) -> Server | None:
        """Return the server at an address, or None for a stranger."""
        try:
            return self._known.get(Address.parse(iss))
        except ValueError:
            return None


def servers_in(file: Path) -> tuple[Server, ...]:
    """Return the servers of a file; raises KnowledgeError with the line that is wrong."""
    read = read_as(file, ServersFile)
    seen: set[Address] = set()
    found = []
    for place, line in enumerate(read.content.servers):
        address = Address.parse(line.fhir)
        if address in seen:
            raise read.error(("servers", place, "fhir"), f"{line.fhir} stands twice")
        seen.add(address)
        found.append(_server(read, ("servers", place), line))
    return tuple(found)


def _server(read: Read[ServersFile], at: Place, line: ServerLine) -> Server:
    secret = key = None
    if line.secret_file is not None:
        secret = _text(read, (*at, "secret-file"), line.secret_file).strip()
        if not secret:
            raise read.error((*at, "secret-file"), f"{line.secret_file} is empty")
    if line.key_file is not None:
        key = _key(read, (*at, "key-file"), line.key_file)
    return Server(fhir=line.fhir.rstrip("/"), name=line.name, client_id=line.client_id, secret=secret, key=key)


def _key(read: Read[ServersFile], at: Place, name: str) -> Key:
    try:
        document = json.loads(_text(read, at, name))
        key: Key = RSAKey.import_key(document) if document["kty"] == "RSA" else ECKey.import_key(document)
    except (JoseError, ValueError, TypeError, KeyError):
        raise read.error(at, f"{name}: not a private EC or RSA key as JWK") from None
    if not key.is_private or not key.kid:
        raise read.error(at, f"{name}: a private key with a kid is needed")
    return key


def _text(read: Read[ServersFile], at: Place, name: str) -> str:
    try:
        return (read.document.file.parent / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise read.error(at, f"{name}: cannot be read ({type(error).__name__})") from None
