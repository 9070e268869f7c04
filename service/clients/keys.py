"""The key sources of an issuer, by the `jku` a token may name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cds_hooks.keys import KeySource, KeysUnreachable, WrongKeys
from cds_hooks.keys_from import from_file, from_url
from cds_hooks.outbound import Networks
from service.clients.shape import ClientsFile
from service.knowledge.files import Read


def key_sources(read: Read[ClientsFile], place: int, private_networks: Iterable[str]) -> dict[str | None, KeySource]:
    """Return the keys of the issuer at a place of the file: under each `jku` that is allowed, and under None.

    Keys from a file are read now; a `jku` is then only looked up in the list. Raises KnowledgeError.
    """
    line = read.content.issuers[place]
    at = ("issuers", place)
    if line.keys_file is not None:
        source = KeySource(line.issuer, from_file(beside(read.document.file, line.keys_file)))
        try:
            source.read_now()
        except (KeysUnreachable, WrongKeys) as error:
            raise read.error((*at, "keys-file"), f"keys-file: {error}") from error
        return dict.fromkeys([None, *line.jku], source)
    assert line.keys is not None
    sources: dict[str | None, KeySource] = {}
    for url in dict.fromkeys([line.keys, *line.jku]):
        try:
            sources[url] = KeySource(line.issuer, from_url(url, Networks(private_networks, [url])))
        except ValueError as error:
            path = (*at, "keys") if url == line.keys else (*at, "jku", line.jku.index(url))
            raise read.error(path, f"{url}: {error}") from error
    return {None: sources[line.keys], **sources}


def beside(file: Path, name: str) -> Path:
    """Return a file that another one names, relative to that one's folder."""
    return file.parent / name
