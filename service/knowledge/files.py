"""One mapping file: read strictly, put into its shape, and able to say on which line an error stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from service.knowledge.strict_yaml import Document, KnowledgeError, read

Shape = TypeVar("Shape", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class Read(Generic[Shape]):
    """A mapping file in its shape, and the document that knows its lines."""

    document: Document
    content: Shape

    def error(self, path: tuple[str | int, ...], problem: str) -> KnowledgeError:
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
        path = tuple(first["loc"])
        raise KnowledgeError(file, document.line(path), _cure(path, first["msg"], first["type"], shape)) from error


def _cure(path: tuple[str | int, ...], message: str, kind: str, shape: type[BaseModel]) -> str:
    where = ".".join(map(str, path)) or "the file"
    if kind == "extra_forbidden":
        known = ", ".join(_known(shape, path))
        return f"{where}: this key is not known here" + (f"; known: {known}" if known else "")
    if kind == "missing":
        return f"{where}: is required and not there"
    return f"{where}: {message}"


def _known(shape: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Return the keys known at the top of a file; deeper shapes are in the editor schema."""
    if len(path) != 1:
        return []
    return [field.alias or name for name, field in shape.model_fields.items()]
