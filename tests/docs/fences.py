"""The fenced blocks of a document, and what each is marked as: run, sent, kept as a file, or not run and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Documents in which nothing may stand that is not tried.
DOCUMENTS = tuple(
    ROOT / "docs" / f"{name}.md" for name in ("integrate", "operate", "security", "clinical-safety", "protocols")
)
#: Languages that say to do something. A block in one of these without a mark is a mistake.
COMMANDS = frozenset({"sh", "bash", "shell", "console", "http"})
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}(?:\$ )?(?:[A-Z0-9_]+=\S+ )*(?:b12-cds|curl|docker|pip|make|python) .*$", re.MULTILINE)
_WORDS_OF_A_REASON = 3


class Kind(Enum):
    """What is done with a block."""

    SERVE = "the service is started with it, and the blocks after it speak to that service"
    RUN = "a command that must end well"
    SEND = "a request to the service"
    FILE = "a file that later blocks use"
    TOKEN = "what a client signs; later requests carry such a token"
    SAID = "lines or elements that the block before it must have said"
    NOT_RUN = "something for another place, with the reason"
    SHOWN = "nothing to do"


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    document: Path
    line: int
    language: str
    kind: Kind
    marks: dict[str, str]
    body: str

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.document.name}:{self.line}"


class Unmarked(ValueError):
    """A block that says to do something, and not what a test should do with it; the message names its place."""


def blocks(document: Path) -> list[Block]:
    """Return the blocks of a document, in order; raises Unmarked."""
    text = document.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        language, _, mark = fence["info"].strip().partition(" ")
        kind, marks = _read(language, mark.strip(), f"{document.name}:{line}")
        found.append(Block(document, line, language, kind, marks, fence["body"]))
    if bare := _INDENTED.search(_FENCE.sub("", text)):
        raise Unmarked(f"{document.name}: an indented command, which nobody would run: {bare[0].strip()!r}; fence it")
    return found


def _read(language: str, mark: str, place: str) -> tuple[Kind, dict[str, str]]:
    first, _, rest = mark.partition(" ")
    name, _, value = first.partition("=")
    marks = dict(word.partition("=")[::2] for word in rest.split()) | ({name: value} if value else {})
    if first == "not-run":
        if len(rest.split()) < _WORDS_OF_A_REASON:
            raise Unmarked(f"{place}: it is not run, and no reason is given")
        return Kind.NOT_RUN, {"reason": rest}
    if language == "http" and first.isdigit():
        return Kind.SEND, {"status": first}
    named = {"run": Kind.RUN, "serve": Kind.SERVE, "file": Kind.FILE, "token": Kind.TOKEN, "said": Kind.SAID}
    if name in named:
        return named[name], marks
    if language in COMMANDS or mark:
        raise Unmarked(
            f"{place}: a block marked {f'{language} {mark}'.strip()!r}: run, serve, not-run and why, or a status"
        )
    return Kind.SHOWN, marks
