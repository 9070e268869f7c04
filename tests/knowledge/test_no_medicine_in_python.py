"""No dose, threshold, code or drug name stands in Python: all of it is in the mappings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cds_hooks
import service
from service.knowledge.check_digits import well_formed
from service.knowledge.load import load

KNOWN = load()
ROOTS = [Path(package.__path__[0]) for package in (service, cds_hooks)]
FILES = {f"{root.name}/{file.relative_to(root).as_posix()}": file for root in ROOTS for file in root.rglob("*.py")}
CODES = {code for _, code in (*KNOWN.index.concepts, *KNOWN.index.tests, *KNOWN.index.emittable)}
DRUGS = [re.compile(rf"\b{drug}", re.IGNORECASE) for drug in KNOWN.book.drugs]
#: A number with a unit of doses or of laboratories.
MEASURE = re.compile(r"\b\d+(?:\.\d+)?\s*(?:micrograms?|mc?g|ug|[nup]?g/m?L|[pnum]+mol/L|IU)\b")
#: Every line where a band ends and every limit that no date or page size could be by chance.
THRESHOLDS = {
    float(edge)
    for protocol in KNOWN.book.protocols.values()
    for lines in protocol.bands.values()
    for line in lines.values()
    for edge in (line.low_below, line.unlikely)
} | {0.75, 0.4, 0.28, 3.5, 0.05, 308.0, 914.0, 674.0}


def constants(file: Path) -> Iterator[tuple[int, Any]]:
    """Every literal of a file with its line, docstrings left out."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value


def medicine(value: Any) -> str | None:
    """What a literal holds that belongs into the mappings, or None."""
    if isinstance(value, str):
        if sorted(value) == list("0123456789"):
            return None  # a row of Verhoeff's tables
        if value in CODES or any(well_formed(system, value) is None for system in ("loinc", "sct", "atc")):
            return "a code"
        if any(drug.search(value) for drug in DRUGS):
            return "a drug"
        if MEASURE.search(value):
            return "a dose or result"
        return "a threshold" if _number(value) in THRESHOLDS else None
    return "a threshold" if isinstance(value, int | float) and float(value) in THRESHOLDS else None


def _number(text: str) -> float | None:
    return float(text) if re.match(r"^\d+(?:\.\d+)?$", text) else None


@pytest.mark.parametrize(
    ("literal", "found"),
    [
        ("2132-9", "a code"),
        ("13965-9", "a code"),
        ("190634004", "a code"),
        ("B03BA03", "a code"),
        ("D51.0", "a code"),
        ("no cyanocobalamin", "a drug"),
        ("Hydroxocobalamin is off-label", "a drug"),
        ("1000 micrograms daily", "a dose or result"),
        ("0.5mg", "a dose or result"),
        ("under 180 ng/L", "a dose or result"),
        ("0.75", "a threshold"),
        (0.75, "a threshold"),
        (133, "a threshold"),
        ("1576283094", None),
        ("cobalamin or cobalt allergy", None),
        ("2026-03-02", None),
        (1024, None),
    ],
)
def test_the_search_finds_medicine_and_nothing_else(literal: object, found: str | None) -> None:
    assert medicine(literal) == found


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_medicine_stands_in(name: str) -> None:
    lines = FILES[name].read_text(encoding="utf-8").splitlines()
    found = [
        f"{name}:{line}: {medicine(value)}: {value!r}"
        for line, value in constants(FILES[name])
        if medicine(value) and not _a_status_of_http(value, lines[line - 1])
    ]

    assert found == []


def _a_status_of_http(value: object, line: str) -> bool:
    """Whether 400 is Bad Request here, and not a line between two bands."""
    return value == 400 and "status" in line
