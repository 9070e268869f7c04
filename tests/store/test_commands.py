"""`b12-cds db` and `b12-cds audit` do what they say, on the database that the settings name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.state import with_usual_database
from service.store.database import Database
from service.store.feedback import keep
from service.store.keys import KeyRing
from service.store.migrate import newest

from .rows import NOW, SERVICE, days, overridden, put, shown


def run(where: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env={"B12_DATABASE": where})


def test_the_database_is_upgraded_and_a_second_time_left_alone(where: str) -> None:
    assert f"empty to {newest()}" in run(where, "db", "upgrade").output
    assert "nothing to do" in run(where, "db", "upgrade").output


def test_what_is_older_is_purged_and_what_is_not_stays(database: Database, where: str) -> None:
    keys = KeyRing(database)
    put(database, shown(keys, at=NOW - days(4000)), shown(keys, at=NOW + days(4000)))

    told = run(where, "db", "purge", "--older-than", "90d")

    assert (told.exit_code, "deleted: 1 cards shown" in told.output) == (0, True)
    assert len(run(where, "audit").output.splitlines()) == 1
    assert "older than 395 days and deleted: 0 cards" in run(where, "db", "purge").output


@pytest.mark.parametrize("span", ["90", "d", "-1d", "90 days", "3m"])
def test_a_span_that_is_no_number_of_days_is_refused(where: str, span: str) -> None:
    told = run(where, "db", "purge", f"--older-than={span}")

    assert (told.exit_code, "for example 90d" in told.output) == (2, True)


def test_the_key_is_rotated(database: Database, where: str) -> None:
    before = KeyRing(database).newest

    assert f"key {before.id + 1} is in use" in run(where, "db", "rotate-key").output
    assert KeyRing(database).newest.of("patient", "one") != before.of("patient", "one")


def test_the_audit_is_json_lines_of_one_card_or_of_a_time(database: Database, where: str) -> None:
    keys = KeyRing(database)
    old, young = shown(keys, at=NOW - days(3)), shown(keys)
    put(database, old, young)
    keep(database, SERVICE, [overridden(young.card), overridden("never-shown")], "ehr")

    def cards(*arguments: str) -> list[str]:
        return [json.loads(line)["card"] for line in run(where, "audit", *arguments).output.splitlines()]

    assert cards() == [old.card, young.card, "never-shown"]
    assert cards("--since", NOW.date().isoformat()) == [young.card, "never-shown"]
    assert cards("--card", old.card) == [old.card]


def test_a_database_that_cannot_be_used_is_told_without_a_trace(tmp_path: Path) -> None:
    for where in ("none", "mysql://host/name", str(tmp_path)):
        told = run(where, "audit")
        assert told.exit_code == 1
        assert told.output.startswith("Error: ")
        assert "Traceback" not in told.output


def test_without_a_setting_state_is_kept_in_the_users_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from service.settings import Settings

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert with_usual_database(Settings(database=None)).database == str(tmp_path / "b12-cds" / "state.sqlite3")
    assert with_usual_database(Settings(database="none")).database == "none"
