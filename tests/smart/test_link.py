"""Cards lead on to the app where it has an address, and are as they were where it has none."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from pydantic import ValidationError

from cds_hooks.context import Context
from cds_hooks.registry import Call, Service
from cds_hooks.wire import Card, HookRequest, Indicator, LinkType, Response, Source
from service.access import access
from service.app import create_app
from service.cards.compose import EXTENSION
from service.launchable import launchable
from service.settings import Settings, WrongSettings

APP = "https://cds.example/smart/launch"
CARRIED = msgspec.Raw(b'{"protocol": {"id": "us-aafp", "version": "1"}, "status": "low"}')
CARD = Card(
    summary="B12 low",
    indicator=Indicator.INFO,
    source=Source(label="x"),
    uuid="8a1f0d5e-0000-4000-8000-000000000001",
    extension={EXTENSION: CARRIED},
)


def answered(*cards: Card) -> Response:
    service = Service(
        id="b12", hook="patient-view", title="x", description="x", answer=lambda _: Response(cards=tuple(cards))
    )
    request = msgspec.json.decode(
        b'{"hook": "patient-view", "hookInstance": "1", "context": {}}', type=HookRequest, strict=False
    )
    call = Call(request=request, context=Context(patientId="p1"), data={})
    return launchable(service, APP).answer(call)


def test_a_card_has_one_smart_link_and_its_context_names_protocol_card_and_patient() -> None:
    (card,) = answered(CARD).cards

    (link,) = card.links
    assert (link.type, link.url, link.autolaunchable) == (LinkType.SMART, APP, False)
    assert json.loads(link.appContext or "") == {"protocol": "us-aafp", "card": CARD.uuid, "patient": "p1"}
    assert msgspec.structs.replace(card, links=()) == CARD


def test_a_card_without_an_assessment_is_linked_with_what_is_known() -> None:
    (card,) = answered(msgspec.structs.replace(CARD, extension=None)).cards

    assert json.loads(card.links[0].appContext or "") == {"card": CARD.uuid, "patient": "p1"}


def test_no_card_is_made_for_the_link_alone() -> None:
    assert answered().cards == ()


def test_without_an_address_no_service_is_changed() -> None:
    plain = Settings(protocol="us-aafp", authentication="off", database="none")
    linked = Settings(protocol="us-aafp", authentication="off", database="none", smart_url="https://cds.example/smart")

    assert len(access(plain).offers.wrap) == 0
    assert len(access(linked).offers.wrap) == 1


@pytest.mark.parametrize(
    "url", ["https://cds.example", "http://cds.example/smart", "smart", "https://a:b@cds.example/smart"]
)
def test_an_address_that_is_not_the_apps_or_not_safe_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(smart_url=url)


def test_an_address_without_servers_servers_without_an_address_and_an_app_that_is_not_installed_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = {"protocol": "us-aafp", "authentication": "off", "database": "none"}
    file = tmp_path / "smart.yaml"
    file.write_text("servers:\n  - {fhir: https://ehr.example/fhir, name: North, client-id: b12}\n")

    with pytest.raises(WrongSettings, match="B12_SMART_SERVERS is not set"):
        create_app(Settings(**plain, smart_url="https://cds.example/smart"))
    with pytest.raises(WrongSettings, match="B12_SMART_URL is not set"):
        create_app(Settings(**plain, smart_servers=file))
    app = create_app(Settings(**plain, smart_url="https://cds.example/smart", smart_servers=file))
    assert "North" in app.test_client().get("/smart").text
    assert app.test_client().get("/sandbox/fhir/metadata").status_code == 404
    monkeypatch.setattr("service.rooms.find_spec", lambda _: None)
    with pytest.raises(WrongSettings, match="not installed"):
        create_app(Settings(**plain, smart_url="https://cds.example/smart", smart_servers=file))
