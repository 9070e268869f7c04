"""Where settings come from: what a file says, what the environment may say, and how a wrong one is told."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from service.knowledge.nearest import meant
from service.knowledge.strict_yaml import Document, KnowledgeError, read

PREFIX = "B12_"
#: The variable that names the settings file.
FILE = "B12_SETTINGS"
DOCUMENT = "docs/settings.md"

#: Names that begin like ours and are not: those of the project's own tests, and those that Kubernetes gives to a pod
#: for every Service beside it (`B12_CDS_SERVICE_HOST`, `B12_CDS_PORT_8000_TCP`, …).
_NOT_OURS = re.compile(r"B12_(TEST_\w+|REAL_DATA|(\w+_)?SERVICE_(HOST|PORT\w*)|(\w+_)?PORT(_\d+_(TCP|UDP)\w*)?)")

Fields = Mapping[str, FieldInfo]


class WrongSettings(ValueError):
    """A setting is missing or wrong; the message names it, and what would be right."""


@dataclass(frozen=True, slots=True)
class FromFile:
    """What a settings file says, by field; nothing where there is no file."""

    values: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None
    document: Document | None = None

    def place(self, name: str) -> str:
        """Return where a setting stands in the file."""
        assert self.file is not None
        lines = {key.replace("-", "_"): line for (key, *rest), line in self._lines() if not rest}
        return f"{self.file.name}:{lines[name]}" if name in lines else self.file.name

    def _lines(self) -> Iterable[tuple[tuple[str, ...], int]]:
        found = self.document.lines if self.document is not None else {}
        return [(tuple(map(str, path)), line) for path, line in found.items() if path]


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def refuse_unknown(environment: Iterable[str], fields: Fields) -> None:
    """Raise WrongSettings for variables that begin like ours and are no setting: a mistyped name changes nothing."""
    known = {FILE, *map(variable, fields)}
    names = sorted({name.upper() for name in environment if name.upper().startswith(PREFIX)})
    strange = [name for name in names if name not in known and not _NOT_OURS.fullmatch(name)]
    if strange:
        told = (
            f"{name}: there is no such setting{meant(name, known)} ({DOCUMENT} has all of them)" for name in strange
        )
        raise WrongSettings("\n".join(told))


def from_file(file: Path, fields: Fields) -> FromFile:
    """Return what a TOML or YAML file says; a path in it is beside the file. Raises WrongSettings."""
    document: Document | None = None
    try:
        if file.suffix == ".toml":
            said: Any = tomllib.loads(file.read_text(encoding="utf-8"))
        elif file.suffix in (".yaml", ".yml"):
            document = read(file)
            said = document.value
        else:
            raise WrongSettings(f"{FILE}: {file.name} is neither .toml nor .yaml")
    except OSError as error:
        raise WrongSettings(f"{FILE}: {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{FILE}: {file.name} is not TOML: {error}") from error
    except KnowledgeError as error:
        raise WrongSettings(f"{FILE}: {error}") from error
    if not isinstance(said, dict):
        raise WrongSettings(f"{FILE}: {file.name} holds no settings by name, such as `protocol: uk-ng239`")
    return FromFile(_named(said, file, fields), file, document)


def _named(said: Mapping[str, Any], file: Path, fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    known = [name.replace("_", "-") for name in fields]
    for key, value in said.items():
        name = key.replace("-", "_")
        if name not in fields:
            raise WrongSettings(f"{file.name}: {key}: there is no such setting{meant(key, known)} ({DOCUMENT})")
        if name in found:
            raise WrongSettings(f"{file.name}: {key}: stands twice, with - and with _: keep one")
        beside = is_path(fields[name]) and isinstance(value, str)
        found[name] = file.parent / value if beside else value
    return found


def is_path(of: FieldInfo) -> bool:
    """Whether a setting names a file."""
    return Path in plain_types(of.annotation)


def plain_types(annotation: Any) -> tuple[Any, ...]:
    """Return the types of an annotation without `or nothing`."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(each for each in get_args(annotation) if each is not type(None))
    return (annotation,)


def cured(place: tuple[int | str, ...], problem: str, fields: Fields, read: FromFile, given: Mapping[str, Any]) -> str:
    """Return one line for a wrong setting: where it stands, what is wrong, what it is, what would be right."""
    name = str(place[0]) if place else ""
    of = fields.get(name)
    inside = "".join(f"[{part}]" for part in place[1:])
    where = f"{read.place(name)}: {name.replace('_', '-')}" if name in given else variable(name)
    if of is None:
        return f"{where}{inside}: {problem}"
    example = f"; for example {shown(of.examples[0])}" if of.examples else ""
    return f"{where}{inside}: {problem.removeprefix('Value error, ')} ({of.description}{example})"


def shown(value: object) -> str:
    """Return a value as it is written in the environment."""
    if isinstance(value, list | tuple):
        return "[" + ", ".join(f'"{each}"' for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
