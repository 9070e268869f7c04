"""YAML without surprises: every value remembers its line; what YAML would guess is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

#: Plain words that YAML 1.1 turns into something else.
_SURPRISES = re.compile(
    r"^(?:yes|no|on|off|y|n|true|false|null)$|^[-+]?0[0-9]+$|^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9]*)?$"
    r"|^[-+]?0[xob]|^[-+]?\.(?:inf|nan)$",
    re.IGNORECASE,
)
_INTEGER = re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$")
_NUMBER_LIKE = re.compile(r"^[-+]?[0-9][0-9_]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?$|^[-+]?\.[0-9]+$")
#: libyaml reads the mappings ten times as fast; where PyYAML was built without it, its own reader says the same.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DATE = re.compile(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
Path_ = tuple[str | int, ...]


class KnowledgeError(Exception):
    """A mapping that is wrong: says the file, the line, what is wrong and what would be right."""

    def __init__(self, file: Path | str, line: int, problem: str) -> None:
        """Keep the place and the problem."""
        self.file, self.line, self.problem = Path(file), line, problem
        super().__init__(f"{'/'.join(self.file.parts[-2:])}:{line}: {problem}")


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file as plain values, and the line each stands on."""

    file: Path
    value: Any
    lines: dict[Path_, int] = field(repr=False)

    def line(self, path: Path_) -> int:
        """Return the line of a value, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(file: Path) -> Document:
    """Return a YAML file; raises KnowledgeError for what is not plain, strict YAML."""
    try:
        text = file.read_text(encoding="utf-8")
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise KnowledgeError(file, line, "anchors, aliases and tags are not read: write the value out")
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise KnowledgeError(file, line, f"not YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        raise KnowledgeError(file, 1, f"not YAML: {error.reason} (character {error.position + 1})") from error
    except UnicodeDecodeError as error:
        raise KnowledgeError(file, 1, "not UTF-8") from error
    if node is None:
        raise KnowledgeError(file, 1, "the file is empty")
    lines: dict[Path_, int] = {}
    return Document(file, _value(node, (), lines, file), lines)


def _value(node: yaml.Node, path: Path_, lines: dict[Path_, int], file: Path) -> Any:
    line = node.start_mark.line + 1
    lines[path] = line
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, file)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, place), lines, file) for place, child in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode):
        raise KnowledgeError(file, line, "only plain values, lists and mappings are read")
    return _scalar(node, file, line)


def _mapping(node: yaml.MappingNode, path: Path_, lines: dict[Path_, int], file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, child in node.value:
        key, line = key_node.value, key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key == "<<":
            raise KnowledgeError(file, line, "a key must be plain text")
        if key in found:
            raise KnowledgeError(file, line, f"the key {key!r} stands twice: keep one")
        found[key] = _value(child, (*path, key), lines, file)
    return found


def _scalar(node: yaml.ScalarNode, file: Path, line: int) -> Any:
    text: str = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in ("null", "~", ""):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _SURPRISES.match(text):
        raise KnowledgeError(file, line, f'{text} means something else to YAML: write "{text}"')
    if _INTEGER.match(text):
        return int(text)
    if _DATE.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise KnowledgeError(file, line, f"{text} is no day: {error}") from error
    if _NUMBER_LIKE.match(text):
        raise KnowledgeError(file, line, f'numbers are written in quotes, exactly as printed: "{text}"')
    return text
