"""What was said when an order was chosen is not said again when it is signed, unless the order changed."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import flask.testing
import pytest
from sqlalchemy import select, update

from service.app import create_app
from service.evaluate import shipped
from service.settings import Settings
from service.store.database import opened
from service.store.migrate import upgrade
from service.store.tables import Shown
from tests.orders.kit import CYANO_INJECTION, Facts, Json, drafts, facts, injection, posted, request, tablets

TODAY = datetime.now(UTC).date()
LEBER = facts(conditions=["leber_hereditary_optic_neuropathy"], labs=[["b12", 110, "ng/L"]])
PERNICIOUS = facts(conditions=["pernicious_anaemia"], labs=[["b12", 110, "ng/L"]])
WRONG = injection(CYANO_INJECTION, today=TODAY)


class Ward:
    """The service with its memory, and orders on their way."""

    def __init__(self, where: str | None, **settings: Any) -> None:
        given = {"protocol": "uk-ng239", "authentication": "off", "database": where} | settings
        app = create_app(Settings(**given), shipped())
        self.memory = app.extensions["memory"]
        self._http: flask.testing.FlaskClient = app.test_client()

    def chosen(self, patient: Facts, *orders: Json, **changes: Any) -> list[Json]:
        names = [f"MedicationRequest/{order['id']}" for order in orders]
        return self._asked("order-select", patient, orders, {"selections": names}, changes)

    def signed(self, patient: Facts, *orders: Json, **changes: Any) -> list[Json]:
        return self._asked("order-sign", patient, orders, {}, changes)

    def answers(self, card: Json, outcome: str) -> None:
        item: Json = {"card": card["uuid"], "outcome": outcome, "outcomeTimestamp": datetime.now(UTC).isoformat()}
        if outcome == "accepted":
            item["acceptedSuggestions"] = [{"id": card["suggestions"][0]["uuid"]}]
        answer = self._http.post("/cds-services/b12-order-sign/feedback", json={"feedback": [item]})
        assert answer.status_code == 200, answer.data

    def _asked(self, hook: str, patient: Facts, orders: tuple[Json, ...], context: Json, changes: Json) -> list[Json]:
        asked = request(hook, patient, TODAY, draftOrders=drafts(*orders), **context)
        cards: list[Json] = posted(self._http, asked | {"hookInstance": str(uuid.uuid4())} | changes)["cards"]
        return cards


@pytest.fixture
def ward(where: str) -> Iterator[Ward]:
    database = opened(where)
    upgrade(database)
    database.close()
    running = Ward(where)
    yield running
    running.memory.close()


def test_what_was_said_at_the_choice_is_not_said_again_at_the_signature(ward: Ward) -> None:
    assert len(ward.chosen(LEBER, WRONG)) == 1
    assert ward.signed(LEBER, WRONG) == []


def test_under_another_id_it_is_still_the_same_order(ward: Ward) -> None:
    ward.chosen(LEBER, WRONG)

    assert ward.signed(LEBER, {**WRONG, "id": "kept-on-the-server-9"}) == []


def test_an_order_that_changed_is_looked_at_anew(ward: Ward) -> None:
    ward.chosen(LEBER, WRONG)

    assert len(ward.signed(LEBER, injection(CYANO_INJECTION, every=(1, "wk"), today=TODAY))) == 1
    assert len(ward.signed(LEBER, tablets(today=TODAY))) == 1


def test_a_hazard_that_appeared_since_is_another_matter(ward: Ward) -> None:
    ward.chosen(PERNICIOUS, tablets(today=TODAY))
    allergic = facts(conditions=["pernicious_anaemia"], labs=[["b12", 110, "ng/L"]], allergies=["hydroxocobalamin"])

    (card,) = ward.signed(allergic, tablets(today=TODAY))

    assert card["indicator"] == "critical"


def test_what_was_only_signed_is_said_at_every_signature(ward: Ward) -> None:
    for _ in range(2):
        assert len(ward.signed(LEBER, WRONG)) == 1


def test_it_is_said_again_to_whoever_chooses_it_again(ward: Ward) -> None:
    for _ in range(2):
        assert len(ward.chosen(LEBER, WRONG)) == 1


def test_another_patient_s_signature_is_not_quieted(ward: Ward) -> None:
    ward.chosen(LEBER, WRONG)

    assert len(ward.signed(LEBER, WRONG, fhirServer="https://other.example/fhir")) == 1


def test_a_choice_of_yesterday_is_another_piece_of_work(ward: Ward) -> None:
    ward.chosen(LEBER, WRONG)
    ward.memory.flush()
    with ward.memory.database.writing() as connection:
        connection.execute(update(Shown).values(at=datetime.now(UTC) - timedelta(days=1)))

    assert len(ward.signed(LEBER, WRONG)) == 1


def test_the_record_of_what_was_shown_names_the_quiet_card_and_no_patient(ward: Ward) -> None:
    ward.chosen(LEBER, WRONG)
    ward.signed(LEBER, WRONG)
    ward.memory.flush()
    with ward.memory.database.reading() as connection:
        rows = connection.execute(select(Shown.service, Shown.delivery, Shown.because, Shown.matter)).all()

    assert [(row.service, row.delivery) for row in rows] == [
        ("b12-order-select", "shown"),
        ("b12-order-sign", "quiet"),
    ]
    assert rows[1].because == "said when it was chosen"
    assert all("patient-1" not in row.matter and "request-123" not in row.matter for row in rows)


def test_an_unsafe_draft_speaks_again_whatever_was_answered_to_it(ward: Ward) -> None:
    (card,) = ward.signed(LEBER, WRONG)
    ward.answers(card, "overridden")
    ward.answers(card, "accepted")

    assert len(ward.signed(LEBER, WRONG)) == 1


def test_a_correction_that_was_accepted_does_not_quiet_the_same_slip_next_time_and_an_override_does(ward: Ward) -> None:
    order = tablets(today=TODAY)
    (card,) = ward.signed(PERNICIOUS, order)
    ward.answers(card, "accepted")
    (again,) = ward.signed(PERNICIOUS, order)
    ward.answers(again, "overridden")

    assert ward.signed(PERNICIOUS, order) == []


def test_without_a_memory_it_is_said_again() -> None:
    ward = Ward(None)

    assert len(ward.chosen(LEBER, WRONG)) == 1
    assert len(ward.signed(LEBER, copy.deepcopy(WRONG))) == 1


def test_when_the_memory_fails_it_is_said_again(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    from service.store.database import StoreError

    ward.chosen(LEBER, WRONG)

    def fail(*_: Any) -> None:
        raise StoreError("gone")

    monkeypatch.setattr("service.memory.shown_matters", fail)

    assert len(ward.signed(LEBER, WRONG)) == 1
