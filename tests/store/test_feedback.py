"""Feedback is kept once, whoever sends it how often, and finds the card it answers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta, timezone

from sqlalchemy import select

from service.store.database import Database
from service.store.feedback import answered, keep
from service.store.keys import KeyRing
from service.store.tables import FeedbackRow

from .rows import NOW, SERVICE, accepted, overridden, put, shown


def rows(database: Database) -> list[FeedbackRow]:
    with database.reading() as connection:
        return list(connection.execute(select(FeedbackRow).order_by(FeedbackRow.id)))  # type: ignore[arg-type]


def test_twenty_posts_of_one_event_at_once_make_one_row(database: Database) -> None:
    event = overridden("card-1")
    with ThreadPoolExecutor(20) as pool:
        new = list(pool.map(lambda _: keep(database, SERVICE, [event], "ehr"), range(20)))

    assert sum(new) == 1
    assert len(rows(database)) == 1


def test_twenty_posts_at_once_of_the_same_events_in_any_order_wait_for_nobody_forever(database: Database) -> None:
    events = [overridden(f"card-{number}") for number in range(8)]
    with ThreadPoolExecutor(20) as pool:
        turned = (events[turn % 8 :] + events[: turn % 8] for turn in range(20))
        new = list(pool.map(lambda some: keep(database, SERVICE, some, "ehr"), turned))

    assert sum(new) == 8
    assert len(rows(database)) == 8


def test_the_same_moment_in_another_zone_and_suggestions_in_another_order_are_the_same_event(
    database: Database,
) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))

    assert keep(database, SERVICE, [accepted("card-1", "a", "b")], "ehr") == 1
    assert keep(database, SERVICE, [accepted("card-1", "b", "a", at=elsewhere)], "ehr") == 0


def test_what_differs_in_service_card_outcome_time_suggestions_or_client_is_another_event(database: Database) -> None:
    keep(database, SERVICE, [accepted("card-1", "a")], "ehr")
    later = accepted("card-1", "a", at=NOW + timedelta(seconds=1))
    others = [accepted("card-2", "a"), overridden("card-1"), later, accepted("card-1", "a", "b")]

    assert keep(database, SERVICE, others, "ehr") == 4
    assert keep(database, "b12-order-sign", [accepted("card-1", "a")], "ehr") == 1
    assert keep(database, SERVICE, [accepted("card-1", "a")], "another-ehr") == 1


def test_feedback_on_a_card_that_nobody_knows_is_kept_and_flagged(database: Database) -> None:
    keep(database, SERVICE, [overridden("never-shown")], "ehr")

    (row,) = rows(database)
    assert (row.unmatched, row.shown_id, row.patient_hash) == (True, None, None)


def test_feedback_is_tied_to_the_card_that_was_shown(database: Database) -> None:
    card = shown(KeyRing(database))
    put(database, card)
    keep(database, SERVICE, [overridden(card.card)], "ehr")

    (row,) = rows(database)
    assert (row.unmatched, row.patient_hash) == (False, card.patient_hash)
    (found,) = answered(database, [card.patient_hash], "ehr")
    assert (found.matter, found.answer.reason, found.answer.then.plan) == ("treatment", "patient-refuses", "US-ORAL")


def test_feedback_that_overtakes_the_record_of_its_card_is_tied_to_it_afterwards(database: Database) -> None:
    card = shown(KeyRing(database))
    keep(database, SERVICE, [overridden(card.card)], "ehr")
    put(database, card)

    assert [row.unmatched for row in rows(database)] == [False]
    assert len(answered(database, [card.patient_hash], "ehr")) == 1


def test_a_client_cannot_answer_for_the_patients_of_another(database: Database) -> None:
    card = shown(KeyRing(database))
    put(database, card)
    keep(database, SERVICE, [overridden(card.card)], "another-ehr")

    assert [row.unmatched for row in rows(database)] == [True]
    assert answered(database, [card.patient_hash], "ehr") == []
    assert answered(database, [card.patient_hash], "another-ehr") == []


def test_a_card_that_was_made_and_not_shown_is_answered_by_nobody(database: Database) -> None:
    card = shown(KeyRing(database), delivery="quiet")
    put(database, card)
    keep(database, SERVICE, [overridden(card.card)], "ehr")

    assert [row.unmatched for row in rows(database)] == [True]


def test_an_answer_from_a_clock_that_is_ahead_counts_from_when_it_was_received(database: Database) -> None:
    card = shown(KeyRing(database))
    put(database, card)
    keep(database, SERVICE, [overridden(card.card, at=NOW + timedelta(days=4000))], "ehr")

    (found,) = answered(database, [card.patient_hash], "ehr")
    assert found.answer.at < NOW + timedelta(days=3650)


def test_the_look_up_of_a_patient_uses_its_index(database: Database) -> None:
    wanted = (
        "SELECT 1 FROM feedback JOIN shown ON shown.id = feedback.shown_id WHERE feedback.patient_hash IN ('a','b')"
    )
    with database.writing() as connection:
        if database.is_sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {wanted}").all()
        else:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {wanted}").all()

    told = " ".join(str(line) for line in plan)
    assert "ix_feedback_patient_hash" in told
    assert "SCAN feedback" not in told
