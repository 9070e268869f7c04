"""What was shown and answered is what the report counts, on both databases, and nothing of a patient is in it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import insert, select

from cds_hooks.feedback import Feedback
from service.cli import main
from service.evaluate import shipped
from service.insights.demo_history import CLIENT, fill
from service.insights.export import as_csv, as_json
from service.insights.reading import history
from service.insights.report import Report, report, span
from service.insights.words import flags
from service.store.database import Database, opened
from service.store.feedback import keep
from service.store.keys import KeyRing
from service.store.migrate import upgrade
from service.store.rows import Asking, DataProblem
from service.store.tables import Asked, FeedbackRow, Problem, Shown
from service.store.writer import Writer
from tests.store.rows import NOW, SERVICE, accepted, overridden, put, shown

TODAY = NOW.date()
YESTERDAY = NOW - timedelta(days=1)


def told(database: Database, today: date = TODAY) -> Report:
    return report(history(database, *span(today)))


def answered(database: Database, *items: Feedback) -> None:
    keep(database, SERVICE, items, "ehr")


def asked(database: Database, times: int, day: date) -> None:
    writer = Writer(database)
    writer.put([Asking(day, "ehr", SERVICE, "us-aafp", "0123456789ab")] * times)
    writer.close()


def test_firing_is_the_share_of_calls_with_a_card_however_many_cards_they_had(database: Database) -> None:
    keys = KeyRing(database)
    first = shown(keys, at=YESTERDAY)
    put(database, first, replace(first, card="second", matter="workup"), shown(keys, at=YESTERDAY, patient_hash="two"))
    put(database, replace(first, card="third", delivery="quiet", patient_hash="three"))
    asked(database, 7, YESTERDAY.date())
    asked(database, 3, YESTERDAY.date())
    day = told(database).days[-1]
    assert (day.day, day.calls, day.with_cards, day.cards) == (YESTERDAY.date(), 10, 2, 3)
    assert day.firing == 0.2
    assert told(database).deliveries == {"shown": 3, "quiet": 1}


def test_days_that_were_not_counted_have_no_firing_rate(database: Database) -> None:
    put(database, shown(KeyRing(database), at=YESTERDAY))
    day = told(database).days[-1]
    assert day.calls is None
    assert day.firing is None


def test_the_newest_answer_to_a_card_decides_and_it_counts_once(database: Database) -> None:
    card = shown(KeyRing(database), at=YESTERDAY)
    put(database, card)
    answered(database, overridden(card.card, at=YESTERDAY + timedelta(seconds=5)))
    answered(database, accepted(card.card, at=YESTERDAY + timedelta(seconds=90)))
    found = told(database)
    (outcome,) = found.outcomes
    assert (outcome.plan, outcome.shown, outcome.accepted, outcome.overridden) == ("US-ORAL", 1, 1, 0)
    assert found.reasons == ()
    taken, refused = found.delays
    assert (taken.count, taken.median, refused.count) == (1, 90.0, 0)


def test_acceptance_is_told_by_plan_and_by_version_of_the_rules(database: Database) -> None:
    keys = KeyRing(database)
    cards = [
        shown(keys, at=YESTERDAY, regimen=plan, rule_set=rules) for plan in ("A", None) for rules in ("new", "old")
    ]
    put(database, *cards)
    answered(database, accepted(cards[0].card, at=YESTERDAY), overridden(cards[3].card, at=YESTERDAY))
    found = {
        (each.plan, each.rule_set): (each.shown, each.accepted, each.overridden) for each in told(database).outcomes
    }
    assert found == {("A", "new"): (1, 1, 0), ("A", "old"): (1, 0, 0), ("no plan", "new"): (1, 0, 0)} | {
        ("no plan", "old"): (1, 0, 1)
    }


def test_overrides_are_counted_by_reason_and_none_is_said(database: Database) -> None:
    keys = KeyRing(database)
    cards = [shown(keys, at=YESTERDAY) for _ in range(3)]
    put(database, *cards)
    answered(
        database,
        overridden(cards[0].card, "patient-refuses", at=YESTERDAY),
        overridden(cards[1].card, "patient-refuses", at=YESTERDAY),
        overridden(cards[2].card, at=YESTERDAY, reason=None),
    )
    assert told(database).reasons == (("patient-refuses", 2), ("no reason given", 1))


def test_units_that_are_not_known_and_values_that_are_missing_are_told_in_words(database: Database) -> None:
    writer = Writer(database)
    writer.put([DataProblem(YESTERDAY.date(), "ehr", SERVICE, "unreadable-unit", "b12")] * 3)
    writer.put([DataProblem(YESTERDAY.date(), "other", SERVICE, "unreadable-unit", "b12")])
    writer.close()
    (problem,) = as_json(told(database))["problems"]
    assert problem == {
        "kind": "unreadable-unit",
        "says": "a unit that is not known, or none",
        "what": "b12",
        "count": 4,
    }


def test_a_day_ends_at_midnight_in_utc_wherever_the_database_is(database: Database) -> None:
    if not database.is_sqlite:
        name = database.kept.url.database
        with database.writing() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE \"{name}\" SET timezone TO 'Asia/Tokyo'")
        database.kept.dispose()
    keys = KeyRing(database)
    last = datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) - timedelta(microseconds=1)
    midnight_seen_from_afar = (last + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-5)))
    put(database, shown(keys, at=last), shown(keys, at=midnight_seen_from_afar))
    found = told(database)
    assert found.days[-1].cards == 1
    assert found.today.cards == 1


def test_latency_is_told_in_percentiles(database: Database) -> None:
    keys = KeyRing(database)
    put(database, *(shown(keys, at=YESTERDAY, latency_ms=float(ms), patient_hash=str(ms)) for ms in range(1, 101)))
    assert told(database).latency == (50.0, 95.0, 99.0)


def test_an_empty_database_makes_an_empty_report(database: Database) -> None:
    found = as_json(told(database))
    assert found["outcomes"] == found["control"] == found["flags"] == []
    assert len(found["days"]) == 28


def rows_of(database: Database) -> dict[str, list[Any]]:
    with database.reading() as connection:
        return {
            table.__tablename__: [tuple(row) for row in connection.execute(select(table).order_by(*order))]
            for table, order in (
                (Shown, (Shown.id,)),
                (FeedbackRow, (FeedbackRow.id,)),
                (Asked, (Asked.day,)),
                (Problem, (Problem.day, Problem.kind, Problem.what)),
            )
        }


def test_the_demo_history_is_the_same_every_time_ends_yesterday_and_is_written_once(tmp_path: Path) -> None:
    book = shipped().book
    databases = [opened(str(tmp_path / name / "state.sqlite3")) for name in ("one", "two")]
    for each in databases:
        upgrade(each)
        assert fill(each, book, book.protocols["us-aafp"], TODAY).cards > 1000
        assert fill(each, book, book.protocols["us-aafp"], TODAY).cards == 0
    one, two = (rows_of(each) for each in databases)
    assert one == two
    days = {row[0] for row in one["asked"]}
    assert max(days) == TODAY - timedelta(days=1)
    assert len(days) == 56
    with databases[0].reading() as connection:
        assert not connection.execute(select(FeedbackRow).where(FeedbackRow.unmatched)).all()
        assert set(connection.execute(select(Shown.client).distinct()).scalars()) == {CLIENT}


@pytest.mark.parametrize("ahead", range(7))
def test_on_every_day_of_the_week_the_demo_shows_a_rule_outside_its_limits(tmp_path: Path, ahead: int) -> None:
    book, today = shipped().book, TODAY + timedelta(days=ahead)
    database = opened(str(tmp_path / "state.sqlite3"))
    upgrade(database)
    fill(database, book, book.protocols["us-aafp"], today)
    found = told(database, today)
    assert "K5" in {each.rule for each in found.flagged if each.measure == "acceptance"}
    assert any("below the lower limit" in each for each in flags(found))


def test_the_demo_history_fills_a_postgresql_too(database: Database) -> None:
    book = shipped().book
    filled = fill(database, book, book.protocols["uk-ng239"], TODAY)
    found = told(database)
    assert sum(day.calls or 0 for day in found.days) < filled.calls
    assert found.flagged


def test_the_command_says_the_same_as_json_and_as_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.sqlite3"
    database = opened(str(file))
    upgrade(database)
    book = shipped().book
    fill(database, book, book.protocols["us-aafp"], TODAY)
    monkeypatch.setenv("B12_DATABASE", str(file))
    until = ["--until", TODAY.isoformat()]
    document = json.loads(CliRunner().invoke(main, ["insights", *until], catch_exceptions=False).output)
    assert document == json.loads(json.dumps(as_json(told(database))))
    lines = list(csv.DictReader(io.StringIO(CliRunner().invoke(main, ["insights", "--csv", *until]).output)))
    fired = {line["day"]: line for line in lines if line["table"] == "firing"}
    assert [fired[day["day"]]["count"] for day in document["days"]] == [
        str(d["callsWithCards"]) for d in document["days"]
    ]
    outside = [line for line in lines if line["outside"]]
    assert len(outside) == len(document["flags"])


def test_the_command_without_a_database_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("B12_DATABASE", "none")
    result = CliRunner().invoke(main, ["insights"])
    assert result.exit_code == 1
    assert "B12_DATABASE" in result.output


def test_what_a_client_sent_as_a_reason_runs_in_no_spreadsheet(database: Database) -> None:
    card = shown(KeyRing(database), at=YESTERDAY)
    put(database, card)
    answered(database, overridden(card.card, "=HYPERLINK(1)", at=YESTERDAY))
    assert "'=HYPERLINK(1)" in as_csv(told(database))
    assert ",=HYPERLINK" not in as_csv(told(database))


def test_no_patient_no_user_and_no_comment_is_in_any_report(database: Database) -> None:
    card = shown(KeyRing(database), at=YESTERDAY)
    put(database, card)
    answered(database, overridden(card.card, at=YESTERDAY, comment="somebody wrote a name here"))
    said = json.dumps(as_json(told(database))) + as_csv(told(database))
    for secret in (card.patient_hash, str(card.user_hash), card.card, "somebody wrote"):
        assert secret not in said


def test_more_cards_than_calls_never_make_a_share_over_one(database: Database) -> None:
    keys = KeyRing(database)
    put(database, *(shown(keys, at=YESTERDAY, patient_hash=str(number)) for number in range(5)))
    with database.writing() as connection:
        row = {"day": YESTERDAY.date(), "client": "ehr", "service": SERVICE, "protocol": "x", "rule_set": "y"}
        connection.execute(insert(Asked).values(**row, count=2))
    assert told(database).days[-1].firing == 1.0
