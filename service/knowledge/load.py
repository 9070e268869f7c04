"""Reads mappings/ into the Book and the code index; refuses to go on when anything is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from service.domain.index import CodeIndex
from service.domain.protocol import Book
from service.knowledge import schema as shape
from service.knowledge.build import book_of
from service.knowledge.codes import index_of
from service.knowledge.files import Read, read_as


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known, in the shapes the rooms use."""

    book: Book
    index: CodeIndex
    #: The file of the site's own protocol, if one was loaded.
    local: Read[shape.LocalProtocolFile] | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """The mapping files, read and shaped, each still knowing its lines."""

    sources: Read[shape.SourcesFile]
    findings: tuple[Read[shape.FindingsFile], ...]
    analytes: Read[shape.AnalytesFile]
    units: Read[shape.UnitsFile]
    routes: Read[shape.RoutesFile]
    causes: tuple[Read[shape.CauseFile], ...]
    drugs: Read[shape.DrugsFile]
    regimens: tuple[Read[shape.RegimensFile], ...]
    products: tuple[Read[shape.ProductsFile], ...]
    common: Read[shape.CommonFile]
    protocols: tuple[Read[shape.ProtocolFile], ...]
    conflicts: Read[shape.ConflictsFile]
    investigations: Read[shape.InvestigationsFile]
    wording: Read[shape.WordingFile]
    quieting: Read[shape.QuietingFile]
    calendar: Read[shape.CalendarFile]


def shipped() -> Path:
    """Return the folder of the mappings that come with the service."""
    return Path(str(files("mappings")))


def shelf(folder: Path) -> Shelf:
    """Return every mapping file in its shape; raises KnowledgeError with file and line."""
    findings = folder / "findings"
    special = {"analytes.yaml", "units.yaml", "routes.yaml"}
    return Shelf(
        sources=read_as(folder / "sources.yaml", shape.SourcesFile),
        findings=tuple(read_as(f, shape.FindingsFile) for f in _yaml(findings) if f.name not in special),
        analytes=read_as(findings / "analytes.yaml", shape.AnalytesFile),
        units=read_as(findings / "units.yaml", shape.UnitsFile),
        routes=read_as(findings / "routes.yaml", shape.RoutesFile),
        causes=tuple(read_as(f, shape.CauseFile) for f in _yaml(folder / "causes")),
        drugs=read_as(folder / "drugs.yaml", shape.DrugsFile),
        regimens=tuple(read_as(f, shape.RegimensFile) for f in _yaml(folder / "regimens")),
        products=tuple(read_as(f, shape.ProductsFile) for f in _yaml(folder / "products")),
        common=read_as(folder / "protocols" / "common.yaml", shape.CommonFile),
        protocols=tuple(read_as(f, shape.ProtocolFile) for f in _yaml(folder / "protocols") if f.name != "common.yaml"),
        conflicts=read_as(folder / "conflicts.yaml", shape.ConflictsFile),
        investigations=read_as(folder / "investigations.yaml", shape.InvestigationsFile),
        wording=read_as(folder / "wording.yaml", shape.WordingFile),
        quieting=read_as(folder / "quieting.yaml", shape.QuietingFile),
        calendar=read_as(folder / "calendar.yaml", shape.CalendarFile),
    )


def load(folder: Path | None = None, site_codes: Path | None = None, local: Path | None = None) -> Knowledge:
    """Return the knowledge in a folder, with a site's own code map and protocol added; raises KnowledgeError."""
    folder = folder or shipped()
    read = shelf(folder)
    site = read_as(site_codes, shape.SiteCodesFile) if site_codes else None
    own = read_as(local, shape.LocalProtocolFile) if local else None
    version = digest([folder, *(file for file in (site_codes, local) if file)])
    index = index_of(read, site)
    return Knowledge(book_of(read, index, version, own), index, own)


def protocol_file(name: str) -> Path | None:
    """Return the file that a protocol's name means, or None when it is the id of a shipped one."""
    return Path(name) if name.endswith((".yaml", ".yml")) or "/" in name or "\\" in name else None


def digest(places: list[Path]) -> str:
    """Return the version of a rule set: a short digest of the files that make it."""
    sha = hashlib.sha256()
    for place in places:
        for file in sorted(place.rglob("*.yaml")) if place.is_dir() else [place]:
            sha.update(file.relative_to(place).as_posix().encode() if place.is_dir() else file.name.encode())
            sha.update(file.read_bytes())
    return sha.hexdigest()[:12]


def _yaml(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yaml"))


@cache
def shared_units() -> Mapping[str, str]:
    """Return the unit of every limit by its name, as the shipped protocols share them."""
    common = read_as(shipped() / "protocols" / "common.yaml", shape.CommonFile).content
    return {name: line.unit for name, line in common.limits.items()}
