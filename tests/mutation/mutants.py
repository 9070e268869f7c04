"""The mutants of a module: mutmut's operators on every function, property, cached function and table in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

import libcst as cst
from mutmut.mutation.mutators import mutation_operators

#: What is not run, or run where a change is an error of Python's own.
_PASSED_OVER = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True, slots=True, eq=False)
class Mutant:
    """One top-level statement of a module, and what stands there instead."""

    file: Path
    statements: Sequence[str]
    nth: int
    changed: str
    place: str

    @property
    def original(self) -> str:
        """The module as it is."""
        return "".join(self.statements)

    @property
    def source(self) -> str:
        """The module with the change in it."""
        return "".join([*self.statements[: self.nth], self.changed, *self.statements[self.nth + 1 :]])

    @property
    def digest(self) -> str:
        """What tells the mutant from every other of any version of the module."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:16]

    def words(self) -> str:
        """The change on one line: module, place, what stood there, what stands there now."""
        old, new = self.statements[self.nth].splitlines(), self.changed.splitlines()
        lines = list(unified_diff(old, new, n=0, lineterm=""))[3:]
        before, after = (" ".join(each[1:].strip() for each in lines if each[0] == sign) for sign in "-+")
        return f"{self.file.stem} · {self.place} · {before} → {after}"


def mutants(file: Path) -> Iterator[Mutant]:
    """Every mutant of a file, each text once."""
    text = file.read_text(encoding="utf-8")
    module = cst.parse_module(text)
    body = [module.code_for_node(each) for each in module.body]
    before, _, after = text.partition("".join(body))
    statements = [before, *body, after]
    for nth, statement in enumerate(module.body, start=1):
        found, seen = _Found(), {statements[nth]}
        statement.visit(found)
        for place, old, new in found.changes:
            changed = module.code_for_node(statement.deep_replace(old, new))  # type: ignore[arg-type]
            if changed not in seen:
                seen.add(changed)
                yield Mutant(file, statements, nth, changed, place)


class _Found(cst.CSTVisitor):
    """Collects the changes of one statement."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []
        self._within: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, _PASSED_OVER) or _measures(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._within.append(node.name.value)
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.changes.extend((".".join(self._within), node, new) for new in operator(node))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._within.pop()


def _measures(node: cst.CSTNode) -> bool:
    """Return whether this is a call whose changed arguments can only raise."""
    return isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in ("len", "isinstance")
