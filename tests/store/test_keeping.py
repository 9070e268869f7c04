"""What is written behind the calls arrives; what is old goes; who was hashed can be found while a key is kept."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from service.store.audit import audit, unmatched
from service.store.database import Database, StoreError
from service.store.feedback import answered, keep
from service.store.keys import KeyRing
from service.store.purge import RETENTION, Housekeeping, purge
from service.store.rows import DataProblem
from service.store.tables import Base, FeedbackRow, HashKey, Problem, Shown
from service.store.writer import LINGER, Writer

from .rows import NOW, SERVICE, days, overridden, put, shown


def count(database: Database, table: type[Base]) -> int:
    with database.reading() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_what_was_shown_is_on_disk_soon_and_at_the_latest_when_the_writer_ends(database: Database) -> None:
    keys, writer = KeyRing(database), Writer(database)
    writer.put([shown(keys), shown(keys)])
    end = time.monotonic() + 20 * LINGER
    while count(database, Shown) < 2 and time.monotonic() < end:
        time.sleep(LINGER / 4)
    assert count(database, Shown) == 2

    writer.put([shown(keys)])
    writer.close()
    assert count(database, Shown) == 3


def test_while_the_database_is_away_rows_wait_and_then_arrive(database: Database) -> None:
    keys, writer = KeyRing(database), Writer(database)
    row = shown(keys)
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE shown RENAME TO elsewhere")
    writer.put([row])
    with pytest.raises(StoreError):
        writer.flush()
    with database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO shown")
    writer.close()

    assert count(database, Shown) == 1


def test_one_row_that_the_database_refuses_does_not_hold_up_the_others(database: Database) -> None:
    keys, writer = KeyRing(database), Writer(database)
    writer.put([shown(keys), shown(keys, key_id=99), shown(keys)])
    writer.close()

    assert count(database, Shown) == 2


def test_problems_with_data_are_counted_by_day_and_kind(database: Database) -> None:
    problem = DataProblem(NOW.date(), "ehr", SERVICE, "unreadable-unit", "b12")
    for times in (2, 3):
        writer = Writer(database)
        writer.put([problem] * times)
        writer.close()

    with database.reading() as connection:
        assert [tuple(row) for row in connection.execute(select(Problem.kind, Problem.what, Problem.count))] == [
            ("unreadable-unit", "b12", 5)
        ]


def test_what_is_older_than_it_may_be_goes_and_what_is_younger_stays(database: Database) -> None:
    keys = KeyRing(database)
    old, young = shown(keys, at=NOW - days(91)), shown(keys, at=NOW - days(89))
    put(database, old, young)
    keep(database, SERVICE, [overridden(old.card), overridden(young.card)], "ehr")
    with database.writing() as connection:
        connection.execute(update(FeedbackRow).where(FeedbackRow.card == old.card).values(received=NOW - days(91)))
        connection.execute(update(FeedbackRow).where(FeedbackRow.card == young.card).values(received=NOW - days(89)))

    gone = purge(database, days(90), NOW)

    assert (gone.shown, gone.feedback) == (1, 1)
    assert [entry["card"] for entry in audit(database)] == [young.card]
    assert len(answered(database, [young.patient_hash], "ehr")) == 1


def test_late_feedback_outlives_the_card_it_answers_and_says_so(database: Database) -> None:
    card = shown(KeyRing(database), at=NOW - days(91))
    put(database, card)
    keep(database, SERVICE, [overridden(card.card)], "ehr")

    assert purge(database, days(90), NOW).shown == 1
    assert count(database, FeedbackRow) == 1
    assert answered(database, [card.patient_hash], "ehr") == []


def test_a_patient_is_another_hash_under_each_key_and_found_under_all(database: Database) -> None:
    keys = KeyRing(database)
    before = keys.newest
    card = shown(keys)
    put(database, card)
    keep(database, SERVICE, [overridden(card.card)], "ehr")
    assert keys.rotate() == before.id + 1

    assert keys.newest.of("patient", "one") != before.of("patient", "one")
    assert len(answered(database, [key.of("patient", "one") for key in keys.keys], "ehr")) == 1
    assert answered(database, [keys.newest.of("patient", "one")], "ehr") == []


def test_the_secret_of_the_site_is_needed_to_find_a_patient(database: Database) -> None:
    ours, stolen = KeyRing(database, "a secret of the site"), KeyRing(database)

    assert ours.newest.of("patient", "one") != stolen.newest.of("patient", "one")


def test_workers_that_start_at_once_share_the_first_key(database: Database) -> None:
    rings = [KeyRing(database) for _ in range(4)]

    assert {ring.newest.of("patient", "one") for ring in rings} == {rings[0].newest.of("patient", "one")}
    assert count(database, HashKey) == 1


def test_a_key_is_replaced_when_it_is_due_and_forgotten_when_nothing_needs_it(database: Database) -> None:
    keys = KeyRing(database)
    needed = shown(keys, at=datetime.now(UTC))
    put(database, needed)
    for age in (200, 100):
        with database.writing() as connection:
            newest = select(func.max(HashKey.id)).scalar_subquery()
            made = datetime.now(UTC) - days(age)
            connection.execute(update(HashKey).where(HashKey.id == newest).values(made=made))
        assert keys.rotate_if_older(days(90))
    assert not keys.rotate_if_older(days(90))
    assert [key.id for key in keys.keys] == [3, 2, 1]

    # The second was never used; the third is too new for all workers to know it.
    assert purge(database, RETENTION).keys == 0
    with database.writing() as connection:
        connection.execute(update(HashKey).where(HashKey.id == 3).values(made=datetime.now(UTC) - days(2)))
    assert purge(database, RETENTION).keys == 1
    keys.read()
    assert [key.id for key in keys.keys] == [3, 1]


def test_housekeeping_keeps_the_retention_that_is_set(database: Database) -> None:
    keys = KeyRing(database)
    put(database, shown(keys, at=datetime.now(UTC) - days(31)), shown(keys, at=datetime.now(UTC) - days(29)))

    Housekeeping(database, keys, days(30), days(90))()

    assert count(database, Shown) == 1


def test_the_audit_says_who_was_shown_what_when_under_which_rules(database: Database) -> None:
    keys = KeyRing(database)
    card = shown(keys)
    put(database, shown(keys, at=NOW - timedelta(hours=2)), card)
    event = overridden(card.card, comment="Frau Mustermann lehnt ab")
    keep(database, SERVICE, [event], "ehr")

    (entry,) = audit(database, since=NOW - timedelta(hours=1))
    assert entry == {
        "at": NOW.isoformat(),
        "card": card.card,
        "kind": "treatment",
        "delivery": "shown",
        "because": None,
        "client": "ehr",
        "service": SERVICE,
        "hook": "patient-view",
        "patient": keys.newest.of("patient", "one"),
        "user": keys.newest.of("user", "doctor"),
        "key": 1,
        "rule": "K2",
        "protocol": "us-aafp",
        "protocolVersion": "2017.1",
        "ruleSet": "0123456789ab",
        "indicator": "warning",
        "regimen": "US-ORAL",
        "latencyMs": 3.2,
        "feedback": entry["feedback"],
    }
    (answer,) = entry["feedback"]
    assert (answer["outcome"], answer["reason"]) == ("overridden", "patient-refuses")
    assert "Mustermann" not in str(entry)
    assert list(audit(database, card=card.card)) == [entry]


def test_the_audit_goes_on_past_its_first_page(database: Database) -> None:
    keys = KeyRing(database)
    put(database, *(shown(keys) for _ in range(1201)))

    assert len({entry["card"] for entry in audit(database)}) == 1201


def test_the_audit_names_feedback_on_cards_that_nobody_knows(database: Database) -> None:
    keep(database, SERVICE, [overridden("never-shown")], "ehr")

    (entry,) = unmatched(database)
    assert (entry["card"], entry["unmatched"], entry["reason"]) == ("never-shown", True, "patient-refuses")
