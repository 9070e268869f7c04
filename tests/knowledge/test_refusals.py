"""A mapping with one thing wrong is refused, and the refusal names the file, the line and the cure."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from service.knowledge.load import load, shipped
from service.knowledge.strict_yaml import KnowledgeError

UK = "regimens/uk.yaml"
US = "regimens/us.yaml"
COMMON = "protocols/common.yaml"
NICE = "protocols/uk-ng239.yaml"
TESTS = "findings/analytes.yaml"
DIAGNOSES = "findings/diagnoses.yaml"
PRODUCTS = "products/uk.yaml"
TITLE = "title: hydroxocobalamin injections, standard"
RANGE = '"ng/L": ["20", "10000"]'
STRENGTH = 'strength: {value: "1", unit: mg}'


class Broken(NamedTuple):
    """One thing changed in one file, and what the refusal must say; `after` lines below the change."""

    file: str
    old: str
    new: str
    says: str
    after: int = 0


YAML = {
    "a repeated key": Broken(UK, "    drug: hydro", "    drug: x\n    drug: hydro", "'drug' stands twice: keep one", 1),
    "an unquoted decimal": Broken(COMMON, '"0.40"', "0.40", 'written in quotes, exactly as printed: "0.40"'),
    "on": Broken(UK, TITLE, "title: on", 'write "on"'),
    "no": Broken(UK, TITLE, "title: no", 'write "no"'),
    "a capital No": Broken(UK, TITLE, "title: No", 'write "No"'),
    "a capital True": Broken(UK, TITLE, "title: True", 'write "True"'),
    "a capital NULL": Broken(UK, TITLE, "title: NULL", 'write "NULL"'),
    "an octal number": Broken(UK, TITLE, "title: 0123", 'write "0123"'),
    "a hexadecimal number": Broken(UK, TITLE, "title: 0x1F", 'write "0x1F"'),
    "a time of day": Broken(UK, TITLE, "title: 12:30", 'write "12:30"'),
    "infinity": Broken(UK, TITLE, "title: .inf", 'write ".inf"'),
    "an exponent": Broken(UK, TITLE, "title: 1e3", '"1e3"'),
    "digits in groups": Broken(UK, TITLE, "title: 1_000", '"1_000"'),
    "a day that never was": Broken(NICE, "start: 2024-03-06", "start: 2024-02-30", "2024-02-30 is no day"),
    "a tab": Broken(UK, "    drug: hydro", "\tdrug: hydro", "not YAML"),
    "an anchor": Broken(UK, TITLE, "title: &name standard", "write the value out"),
    "a tag": Broken(UK, TITLE, "title: !!str standard", "write the value out"),
    "a merge key": Broken(UK, "    drug: hydro", "    <<: {drug: x}\n    drug: hydro", "a key must be plain text"),
    "a list for a key": Broken(
        UK, "    drug: hydro", "    ? [x]\n    : y\n    drug: hydro", "a key must be plain text"
    ),
    "a bracket left open": Broken(UK, "routes: [intramuscular]", "routes: [intramuscular", "not YAML", 1),
    "a second document": Broken(UK, "regimens:", "regimens: []\n---\nregimens:", "not YAML", 1),
}

SHAPE = {
    "an unknown key": Broken(
        UK, "    drug: hydro", "    colour: red\n    drug: hydro", "colour: this key is not known"
    ),
    "a mistyped key": Broken(NICE, "publisher: NICE", "publischer: NICE", "known: id, extends, version"),
    "a missing key": Broken(NICE, "id: uk-ng239\n", "", "id: is required and not there"),
    "an unquoted limit": Broken(COMMON, 'value: "16"', "value: 16", "a number is written in quotes"),
    "an unquoted dose": Broken(UK, 'low: "1"', "low: 1", "a number is written in quotes"),
    "an unquoted code": Broken(DIAGNOSES, '"190634004"', "190634004", "should be a valid string"),
    "a word for a number": Broken(COMMON, '"0.40"', '"lots"', "exactly as printed"),
    "not a number": Broken(COMMON, '"0.40"', '"NaN"', "exactly as printed"),
    "a number below zero": Broken(COMMON, '"0.40"', '"-0.40"', "exactly as printed"),
    "an empty title": Broken(UK, TITLE, 'title: ""', "at least 1 character"),
    "an unknown letter": Broken(UK, "letter: V", "letter: X", "'V', 'S' or 'M'"),
    "an unknown mechanism": Broken("causes/diet.yaml", "mechanism: dietary", "mechanism: hunger", "'dietary'"),
    "an unknown status": Broken(NICE, "status: active", "status: current", "'draft', 'active' or 'retired'"),
    "an unknown notice": Broken("wording.yaml", "  urgent-neuro:\n", "  urgent-nerves:\n", "'urgent-neuro'", 1),
    "an unknown test": Broken(NICE, "  active-b12:\n", "  actif-b12:\n", "'active-b12'", 1),
    "a dose range upside down": Broken(UK, 'low: "50", high: "150"', 'low: "150", high: "50"', "50 is below 150"),
    "an interval upside down": Broken(UK, "period: 2, period-max: 3", "period: 4, period-max: 3", "3 is below 4"),
    "a count upside down": Broken(US, "count: 6, count-max: 7", "count: 6, count-max: 5", "5 is below 6"),
    "a review in the past": Broken(UK, "review-weeks: {value: 3", "review-weeks: {value: -3", "greater than or equal"),
    "an edition that ends first": Broken(NICE, "end: null", "end: 2020-01-01", "2020-01-01 is below 2024-03-06"),
    "a plausible range of one end": Broken(TESTS, RANGE, '"ng/L": ["20"]', "is required and not there"),
    "a plausible range in words": Broken(TESTS, RANGE, '"ng/L": ["20", "many"]', "exactly as printed"),
    "a plausible range unquoted": Broken(TESTS, RANGE, '"ng/L": [20, 10000]', "exactly as printed"),
    "a plausible range upside down": Broken(TESTS, RANGE, '"ng/L": ["10000", "20"]', "20 is below 10000"),
    "a strength in volume": Broken(PRODUCTS, STRENGTH, STRENGTH.replace("mg", "mL"), "'ug' or 'mg'"),
    "a strength of nothing": Broken(PRODUCTS, STRENGTH, STRENGTH.replace('"1"', '"0"'), "greater than 0"),
    "a conflict's number": Broken("conflicts.yaml", "id: C1\n", "id: X1\n", "should match pattern"),
}

MEANING = {
    "a LOINC check digit": Broken(TESTS, '"2132-9"', '"2132-8"', "2132-8: its check digit is wrong"),
    "a SNOMED CT check digit": Broken(DIAGNOSES, '"190634004"', '"190634005"', "its check digit is wrong"),
    "an ICD code's shape": Broken(DIAGNOSES, '"D51.8"', '"51.8"', "is not the shape of a code"),
    "a code with two names": Broken(DIAGNOSES, '"49472006"', '"190634004"', "one code has one name"),
    "a code seen nowhere": Broken(TESTS, "seen: laboratory-catalogues", "seen: nowhere", "not in sources.yaml"),
    "a property a test has not": Broken(TESTS, "property: mass}", "property: weight}", "one of: mass, moles"),
    "an unverified code sent out": Broken("investigations.yaml", '"2132-9"', '"60474-4"', "cannot be emitted"),
    "a topic without a finding": Broken("wording.yaml", '"190634004"', '"190634003"', "cannot be emitted"),
    "an unknown source": Broken(UK, "source: BNF-hydroxo", "source: BNF", "BNF is not in sources.yaml"),
    "an unknown drug": Broken(UK, "drug: hydroxo", "drug: methylo", "known: hydroxocobalamin, cyanocobalamin"),
    "an unknown regimen": Broken(NICE, "{regimen: UK-HYDROXO-NEURO}", "{regimen: UK-NEURO}", "known: UK-HYDROXO-STD"),
    "an unknown bridge": Broken(NICE, "bridge: UK-ORAL-MALABS", "bridge: UK-ORAL", "there is no regimen UK-ORAL;"),
    "an unknown swap": Broken(NICE, "swaps: {UK-ORAL-DIET:", "swaps: {UK-DIET:", "there is no regimen UK-DIET;"),
    "an unknown product list": Broken(NICE, "products: uk", "products: fr", "no product list fr; known: uk, us"),
    "a regimen that no product gives": Broken(
        NICE, "bridge: UK-ORAL-MALABS", "bridge: LABEL-NASAL", "no product of uk"
    ),
    "an unknown parent": Broken(NICE, "extends: common", "extends: me", "extends common"),
    "an unknown drug under the skin": Broken(
        "protocols/us-aafp.yaml", "subcutaneous-first: [cyano", "subcutaneous-first: [nitro", "not in drugs.yaml"
    ),
    "an unknown cause replaced": Broken(
        "causes/bariatric-surgery.yaml", "replaces: [gastrectomy-extent-unknown]", "replaces: [x]", "no cause x"
    ),
    "an unknown protocol in a conflict": Broken(
        "conflicts.yaml", "uk-ng239: {says: injections for", "uk: {says: injections for", "neither a protocol nor"
    ),
    "an unknown regimen in a conflict": Broken(
        "conflicts.yaml", "regimens: [UK-HYDROXO-STD]", "regimens: [UK-HYDROXO]", "there is no regimen UK-HYDROXO;"
    ),
    "an unknown rule in a conflict": Broken("conflicts.yaml", "rules: [K8,", "rules: [K77,", "no status rule K77;"),
    "a conflict that is nobody's": Broken(
        "conflicts.yaml", "{band-differs: true}", "{statuses: [confirmed]}", "say for whom it matters"
    ),
    "an unknown cause to screen for": Broken(
        "protocols/us-aafp.yaml", "    - crohn-disease", "    - crohn", "there is no cause crohn; known: ", -9
    ),
    "an unknown limit": Broken(COMMON, "age-minimum:", "age-minimal:", "known: age-minimum"),
    "a fraction of a whole number": Broken(COMMON, 'value: "16"', 'value: "16.5"', "is a whole number"),
    "a limit that is not UCUM": Broken(COMMON, "unit: umol/L", "unit: micromoles", "compared in umol/L"),
    "a limit in another unit": Broken(
        COMMON, 'mma-raised: {value: "0.40", unit: umol/L', 'mma-raised: {value: "400", unit: nmol/L', "in umol/L"
    ),
    "months in days": Broken(COMMON, 'b12-months: {value: "12", unit: mo', 'b12-months: {value: "365", unit: d', "mo"),
    "a band that is not UCUM": Broken(NICE, "ng/L: {low", "nanograms: {low", "b12 is compared in ng/L, pmol/L"),
    "a band in another unit": Broken(NICE, "ng/L: {low", "nmol/L: {low", "b12 is compared in ng/L, pmol/L"),
    "bands that overlap": Broken(NICE, 'low-below: "180"', 'low-below: "380"', "must end below"),
    "two upper ends": Broken(
        NICE, 'unlikely-above: "350"', 'unlikely-above: "350", unlikely-from: "350"', "either unlikely-above or"
    ),
    "a high B12 in another unit": Broken(COMMON, "lines: {ng/L", "lines: {nanograms", "not a unit B12 is compared in"),
    "a test in no unit": Broken(TESTS, 'mass: "ng/L"', 'mass: "nanograms"', "nanograms is not a UCUM unit", -2),
    "an alias of no unit": Broken("findings/units.yaml", '"mcg/L": "ug/L"', '"mcg/L": "mcg/L"', "not a UCUM unit"),
    "a bridge to no unit": Broken(TESTS, 'to: "umol/L"', 'to: "nmol/L"', "to is one of: umol/L, mg/L"),
    "a product in no unit": Broken(
        PRODUCTS, 'per: {value: "1", unit: mL}', 'per: {value: "1", unit: ml.}', "ml. is not"
    ),
    "a missing row": Broken(NICE, "  undetermined: {", "  #undetermined: {", "the row undetermined is missing", -11),
    "an extra row": Broken(NICE, "  undetermined: {", "  x: {none: because}\n  undetermined: {", "no row is called x"),
    "a row that says both": Broken(NICE, 'why: "cause open', 'none: "x", why: "cause open', "either options or none"),
    "a row that says neither": Broken(
        "protocols/us-label.yaml", "prevention: {none: the", "prevention: {why: the", "give"
    ),
    "a file called otherwise": Broken("causes/diet.yaml", "id: diet\n", "id: food\n", "is called food.yaml"),
    "a protocol called otherwise": Broken(
        "protocols/us-label.yaml", "id: us-label", "id: us-aafp", "called us-aafp.yaml"
    ),
    "a regimen twice": Broken(UK, "id: UK-HYDROXO-NEURO", "id: UK-HYDROXO-STD", "UK-HYDROXO-STD stands twice"),
    "a product twice": Broken(PRODUCTS, "uk-cyanocobalamin-1000", "uk-cyanocobalamin-50", "stands twice"),
    "a source twice": Broken("sources.yaml", "id: NG239-BMJ", "id: NG239-rec", "NG239-rec stands twice"),
    "a drug twice": Broken("drugs.yaml", "id: cyano", "id: hydroxo", "hydroxocobalamin stands twice"),
    "a test twice": Broken(TESTS, "id: active-b12", "id: b12", "the test b12 stands twice"),
    "an investigation twice": Broken(
        "investigations.yaml", "id: active-b12", "id: total-b12", "total-b12 stands twice"
    ),
    "a conflict twice": Broken("conflicts.yaml", "id: C2\n", "id: C1\n", "C1 stands twice"),
    "a route left out": Broken(
        "findings/routes.yaml", "route: nasal", "route: oral", "the route nasal is missing", -10
    ),
}

EVERY = YAML | SHAPE | MEANING


@pytest.fixture
def mappings(tmp_path: Path) -> Path:
    """A copy of the shipped mappings that can be broken."""
    return Path(shutil.copytree(shipped(), tmp_path / "mappings"))


def refusal(folder: Path | None, site: Path | None = None) -> KnowledgeError:
    """The error that loading a folder ends in."""
    with pytest.raises(KnowledgeError) as refused:
        load(folder, site)
    return refused.value


@pytest.mark.parametrize("name", EVERY)
def test_one_thing_wrong_is_refused_with_file_line_and_cure(name: str, mappings: Path) -> None:
    broken = EVERY[name]
    file = mappings / broken.file
    text = file.read_text(encoding="utf-8")
    line = text[: text.index(broken.old)].count("\n") + 1
    file.write_text(text.replace(broken.old, broken.new, 1), encoding="utf-8")

    error = refusal(mappings)

    assert (error.file, error.line) == (file, line + broken.after)
    assert broken.says in error.problem


def test_the_copy_loads_before_it_is_broken(mappings: Path) -> None:
    assert load(mappings).book.version == load().book.version


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "the file is empty"), (b"regimens: \xff", "not UTF-8"), (b"regimens: \x07", "not YAML")],
)
def test_a_file_without_readable_content_is_refused(content: bytes, says: str, mappings: Path) -> None:
    (mappings / UK).write_bytes(content)

    error = refusal(mappings)

    assert (error.file, error.line) == (mappings / UK, 1)
    assert says in error.problem


@pytest.mark.parametrize(
    "name", ["sources.yaml", "drugs.yaml", "wording.yaml", "conflicts.yaml", "findings/units.yaml", COMMON]
)
def test_a_file_that_is_not_there_is_refused(name: str, mappings: Path) -> None:
    (mappings / name).unlink()

    error = refusal(mappings)

    assert error.file == mappings / name
    assert "cannot be read" in error.problem


def test_a_cause_that_the_rules_need_is_missed(mappings: Path) -> None:
    (mappings / "causes" / "undetermined.yaml").unlink()

    assert "causes/undetermined.yaml" in refusal(mappings).problem


def test_the_message_tells_two_files_of_one_name_apart(mappings: Path) -> None:
    file = mappings / PRODUCTS
    file.write_text(file.read_text(encoding="utf-8").replace("drug: hydro", "drug: x", 1), encoding="utf-8")

    assert str(refusal(mappings)).startswith("products/uk.yaml:6: ")
