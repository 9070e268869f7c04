"""From the backend services' file to queries with our own token: only where a call brought none, only to its server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from flask import Flask, Response

from cds_hooks.outbound import Networks
from cds_hooks.prefetch import Fetch, FetchFailed, Template
from cds_hooks.servers import Address, AllowList
from service.backend.keys import OwnKeys, WrongKeyFile
from service.backend.shape import BackendFile, ServerLine
from service.backend.tokens import TokenSource
from service.fhir.client import REFUSED
from service.knowledge.files import read_as

JWKS = "/.well-known/jwks.json"


@dataclass(frozen=True, slots=True)
class Backend:
    """The servers at which we are registered, and the keys that we sign by."""

    sources: tuple[tuple[Address, TokenSource], ...]
    keys: OwnKeys

    def of(self, server: str) -> TokenSource | None:
        """Return our access to a FHIR server, or None where we have none."""
        address = Address.parse(server)
        return next((source for base, source in self.sources if base.holds(address)), None)


@dataclass(frozen=True, slots=True)
class OwnTokens:
    """A `Fetch` that brings our own token to servers at which we are registered, where the call brought none."""

    fetch: Fetch
    backend: Backend

    def __call__(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        """Fetch as the `Fetch` inside does; raises `FetchFailed`."""
        source = self.backend.of(server) if token is None else None
        if source is None:
            return self.fetch(server, path, token, deadline)
        own = source.token(deadline)
        try:
            return self.fetch(server, path, own, deadline)
        except FetchFailed as failed:
            if failed.why != REFUSED:
                raise
        # It may have been taken back before its end: one new one is asked for.
        source.refused(own)
        return self.fetch(server, path, source.token(deadline), deadline)


def backend(
    file: Path, *, allowed: Iterable[str], types: Iterable[str], private_networks: Iterable[str] = ()
) -> Backend:
    """Return our access as the file says; `types` are what the services read. Raises KnowledgeError with its line."""
    read = read_as(file, BackendFile)
    keys = OwnKeys(file.parent / read.content.keys_file)
    try:
        keys.start()
    except WrongKeyFile as error:
        raise read.error(("keys-file",), str(error)) from error
    listed, usual = AllowList(allowed), tuple(f"system/{name}.rs" for name in sorted(types))
    networks = list(private_networks)
    sources = []
    for place, line in enumerate(read.content.servers):
        at = ("servers", place)
        if not listed.allows(line.fhir_server):
            problem = f"{line.fhir_server} is no server that may be called: list it for a client or in B12_FHIR_SERVERS"
            raise read.error((*at, "fhir-server"), problem)
        if line.algorithm is not None and keys.signing(line.algorithm) is None:
            raise read.error((*at, "algorithm"), f"there is no key for {line.algorithm} in {keys.file.name}")
        if line.token_url is not None and not _may_send(line):
            raise read.error((*at, "token-url"), "a token is asked for over https only")
        sources.append((Address.parse(line.fhir_server), _source(line, keys, usual, networks)))
    # The narrower of two bases is asked first.
    return Backend(tuple(sorted(sources, key=lambda each: -len(each[0].path))), keys)


def types_read(templates: Iterable[Template]) -> frozenset[str]:
    """Return the types of resources that templates ask for, and those that are read by reference."""
    asked = {template.url.partition("/")[0].partition("?")[0] for template in templates}
    return frozenset(asked | {"Medication"})


def _may_send(line: ServerLine) -> bool:
    asked, own = Address.parse(line.token_url or line.fhir_server), Address.parse(line.fhir_server)
    return asked.scheme == "https" or (asked.scheme, asked.host) == (own.scheme, own.host)


def _source(line: ServerLine, keys: OwnKeys, usual: tuple[str, ...], private_networks: list[str]) -> TokenSource:
    named = [line.fhir_server, *([line.token_url] if line.token_url else [])]
    return TokenSource(
        fhir_server=line.fhir_server,
        client_id=line.client_id,
        scopes=tuple(line.scopes or usual),
        keys=keys,
        networks=Networks(private_networks, named),
        token_url=line.token_url,
        algorithm=line.algorithm,
    )


def add_jwks(app: Flask, keys: OwnKeys) -> None:
    """Publish the public keys, for the servers at which we are registered."""

    def published() -> Response:
        body = msgspec.json.encode(keys.published())
        return Response(body, mimetype="application/json", headers={"Cache-Control": "max-age=300"})

    app.add_url_rule(JWKS, "jwks", published, methods=["GET"], provide_automatic_options=False)
