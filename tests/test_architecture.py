"""The house stands as drawn: who may import whom, how long a module is, and that what is asked for is what is read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from cds_hooks.prefetch import URL_LIMIT, Template
from service.domain.index import CodeIndex
from service.domain.terms import Role
from service.knowledge.load import load
from service.prefetch import RARE, REQUIRED, TITLES, templates

ROOT = Path(__file__).parents[1]
ROOMS = ("service", "cds_hooks")
MODULES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
#: A page is about 150 lines, and no thought needs more than two and a bit.
LONGEST = 350


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_the_import_contracts_hold() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", ended.stdout)


def test_the_contracts_would_notice_the_domain_looking_outside() -> None:
    """The list of what is forbidden is complete: no import in the domain is from anywhere but the standard library."""
    allowed = sys.stdlib_module_names | {"service"}
    imports = {(name(file), module) for file in MODULES if "domain" in file.parts for module in imported(file)}

    assert {(file, module) for file, module in imports if module.partition(".")[0] not in allowed} == set()
    assert {
        (file, module)
        for file, module in imports
        if module.startswith("service") and not module.startswith("service.domain")
    } == set()


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def test_no_module_is_longer_than_a_person_reads_in_one_sitting() -> None:
    long = {name(file) for file in MODULES if len(file.read_text(encoding="utf-8").splitlines()) > LONGEST}

    assert long == set()


def test_every_module_says_in_its_first_line_what_it_is() -> None:
    written = {file: ast.parse(file.read_text(encoding="utf-8")) for file in MODULES}

    assert [name(file) for file, tree in written.items() if tree.body and not ast.get_docstring(tree)] == []


def test_the_domain_reads_no_clock_no_file_and_no_chance() -> None:
    reached = {module for file in MODULES if "domain" in file.parts for module in imported(file)}
    text = "".join(file.read_text(encoding="utf-8") for file in MODULES if "domain" in file.parts)

    assert reached.isdisjoint({"time", "random", "os", "pathlib", "uuid", "logging", "secrets"})
    assert not re.search(r"\.(today|now|utcnow)\(\)|\bopen\(", text)


def test_no_drug_stands_in_the_code() -> None:
    """Doses, codes and names are data: what a site changes is a mapping file."""
    drugs = load().book.drugs
    found = {
        name(file)
        for file in MODULES
        if "sandbox" not in file.parts
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in drugs
    }

    assert found == set()


def asked_codes(template: Template) -> set[tuple[str, str]]:
    """The codes of a template's query."""
    (codes,) = parse_qs(template.url.partition("?")[2], keep_blank_values=True)["code"]
    return {(system, code) for system, _, code in (pair.partition("|") for pair in codes.split(","))}


@pytest.fixture(scope="module")
def index() -> CodeIndex:
    return load().index


def test_every_code_that_is_read_as_a_result_is_asked_for_and_no_other(index: CodeIndex) -> None:
    asked = {template.key: asked_codes(template) for template in templates(index) if "code=" in template.url}
    read = {*index.tests, *(key for key, concept in index.concepts.items() if Role.STATUS_OBSERVATION in concept.roles)}

    assert asked["b12"] | asked["bloods"] == read
    assert asked["b12"] & asked["bloods"] == set()
    assert len(read) > 40


def test_daily_blood_counts_cannot_crowd_out_a_rare_test(index: CodeIndex) -> None:
    asked = {template.key: asked_codes(template) for template in templates(index) if "code=" in template.url}

    assert {index.tests[code].test.analyte for code in asked["b12"]} == RARE


def test_every_template_is_short_enough_for_clients_and_has_a_title(index: CodeIndex) -> None:
    made = templates(index)

    assert max(len(template.url) for template in made) < URL_LIMIT == 1900
    assert {template.key for template in made} <= set(TITLES)
    assert set().union(*REQUIRED) <= {template.key for template in made}


def test_medicines_are_asked_for_in_every_form_and_status(index: CodeIndex) -> None:
    """What was taken before explains a deficiency, and spoils a sample."""
    urls = {template.url.partition("?")[0]: template.url for template in templates(index)}

    assert {"MedicationRequest", "MedicationStatement", "MedicationAdministration"} <= set(urls)
    assert [url for url in urls.values() if "status=" in url] == []


def test_a_site_whose_codes_make_a_query_too_long_is_told_so(tmp_path: Path) -> None:
    lines = [
        f'  - {{system: "http://lab.example/codes", code: "{n:06d}", display: "B12", test: b12, property: mass}}'
        for n in range(60)
    ]
    site = tmp_path / "site.yaml"
    site.write_text("codes:\n" + "\n".join(lines) + "\n", encoding="utf-8")

    with pytest.raises(ValueError, match="more than 1900"):
        templates(load(site_codes=site).index)
