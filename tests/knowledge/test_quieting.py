"""The table of what an answer quiets: complete for the standard reasons, and strict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from service.domain.quiet_rules import Who
from service.knowledge.load import load, shipped
from service.knowledge.strict_yaml import KnowledgeError

#: CodeSystem non-adherence-reason-codes: six groups, each with its reasons.
STANDARD = {
    "cds-not-applicable": "patient-ineligible indication-order-exists action-completed action-unsuccessful "
    "action-performed-no-adverse-effect action-not-priority",
    "cds-suboptimal-context": "limited-time wrong-time-workflow inappropriate-recipient need-more-info",
    "recipient-disagrees-evidence": "does-not-align-latest-evidence expert-contradicts policy-contradicts "
    "recipient-does-not-trust",
    "recipient-concerns-outcomes": "risk-benefit-ratio mitigate-risk-negative-outcome "
    "likely-negative-health-outcomes patient-contraindication",
    "does-not-align-preferences": "patient-fears-discomfort patient-does-not-want-change cultural-religious-reason "
    "prefers-alternative patient-refuses",
    "not-convenient-feasible": "inadequate-support service-not-available implementation-challenges "
    "too-costly-uncovered recipient-does-not-understand comorbidity-disability",
}


def test_every_standard_reason_has_its_line_and_there_is_no_other() -> None:
    reasons = {*STANDARD, *(reason for group in STANDARD.values() for reason in group.split())}

    assert set(load().book.quieting.reasons) == reasons
    assert len(reasons) == 35


def test_every_reason_that_a_card_offers_is_standard() -> None:
    book = load().book

    assert {system for system, _, _ in book.wording.reasons} == {book.quieting.system}
    assert {code for _, code, _ in book.wording.reasons} <= set(book.quieting.reasons)


def test_what_is_true_of_the_patient_quiets_for_everyone_and_what_is_true_of_the_reader_for_the_reader() -> None:
    reasons = load().book.quieting.reasons

    assert {reasons[code].who for code in ("patient-refuses", "patient-contraindication")} == {Who.EVERYONE}
    assert {reasons[code].who for code in ("limited-time", "recipient-does-not-trust")} == {Who.THIS_USER}


def test_nothing_that_is_kept_is_forgotten_before_its_quiet_is_over() -> None:
    from service.store.purge import RETENTION

    assert load().book.quieting.longest < RETENTION


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("period: long, who: everyone", "period: for-ever, who: everyone", "no period is called for-ever"),
        ("who: this-user", "who: nobody", "who"),
        ("until: [new-result]", "until: [next-visit]", "until"),
        ("  patient-refuses: {", "  patient-refused: {", "patient-refuses, and there is no line for it"),
        ("days: 365", "days: 0", "days"),
        ("results: [b12,", "results: [vitamin,", "results"),
        ("source: B12CDS-DESIGN", "source: NOBODY", "NOBODY is not in sources.yaml"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, written: str, instead: str, told: str) -> None:
    folder = tmp_path / "mappings"
    shutil.copytree(shipped(), folder)
    file = folder / "quieting.yaml"
    text = file.read_text(encoding="utf-8")
    assert written in text
    file.write_text(text.replace(written, instead, 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match=rf"quieting\.yaml:\d+: .*{told}"):
        load(folder)
