"""A clinician's sign-off: told on the card, outdated by the first change, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.app import create_app
from service.cli import main
from service.knowledge.load import load
from service.knowledge.strict_yaml import KnowledgeError
from service.settings import Settings
from tests.knowledge.local import PLAIN, saved

from .chart import low_b12

OTHER = f"sha256:{'0' * 64}"
SIGNED = "sign-off: {{by: haematology lead, date: 2026-11-20, digest: {digest}}}\n"


def digest(file: Path) -> str:
    ended = CliRunner().invoke(main, ["protocol", "digest", str(file)])
    assert ended.exit_code == 0, ended.output
    return ended.stdout.strip()


def basis(file: Path) -> str:
    """What the card for a low B12 says of its basis."""
    http = create_app(Settings(protocol=str(file), authentication="off")).test_client()
    detail: str = http.post("/cds-services/b12-patient-view", json=low_b12()).json["cards"][0]["detail"]
    return detail.rpartition("Basis")[2]


def test_a_protocol_that_nobody_signed_says_so(tmp_path: Path) -> None:
    assert "No clinician has reviewed this rule set" in basis(saved(tmp_path, PLAIN))


def test_a_sign_off_of_the_file_as_it_is_is_told_with_who_and_when(tmp_path: Path) -> None:
    signed = PLAIN + SIGNED.format(digest=digest(saved(tmp_path, PLAIN)))
    told = basis(saved(tmp_path, signed))

    assert "Signed off by haematology lead on 20 Nov 2026" in told
    assert "No clinician" not in told


@pytest.mark.parametrize(
    ("was", "becomes", "current"),
    [
        ("# ", "# another word about it\n# ", True),
        ("reviewer: null", "reviewer: haematology", True),
        ('version: "1"', 'version: "2"', False),
        ("title: Ours", "title: Theirs", False),
        ("extends: uk-ng239", "extends: us-aafp", False),
    ],
    ids=["a comment", "a reviewer's name", "the version", "the title", "another guideline"],
)
def test_a_change_of_what_the_file_says_makes_its_sign_off_outdated(
    tmp_path: Path, was: str, becomes: str, current: bool
) -> None:
    text = "# ours\n" + PLAIN + SIGNED.format(digest=digest(saved(tmp_path, PLAIN)))
    protocol = load(local=saved(tmp_path, text.replace(was, becomes, 1))).book.protocols["ours"]

    assert protocol.sign_off is not None
    assert protocol.sign_off.is_current == current


def test_an_outdated_sign_off_is_told_as_outdated(tmp_path: Path) -> None:
    told = basis(saved(tmp_path, PLAIN + SIGNED.format(digest=OTHER)))

    assert "The sign-off by haematology lead on 20 Nov 2026 is outdated" in told
    assert "no clinician has reviewed it as it is" in told


def test_a_sites_own_file_does_not_inherit_what_was_signed_for_another(tmp_path: Path) -> None:
    assert load(local=saved(tmp_path, PLAIN)).book.protocols["ours"].sign_off is None


def test_the_check_of_a_file_says_whether_its_sign_off_is_of_the_file(tmp_path: Path) -> None:
    file = saved(tmp_path, PLAIN + SIGNED.format(digest=OTHER))
    ended = CliRunner().invoke(main, ["protocol", "check", str(file)])

    assert "signed off on 2026-11-20, outdated" in ended.stdout


@pytest.mark.parametrize(
    "line", [SIGNED.format(digest="abc"), "sign-off: {by: x, digest: sha256:z}\n", "sign-off: {date: 2026-01-01}\n"]
)
def test_half_a_sign_off_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(KnowledgeError, match=r"ours\.yaml:11: sign-off"):
        load(local=saved(tmp_path, PLAIN + line))
