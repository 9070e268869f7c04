"""The conformance check stands alone: it knows no service, and no service needs it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "cds_hooks" / "conformance"


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def test_it_imports_nothing_but_the_protocol_and_libraries() -> None:
    ours = {name for file in CHECK.glob("*.py") for name in imports(file) if name.startswith(("cds_hooks", "service"))}

    outside = {name for name in ours if not name.startswith("cds_hooks.conformance")}
    assert outside == {"cds_hooks.hooks", "cds_hooks.invariants"}


def test_nothing_of_the_protocol_imports_it() -> None:
    rest = [file for file in (ROOT / "cds_hooks").rglob("*.py") if CHECK not in file.parents]

    assert len(rest) > 15
    assert [file.name for file in rest if any("conformance" in name for name in imports(file))] == []


def test_it_speaks_of_no_vitamin() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in CHECK.glob("*.py"))

    assert not re.search(r"b12|cobalamin|vitamin", text, re.IGNORECASE)
