"""One mapping file: read strictly, put into its shape, and able to say on which line an error stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from service.knowledge.nearest import meant
from service.knowledge.strict_yaml import Document, KnowledgeError, read

Shape = TypeVar("Shape", bound=BaseModel, covariant=True)
Place = tuple[str | int, ...]
_QUOTED = re.compile(r"'([^']+)'")


@dataclass(frozen=True, slots=True)
class Read(Generic[Shape]):
    """A mapping file in its shape, and the document that knows its lines."""

    document: Document
    content: Shape

    def error(self, path: Place, problem: str) -> KnowledgeError:
        """Return the error that says where in the file the problem is."""
        return KnowledgeError(self.document.file, self.document.line(path), problem)


def read_as(file: Path, shape: type[Shape]) -> Read[Shape]:
    """Return a file in a shape; raises KnowledgeError naming file, line, what is wrong and what would be right."""
    try:
        document = read(file)
    except OSError as error:
        raise KnowledgeError(file, 1, f"cannot be read: {error.strerror}") from error
    try:
        return Read(document, shape.model_validate(document.value))
    except ValidationError as error:
        # A mistyped key is both unknown and missing: the unknown one has the line to mend.
        first = min(error.errors(include_url=False), key=lambda found: found["type"] != "extra_forbidden")
        path = tuple(part for part in first["loc"] if part != "[key]")
        raise KnowledgeError(file, document.line(path), _cure(path, first, shape)) from error


def _cure(path: Place, found: Mapping[str, Any], shape: type[BaseModel]) -> str:
    where = ".".join(map(str, path)) or "the file"
    if found["type"] == "extra_forbidden":
        known = _known(shape, path[:-1])
        hint = meant(path[-1], known)
        return f"{where}: this key is not known here{hint}" + (f"; known: {', '.join(known)}" if known else "")
    if found["type"] == "missing":
        return f"{where}: is required and not there"
    expected = _QUOTED.findall(str(found.get("ctx", {}).get("expected", "")))
    return f"{where}: {found['msg']}{meant(found['input'], expected)}"


def _known(shape: Any, path: Place) -> list[str]:
    """Return the keys that a mapping at a place of a shape can have; none where any name may stand."""
    for part in path:
        shape = _inside(_plain(shape), part)
    shape = _plain(shape)
    if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
        return []
    return [field.alias or name for name, field in shape.model_fields.items()]


def _plain(shape: Any) -> Any:
    """Return a shape without `or nothing`."""
    others = [each for each in get_args(shape) if each is not NoneType]
    return others[0] if len(others) == 1 and NoneType in get_args(shape) else shape


def _inside(shape: Any, part: str | int) -> Any:
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        fields = {field.alias or name: field.annotation for name, field in shape.model_fields.items()}
        return fields.get(str(part))
    return get_args(shape)[-1] if get_origin(shape) in (list, dict) else None
