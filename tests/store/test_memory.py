"""A card that was answered is quiet for its time; a new finding that raises severity always speaks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from sqlalchemy import select, text

from service.store.audit import audit
from service.store.migrate import upgrade
from service.store.tables import Problem
from tests.chart.facts import Facts, Lab

from .clinic import COLLEAGUE, Clinic, kinds

VEGAN = Facts(age=44, diet="vegan", labs=(("b12", 95, "ng/L"), ("hb", 126, "g/L")))
NUMB = msgspec.structs.replace(VEGAN, neuro=True)
PALE = msgspec.structs.replace(VEGAN, labs=(*VEGAN.labs, ("hb", 51, "g/L")))
WITH_MMA = msgspec.structs.replace(VEGAN, labs=(*VEGAN.labs, Lab(analyte="mma", value=620, unit="nmol/L", days_ago=1)))


@pytest.fixture
def clinic(where: str) -> Iterator[Clinic]:
    from service.store.database import opened

    database = opened(where)
    upgrade(database)
    database.close()
    running = Clinic(where)
    yield running
    running.closes()


def treatment(cards: list[dict[str, object]]) -> dict[str, object]:
    (card,) = [card for card, kind in zip(cards, kinds(cards), strict=True) if kind == "treatment"]
    return card


def test_a_refused_plan_is_not_offered_again_to_anybody_at_the_next_visit(clinic: Clinic) -> None:
    before = clinic.opens(VEGAN)
    clinic.overrides(treatment(before), "patient-refuses", days_ago=200)

    assert "treatment" in kinds(before)
    assert "treatment" not in kinds(clinic.opens(VEGAN))
    assert "treatment" not in kinds(clinic.opens(VEGAN, user=COLLEAGUE))


def test_only_the_card_that_was_answered_is_quiet(clinic: Clinic) -> None:
    before = clinic.opens(VEGAN)
    assert kinds(before) == ["treatment", "workup"]
    clinic.overrides(treatment(before), "patient-refuses")

    assert kinds(clinic.opens(VEGAN)) == ["workup"]


def test_another_patient_is_not_quieted(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "patient-refuses")

    assert "treatment" in kinds(clinic.opens(VEGAN, patient="somebody-else"))


def test_a_patient_of_the_same_id_on_another_server_is_another_patient(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "patient-refuses")

    assert "treatment" in kinds(clinic.opens(VEGAN, fhirServer="https://other.example/fhir"))


def test_a_reader_who_had_no_time_is_left_alone_for_a_day_and_a_colleague_is_asked(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "limited-time")

    assert "treatment" not in kinds(clinic.opens(VEGAN))
    assert "treatment" in kinds(clinic.opens(VEGAN, user=COLLEAGUE))


def test_after_its_time_the_card_speaks(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "limited-time", days_ago=1.01)

    assert "treatment" in kinds(clinic.opens(VEGAN))


@pytest.mark.parametrize("worse", [NUMB, PALE], ids=["neurology", "severe anaemia"])
@pytest.mark.parametrize("reason", ["patient-refuses", None])
def test_a_new_finding_that_raises_severity_speaks_whatever_was_answered(
    clinic: Clinic, worse: Facts, reason: str | None
) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), reason)
    assert "treatment" not in kinds(clinic.opens(VEGAN))

    assert "treatment" in kinds(clinic.opens(worse))


def test_more_information_is_waited_for_until_a_new_result_is_there(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "need-more-info", days_ago=20)

    assert "treatment" not in kinds(clinic.opens(VEGAN))
    assert "treatment" in kinds(clinic.opens(WITH_MMA))


def test_an_accepted_plan_is_not_offered_twice_before_its_order_is_on_record(clinic: Clinic) -> None:
    clinic.accepts(treatment(clinic.opens(VEGAN)), days_ago=5)

    assert "treatment" not in kinds(clinic.opens(VEGAN))


def test_an_accepted_plan_whose_order_never_came_is_offered_again(clinic: Clinic) -> None:
    clinic.accepts(treatment(clinic.opens(VEGAN)), days_ago=15)

    assert "treatment" in kinds(clinic.opens(VEGAN))


def test_quiet_outlives_the_rotation_of_the_key(clinic: Clinic, where: str) -> None:
    from service.store.keys import KeyRing

    clinic.overrides(treatment(clinic.opens(VEGAN)), "need-more-info")
    KeyRing(clinic.database).rotate()
    anew = Clinic(where)

    assert "treatment" not in kinds(anew.opens(VEGAN))
    assert "treatment" in kinds(anew.opens(WITH_MMA))
    anew.closes()


def test_a_card_that_was_kept_quiet_stands_in_the_audit_with_the_reason(clinic: Clinic) -> None:
    clinic.overrides(treatment(clinic.opens(VEGAN)), "patient-refuses")
    clinic.opens(VEGAN)
    clinic.opens(NUMB)
    clinic.writes()

    told = [(e["kind"], e["delivery"], e["because"]) for e in audit(clinic.database) if e["kind"] == "treatment"]
    assert told == [
        ("treatment", "shown", None),
        ("treatment", "quiet", "patient-refuses"),
        ("treatment", "shown", "new: neurological"),
    ]


def test_nothing_that_names_the_patient_or_the_reader_is_kept(clinic: Clinic) -> None:
    cards = clinic.opens(VEGAN, patient="anna-b-4711")
    clinic.overrides(treatment(cards), "patient-refuses")

    kept = "".join(
        str(tuple(row)) for table in ("shown", "feedback", "problem") for row in _rows(clinic, f"SELECT * FROM {table}")
    )
    assert len(kept) > 500
    for word in ("anna-b-4711", "doctor", "observation-1", "Test Patient"):
        assert word not in kept.replace(cards[0]["uuid"], ""), word


def test_problems_with_data_are_counted_without_any_value(clinic: Clinic) -> None:
    strange = Lab(analyte="mma", value=3, unit="furlong", loinc="13964-2")
    clinic.opens(msgspec.structs.replace(VEGAN, labs=(*VEGAN.labs, strange)))
    clinic.writes()

    with clinic.database.reading() as connection:
        counted = {tuple(row) for row in connection.execute(select(Problem.kind, Problem.what, Problem.count))}
    assert ("unreadable-unit", "mma", 1) in counted


def test_a_silent_client_gets_no_cards_and_they_are_recorded_as_such(where: str, clinic: Clinic) -> None:
    silent = Clinic(where, silent=True)
    assert silent.opens(VEGAN) == []
    silent.closes()

    assert {entry["delivery"] for entry in audit(clinic.database)} == {"silent"}


def test_when_the_store_fails_cards_are_said_and_feedback_is_refused(clinic: Clinic) -> None:
    cards = clinic.opens(VEGAN)
    clinic.overrides(treatment(cards), "patient-refuses")
    with clinic.database.writing() as connection:
        connection.execute(text("ALTER TABLE feedback RENAME TO elsewhere"))

    assert "treatment" in kinds(clinic.opens(VEGAN))
    item = {"card": cards[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-22T00:00:00Z"}
    refused = clinic.said(item)
    assert refused.status_code == 503
    assert refused.get_json()["resourceType"] == "OperationOutcome"


def test_of_two_cards_on_one_matter_the_more_urgent_is_said(clinic: Clinic) -> None:
    from cds_hooks.wire import Card, Indicator, Source
    from service.memory import Said, one_a_matter

    source = Source(label="test")
    info = Card(summary="a", indicator=Indicator.INFO, source=source, uuid="1")
    critical = Card(summary="b", indicator=Indicator.CRITICAL, source=source, uuid="2")
    other = Card(summary="c", indicator=Indicator.INFO, source=source, uuid="3")

    said = one_a_matter([Said("treatment", info), Said("workup", other), Said("treatment", critical)])
    assert [each.card.summary for each in said] == ["b", "c"]


def _rows(clinic: Clinic, wanted: str) -> list[object]:
    with clinic.database.reading() as connection:
        return list(connection.execute(text(wanted)))
