"""The Dockerfile as written: its instructions, what each needs from the folder, a key that says when it changed."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What the check knows how to carry out; any other instruction is refused, for it would be passed over in silence.
KNOWN = frozenset(
    {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"}
)
_FROM = re.compile(r"(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_OPTION = re.compile(r"--(?P<name>[a-z-]+)=(?P<value>\S+)\s+")
_LINE = re.compile(r"(?P<word>[A-Za-z]+)\s+(?P<rest>.+)", re.DOTALL)


class Refused(ValueError):
    """The Dockerfile has something that this check cannot stand for; the message names the line."""


@dataclass(frozen=True)
class Instruction:
    """One instruction: its word, its options, the rest of its line, and the line on which it begins."""

    word: str
    options: dict[str, str]
    rest: str
    line: int

    def listed(self) -> list[str]:
        """Return a command that is written as a JSON list; raises Refused for the shell's form."""
        try:
            command: list[str] = json.loads(self.rest)
        except ValueError as error:
            raise Refused(f"Dockerfile, line {self.line}: {self.word} is not a JSON list of words") from error
        return command


@dataclass(frozen=True)
class Stage:
    """What one FROM begins: the image or earlier stage that it starts from, and its instructions in order."""

    base: str
    name: str
    instructions: tuple[Instruction, ...]


def stages(text: str) -> list[Stage]:
    """Return the stages of a Dockerfile, in order; raises Refused for what the check does not know."""
    found: list[Stage] = []
    for instruction in instructions(text):
        if instruction.word == "FROM":
            told = _FROM.fullmatch(instruction.rest.strip())
            if told is None:
                raise Refused(f"Dockerfile, line {instruction.line}: FROM {instruction.rest}")
            found.append(Stage(told["base"], told["name"] or str(len(found)), ()))
        elif not found:
            raise Refused(f"Dockerfile, line {instruction.line}: {instruction.word} before the first FROM")
        else:
            last = found[-1]
            found[-1] = Stage(last.base, last.name, (*last.instructions, instruction))
    return found


def instructions(text: str) -> Iterator[Instruction]:
    """Yield every instruction; raises Refused for one that the check does not know."""
    whole, begun = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#") or not (whole or line.strip()):
            continue
        begun = begun if whole else number
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        told = _LINE.fullmatch(whole.strip())
        word = told["word"].upper() if told else ""
        if told is None or word not in KNOWN:
            raise Refused(f"Dockerfile, line {begun}: this check cannot carry out {whole.strip()[:60]!r}")
        rest, options = told["rest"], dict[str, str]()
        while option := _OPTION.match(rest):
            options[option["name"]] = option["value"]
            rest = rest[option.end() :]
        yield Instruction(word, options, rest, begun)
        whole = ""
    if whole:
        raise Refused(f"Dockerfile, line {begun}: it goes on after its last line")


def variables(instruction: Instruction, known: dict[str, str]) -> dict[str, str]:
    """Return the environment with what an ENV sets; `$NAME` stands for what was set before."""
    pairs = [word.partition("=") for word in shlex.split(instruction.rest)]
    return {**known, **{name: re.sub(r"\$(\w+)", lambda m: known.get(m[1], ""), value) for name, _, value in pairs}}


def context(folder: Path) -> list[Path]:
    """Return the files that .dockerignore lets through, each relative to the folder.

    Only folders that a rule beginning with `!` names are looked into: the file must begin with `*`.
    """
    rules = [
        (line.removeprefix("!").strip("/"), line.startswith("!"))
        for line in (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    tops = {Path(pattern).parts[0] for pattern, back in rules if back}
    below = (path for top in tops for path in (folder / top, *(folder / top).rglob("*")))
    files = sorted(path.relative_to(folder) for path in below if path.is_file())
    return [file for file in files if _let_through(file, rules)]


def _let_through(file: Path, rules: list[tuple[str, bool]]) -> bool:
    kept = True
    names = [file.as_posix(), *(parent.as_posix() for parent in file.parents if parent.name)]
    for pattern, back in rules:
        if any(fnmatch.fnmatchcase(name, form) for name in names for form in (pattern, pattern.removeprefix("**/"))):
            kept = back
    return kept


def copied(instruction: Instruction, files: list[Path]) -> dict[Path, Path]:
    """Return where each file of the folder goes: its place below the destination, by its place in the folder.

    Raises Refused for a source that .dockerignore does not let through.
    """
    *sources, _ = instruction.rest.split()
    places: dict[Path, Path] = {}
    for source in map(Path, sources):
        below = {file: file.relative_to(source) for file in files if source in file.parents}
        if not below and source not in files:
            raise Refused(f"Dockerfile, line {instruction.line}: .dockerignore lets no {source} through")
        places |= below or {source: Path(source.name)}
    return places


def key(before: str, instruction: Instruction, folder: Path, files: list[Path], stage_keys: dict[str, str]) -> str:
    """Return what this instruction's layer is known by: the layer before it, its words, and what it copies."""
    told = hashlib.sha256(f"{before}\n{instruction.word} {instruction.options} {instruction.rest}\n".encode())
    if instruction.word == "COPY" and "from" in instruction.options:
        told.update(stage_keys[instruction.options["from"]].encode())
    elif instruction.word == "COPY":
        for file in sorted(copied(instruction, files)):
            told.update(f"{file}\n".encode() + (folder / file).read_bytes())
    return told.hexdigest()[:24]
