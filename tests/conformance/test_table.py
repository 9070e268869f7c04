"""docs/conformance.md says what is tested, and is true."""

from __future__ import annotations

import pytest

from cds_hooks.conformance.rules import RULES

from .table import PAGE, by_rule, collected, page


@pytest.fixture(scope="module")
def nodes() -> tuple[str, ...]:
    return collected()


def test_the_page_is_what_the_tests_ids_make_it(nodes: tuple[str, ...]) -> None:
    assert PAGE.read_text(encoding="utf-8") == page(nodes), "write it anew: python -m tests.conformance.table"


def test_every_id_that_a_protocol_test_carries_is_one_of_the_checklist(nodes: tuple[str, ...]) -> None:
    assert {rule[0] for rule in by_rule(nodes)} <= set("ABCDEFGHIJ")
    assert {"A1", "B1", "C4", "D11", "E4", "F2", "J7"} <= set(by_rule(nodes)) & set(RULES)


@pytest.mark.parametrize(
    ("node", "rules"),
    [
        ("tests/cds_hooks/test_calls.py::test_d11_e4_a_412", {"D11", "E4"}),
        ("tests/cds_hooks/test_calls.py::test_b1_to_b4_discovery", {"B1", "B2", "B3", "B4"}),
        ("tests/cds_hooks/test_wire.py::test_a_broken_rule_is_named[cds-resp-6-cards6]", {"F7"}),
        ("tests/cds_hooks/test_wire.py::test_a_broken_rule_is_named[F2-cards9]", {"F2"}),
        ("tests/cds_hooks/test_wire.py::test_a_whole_card_breaks_no_invariant", set()),
    ],
)
def test_an_id_is_read_from_a_tests_name_or_from_its_case(node: str, rules: set[str]) -> None:
    assert set(by_rule([node])) == rules
