"""Calls that are made and answers that are given are counted as they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from service.insights.reading import history
from service.insights.report import Report, report, span
from service.store.migrate import upgrade
from service.store.secret import shared_secret
from tests.chart.facts import Facts, Lab
from tests.store.clinic import Clinic

VEGAN = Facts(age=44, diet="vegan", labs=(("b12", 95, "ng/L"), ("hb", 126, "g/L")))
WELL = Facts(age=44, labs=(("b12", 600, "ng/L"), ("hb", 140, "g/L")))
ODD_UNIT = msgspec.structs.replace(
    VEGAN, labs=(*VEGAN.labs, Lab(analyte="mma", value=3, unit="furlong", loinc="13964-2"))
)


@pytest.fixture
def clinic(where: str) -> Iterator[Clinic]:
    from service.store.database import opened

    database = opened(where)
    upgrade(database)
    database.close()
    running = Clinic(where)
    yield running
    running.closes()


def tomorrow(clinic: Clinic) -> Report:
    clinic.writes()
    return report(history(clinic.database, *span(datetime.now(UTC).date() + timedelta(days=1))))


def test_a_call_without_a_card_is_counted_too(clinic: Clinic) -> None:
    assert clinic.opens(VEGAN)
    assert clinic.opens(WELL, patient="another") == []
    day = tomorrow(clinic).days[-1]
    assert (day.calls, day.with_cards) == (2, 1)
    assert day.firing == 0.5


def test_an_accepted_and_a_refused_card_are_told_apart(clinic: Clinic) -> None:
    clinic.accepts(clinic.opens(VEGAN, patient="one")[0])
    clinic.overrides(clinic.opens(VEGAN, patient="two")[0], "patient-refuses")
    found = tomorrow(clinic)
    assert (sum(each.accepted for each in found.outcomes), sum(each.overridden for each in found.outcomes)) == (1, 1)
    assert found.reasons == (("patient-refuses", 1),)
    assert {each.rule_set for each in found.outcomes} != {""}


def test_a_unit_that_is_not_known_is_a_problem_met_with_the_data(clinic: Clinic) -> None:
    clinic.opens(ODD_UNIT)
    assert ("unreadable-unit", "mma", 1) in tomorrow(clinic).problems


def test_all_workers_share_one_secret_for_sessions_and_the_site_adds_its_own(clinic: Clinic) -> None:
    database = clinic.database
    assert shared_secret(database, "sessions") == shared_secret(database, "sessions")
    assert shared_secret(database, "sessions") != shared_secret(database, "other")
    assert shared_secret(database, "sessions", "of this site") != shared_secret(database, "sessions")
