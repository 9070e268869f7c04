"""Every rule that the conformance check knows: a service that breaks just it is found out under just its id."""

from __future__ import annotations

import pytest

from cds_hooks.conformance.ledger import Verdict
from cds_hooks.conformance.rules import RULES

from .kit import FREE_PORT, broken, checked, client, told
from .stub import FLAWS, NEEDS_LISTENING, Stub


def test_a_sound_service_passes_every_rule_and_none_is_left_untried() -> None:
    report = checked(Stub(client()), listen=FREE_PORT)

    assert {result.rule.id: result.reason for result in report.results if result.verdict is not Verdict.PASSED} == {}
    assert report.conforms


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_service_that_breaks_one_rule_is_found_out_under_its_id(flaw: str) -> None:
    rule = RULES[flaw.partition("-")[0]]
    listen = FREE_PORT if flaw in NEEDS_LISTENING else None
    report = checked(Stub(client(), flaw), listen=listen, jku=flaw == "J11")

    assert broken(report) == {rule.id: Verdict.FAILED if rule.level.fails else Verdict.WARNING}, told(report)
    assert report.conforms is not rule.level.fails


def test_a2_a_service_without_tls_beyond_this_machine_is_found_out() -> None:
    assert broken(checked(Stub(client()), "http://service.example")) == {"A2": Verdict.FAILED}


def test_f19_what_a_client_of_the_third_edition_knows_may_be_used_with_it() -> None:
    assert broken(checked(Stub(client(), "F19"), edition=3)) == {}


def test_j11_a_service_may_be_given_our_keys_by_an_address() -> None:
    report = checked(Stub(client()), listen=FREE_PORT, jku=True)

    assert broken(report) == {}
    assert {result.tried for result in report.results if result.rule.id == "J11"} == {1}


def test_every_rule_has_a_service_that_breaks_it() -> None:
    assert {flaw.partition("-")[0] for flaw in FLAWS} | {"A2"} == set(RULES)
