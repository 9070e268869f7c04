"""The shipped mappings: complete, cited, named once, and at one with each other."""

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.domain.orders import product_for
from service.domain.protocol import Protocol, Regimen, Step
from service.domain.terms import Letter, Mechanism, Notice
from service.knowledge.load import Knowledge, load, shelf, shipped
from service.knowledge.schema import SYSTEMS
from service.knowledge.strict_yaml import read

KNOWN: Knowledge = load()
BOOK = KNOWN.book
FILES = sorted(shipped().rglob("*.yaml"))
PRINTED = re.compile(r"^[0-9]+(\.[0-9]+)?$")
#: Keys whose digits are names, not measures.
NAMES = {"code", "version", "id", "units", "unit", "aliases"}


def mappings(value: object) -> Iterator[dict[str, Any]]:
    """Every mapping in a value, however deep."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(child)


def uncited(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every number that no citation stands around."""
    if isinstance(value, dict):
        if "cite" not in value:
            for key, child in value.items():
                if key not in NAMES:
                    yield from uncited(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from uncited(child, (*path, place))
    elif not isinstance(value, bool) and (isinstance(value, int) or PRINTED.match(str(value))):
        yield path


def offered(protocol: Protocol) -> Iterator[Regimen]:
    """Every regimen that a protocol can end in."""
    for row in protocol.table.values():
        for choice in row.choices:
            yield choice.regimen
            if choice.then:
                yield choice.then
    yield from filter(None, (protocol.bridge, protocol.leber, *protocol.pregnancy_swaps.values()))
    yield from (move.regimen for move in (protocol.to_tablets, protocol.to_nasal) if move)


STEPS = [
    pytest.param(protocol, regimen, step, id=f"{protocol.id}-{regimen.id}-{number}")
    for protocol in BOOK.protocols.values()
    for regimen in {found.id: found for found in offered(protocol)}.values()
    for number, step in enumerate(regimen.steps)
]


@pytest.mark.parametrize("file", FILES, ids=[file.relative_to(shipped()).as_posix() for file in FILES])
def test_every_number_is_cited(file: Path) -> None:
    document = read(file)

    # A product's strength is not a claim: it is the product's name, which the next test holds it to.
    missing = [path for path in uncited(document.value) if not {"strength", "per"} & set(map(str, path))]

    assert [f"{file.name}:{document.line(path)}: {path}" for path in missing] == []


@pytest.mark.parametrize("name", sorted({p.id for protocol in BOOK.protocols.values() for p in protocol.products}))
def test_a_products_strength_stands_in_its_text(name: str) -> None:
    product = next(p for protocol in BOOK.protocols.values() for p in protocol.products if p.id == name)
    unit = {"ug": "micrograms?", "mg": "mg"}[product.strength.unit]
    per = "/mL" if product.per.unit == "mL" else ""

    assert re.search(rf"(?<!\d){product.strength.value} {unit}{per}\b", product.text)
    assert product.drug in product.text


def test_every_citation_resolves_to_a_document_and_a_letter() -> None:
    cites = [line["cite"] for file in FILES for line in mappings(read(file).value) if "cite" in line]

    assert len(cites) > 150
    assert {cite["source"] for cite in cites} <= BOOK.sources.keys()
    assert {cite["letter"] for cite in cites} == {letter.value for letter in Letter}


def test_a_design_decision_is_never_called_verified() -> None:
    cites = [line["cite"] for file in FILES for line in mappings(read(file).value) if "cite" in line]

    assert {cite["letter"] for cite in cites if cite["source"].startswith("B12CDS-")} == {"M"}


def test_every_document_that_can_be_opened_has_an_address() -> None:
    addresses = [source.url for source in BOOK.sources.values() if source.url is not None]

    assert all(re.match(r"^https?://\S+$", url) for url in addresses)
    assert len(addresses) == len(set(addresses))


def test_one_code_has_one_name() -> None:
    names = defaultdict(set)
    for file in FILES:
        for line in mappings(read(file).value):
            if "trust" in line:
                names[line["system"], line["code"]].add(line["display"])

    assert {code: found for code, found in names.items() if len(found) > 1} == {}


def test_only_verified_codes_can_be_sent_out() -> None:
    lines = [line for file in FILES for line in mappings(read(file).value) if "trust" in line]

    verified = {(SYSTEMS[line["system"]], line["code"]) for line in lines if line["trust"] == "verified"}

    assert KNOWN.index.emittable.keys() == verified
    assert len(verified) < len(lines)


def test_a_code_from_memory_is_not_called_verified() -> None:
    lines = [line for file in FILES for line in mappings(read(file).value) if "trust" in line]

    assert {line["trust"] for line in lines if line["seen"] == "none"} == {"unverified"}


def test_every_route_by_which_a_regimen_goes_can_be_said() -> None:
    routes = {route for protocol in BOOK.protocols.values() for found in offered(protocol) for route in found.routes}

    assert {route for route in routes if route not in BOOK.routes} <= {"oral"}  # its code is not verified: text only


def test_every_mechanism_has_a_cause_and_every_table_a_row_for_it() -> None:
    mechanisms = {cause.mechanism for cause in BOOK.causes.values()}

    assert mechanisms == set(Mechanism)
    for protocol in BOOK.protocols.values():
        # A disorder of transport is never planned for: it is referred.
        assert mechanisms - {Mechanism.TRANSPORT_METABOLIC} <= protocol.table.keys()


@pytest.mark.parametrize(("protocol", "regimen", "step"), STEPS)
def test_every_step_offered_can_be_given_with_a_product(protocol: Protocol, regimen: Regimen, step: Step) -> None:
    product = product_for(step, regimen.drug, regimen.routes[0], protocol)

    assert product is not None


@pytest.mark.parametrize(("protocol", "regimen", "step"), STEPS)
def test_a_steps_text_says_its_dose(protocol: Protocol, regimen: Regimen, step: Step) -> None:
    numbers = {Decimal(found) for found in re.findall(r"\d+(?:\.\d+)?", step.text)}
    written = {dose if " mg" not in step.text or step.unit == "mg" else dose / 1000 for dose in _doses(step)}

    assert written <= numbers


def _doses(step: Step) -> set[Decimal]:
    return {step.low, step.high if step.high is not None else step.low}


@pytest.mark.parametrize(("protocol", "regimen", "step"), STEPS)
def test_a_steps_count_fits_its_weeks(protocol: Protocol, regimen: Regimen, step: Step) -> None:
    timing = step.timing
    if timing.count is not None and timing.weeks is not None:
        days = {"d": 1, "wk": 7}[timing.unit] * timing.period
        most = -(-timing.weeks * 7 // days) * timing.frequency

        assert timing.count == most
    else:
        assert timing.count is None or timing.weeks is None


@pytest.mark.parametrize(("protocol", "regimen", "step"), STEPS)
def test_a_step_without_an_end_says_what_ends_it_or_is_maintenance(
    protocol: Protocol, regimen: Regimen, step: Step
) -> None:
    assert step.bounded or step.ends_when or step.phase == "maintenance"


def test_the_two_doses_of_injected_cyanocobalamin_are_never_mixed() -> None:
    for protocol, dose in (("us-label", 100), ("us-aafp", 1000)):
        injected = [r for r in offered(BOOK.protocols[protocol]) if r.injected and r.drug == "cyanocobalamin"]

        assert {step.low for regimen in injected for step in regimen.steps} == {dose}


def test_an_unreviewed_rule_set_names_no_reviewer() -> None:
    assert {protocol.reviewer for protocol in BOOK.protocols.values()} == {None}


def test_every_notice_with_a_sentence_is_one_the_rules_can_give() -> None:
    assert set(BOOK.wording.sentences) <= {notice.value for notice in Notice}


def test_the_sixteen_conflicts_of_the_reference_are_all_there_each_with_another_view_to_show() -> None:
    assert [conflict.id for conflict in BOOK.conflicts] == [f"C{number}" for number in range(1, 17)]
    for conflict in BOOK.conflicts:
        for protocol in BOOK.protocols:
            assert conflict.positions.keys() - {protocol}, conflict.id


def test_every_position_of_a_conflict_says_how_it_was_verified() -> None:
    said = [words for conflict in BOOK.conflicts for words in conflict.positions.values()]

    assert [words for words in said if not re.search(r" \([VSM]\)$", words)] == []


def test_no_regimen_is_beyond_the_reach_of_every_protocol_unless_it_is_for_sites_to_choose() -> None:
    protocols = "".join(file.read_text() for file in (shipped() / "protocols").glob("*.yaml"))
    lines = [line for file in shelf(shipped()).regimens for line in file.content.regimens]
    named = {line.id for line in lines if re.search(rf"\b{line.id}\b", protocols)}

    assert {line.id for line in lines if not line.for_sites} == named
    assert {line.id for line in lines if line.for_sites} == {
        "UK-HYDROXO-SPC",
        "UK-HYDROXO-LEBER",
        "US-IM-SEVERAL",
        "TRIAL-OB12-IM",
        "TRIAL-OB12-ORAL",
    }


def test_the_version_is_the_content_of_the_files(tmp_path: Path) -> None:
    assert re.match(r"^[0-9a-f]{12}$", BOOK.version)
    assert load().book.version == BOOK.version
