"""The shape of mappings/sources.yaml: every document once."""

from __future__ import annotations

from service.knowledge.schema.base import Strict


class SourceLine(Strict):
    """A document cited by the knowledge."""

    id: str
    title: str
    publisher: str
    url: str | None


class CodeSource(Strict):
    """A place where codes were seen with their meaning."""

    id: str
    title: str


class SourcesFile(Strict):
    """mappings/sources.yaml."""

    sources: list[SourceLine]
    codes: list[CodeSource]
