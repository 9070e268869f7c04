"""The schema is what the migrations make; a file gets there by itself, a server when it is told to."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from service.store.database import Database, StoreError, opened
from service.store.migrate import _config, newest, require, revision, upgrade
from service.store.replay import StoredReplayGuard
from service.store.tables import Base


def test_the_migrations_make_the_tables_as_they_are_typed(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_an_empty_database_is_upgraded_once_and_then_left_alone(empty: Database) -> None:
    assert revision(empty) is None
    assert upgrade(empty) == (None, newest())
    assert upgrade(empty) == (newest(), newest())


def test_four_workers_that_start_at_once_upgrade_once(empty: Database, where: str) -> None:
    def start(_: int) -> str | None:
        mine = opened(where)
        try:
            return upgrade(mine)[0]
        finally:
            mine.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(start, range(4)), key=str) == [newest()] * 3 + [None]


def test_a_file_is_made_ready_by_itself_and_a_server_only_by_who_looks_after_it(empty: Database) -> None:
    if empty.is_sqlite:
        require(empty)
        assert revision(empty) == newest()
    else:
        with pytest.raises(StoreError, match="is empty: run b12-cds db upgrade"):
            require(empty)
        assert revision(empty) is None


def test_a_database_of_a_newer_version_is_refused_and_not_changed(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError, match="9999, of a newer version"):
        require(database)
    with pytest.raises(StoreError, match="9999, of a newer version"):
        upgrade(database)


def test_the_file_and_its_folder_belong_to_the_service_alone(tmp_path: Path) -> None:
    opened(str(tmp_path / "state" / "kept.sqlite3")).close()

    assert stat.S_IMODE((tmp_path / "state" / "kept.sqlite3").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("mysql://host/name", "mysql is not supported"),
        ("sqlite://", "another one for each worker"),
        ("/proc/none/state.sqlite3", "cannot be written"),
        ("redis://host", "redis is not supported"),
    ],
)
def test_a_place_that_cannot_be_used_is_refused_in_words(where: str, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        opened(where)


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    away = opened("postgresql://doctor:geheim@127.0.0.1:1/b12")

    with pytest.raises(StoreError) as told:
        require(away)

    assert "geheim" not in str(told.value)
    assert "127.0.0.1:1/b12" in str(told.value)


def test_what_tokens_were_used_outlives_the_upgrade(empty: Database) -> None:
    with empty.writing() as connection:
        command.upgrade(_config(connection), "0003")
        row = "'https://ehr.example', 'one', '2030-01-01 00:00:00+00:00'"
        connection.exec_driver_sql(f"INSERT INTO used_token (issuer, jti, until) VALUES ({row})")

    assert upgrade(empty) == ("0003", newest())
    assert not StoredReplayGuard(empty).first_use("https://ehr.example", "one", 1_900_000_000.0)
    with empty.writing() as connection:
        command.downgrade(_config(connection), "0003")
    with empty.reading() as connection:
        assert connection.exec_driver_sql("SELECT jti FROM used_token").scalars().all() == ["one"]
