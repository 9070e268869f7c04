"""The app as people open it: from a card beside the chart, and by itself; and the pages that say why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from werkzeug.serving import make_server

from service.app import create_app
from service.sandbox import start
from service.settings import Settings
from tests.e2e.running import free_port

ANNA, NORA = "anna-autoimmune", "nora-neurology"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole demo at one address, with its FHIR server behind it."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    with start(datetime.now(UTC).date()) as fhir:
        settings = Settings(
            protocol="us-aafp",
            authentication="off",
            profile="sandbox",
            database=str(tmp_path_factory.mktemp("demo") / "state.sqlite3"),
            fhir_servers=(fhir.base,),
            sandbox_fhir=fhir.base,
            sandbox_service=base,
            smart_url=f"{base}/smart",
        )
        server = make_server("127.0.0.1", port, create_app(settings), threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield base
        server.shutdown()
        thread.join(5)
        server.server_close()


def open_from_card(page: Any, demo: str, patient: str) -> None:
    """As a clinician does: the chart, the card's button."""
    page.goto(f"{demo}/sandbox?patient={patient}&protocol=us-aafp")
    page.get_by_role("button", name="Open app").first.click()
    page.wait_for_url("**/sandbox/auth/authorize?**")


def in_app(page: Any) -> None:
    page.wait_for_url(lambda url: urlsplit(url).path.startswith("/smart/"))


def test_the_app_opens_from_a_card_for_the_patient_of_the_chart(
    page: Any, demo: str, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    open_from_card(page, demo, ANNA)

    page.get_by_text("asks for access to the chart of Anna").wait_for()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert asked["aud"] == f"{demo}/sandbox/fhir"
    axe(page)
    shot(page, "smart-consent")

    page.get_by_role("button", name="Allow", exact=True).click()
    in_app(page)
    assert "Anna" in page.get_by_role("main").inner_text()
    assert ANNA not in page.url
    cookies = {each["name"]: each for each in page.context.cookies()}
    assert cookies["b12_smart"]["httpOnly"]
    assert cookies["b12_smart"]["sameSite"] == "Lax"
    assert "b12_smart" not in page.evaluate("document.cookie")


def test_the_app_opens_by_itself_and_the_patient_is_chosen_at_the_record_system(
    page: Any, demo: str, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    page.goto(f"{demo}/smart")
    axe(page)
    shot(page, "smart-start")
    page.get_by_role("link", name="Demo EHR", exact=True).last.click()
    page.wait_for_url("**/sandbox/auth/authorize?**")
    page.get_by_label("Patient", exact=True).select_option(NORA)
    axe(page)
    shot(page, "smart-picker")
    page.get_by_role("button", name="Allow", exact=True).click()

    in_app(page)
    assert "Nora" in page.get_by_role("main").inner_text()


def test_two_patients_stay_apart_in_two_tabs(page: Any, demo: str) -> None:
    open_from_card(page, demo, ANNA)
    page.get_by_role("button", name="Allow", exact=True).click()
    in_app(page)
    second = page.context.new_page()
    open_from_card(second, demo, NORA)
    second.get_by_role("button", name="Allow", exact=True).click()
    in_app(second)

    page.reload()

    assert "Anna" in page.get_by_role("main").inner_text()
    assert "Nora" in second.get_by_role("main").inner_text()
    assert page.url != second.url


def test_who_declines_is_told_what_to_do(
    page: Any, demo: str, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    open_from_card(page, demo, ANNA)
    page.get_by_role("button", name="Do not allow").click()

    page.get_by_role("heading", name="The record system did not allow it").wait_for()
    assert "What to do" in page.get_by_role("main").inner_text()
    axe(page)
    shot(page, "smart-refused")
    # A refusal is an error to the browser too.
    page.wrong = [said for said in page.wrong if "403" not in said]


def test_a_part_of_the_chart_that_is_not_allowed_is_named(page: Any, demo: str) -> None:
    open_from_card(page, demo, ANNA)
    page.get_by_label("AllergyIntolerance").uncheck()
    page.get_by_role("button", name="Allow", exact=True).click()

    page.get_by_role("heading", name="Access to part of the chart was not granted").wait_for()
    assert "Not granted: AllergyIntolerance." in page.get_by_role("main").inner_text()
    page.wrong = [said for said in page.wrong if "403" not in said]


def test_consent_and_refusal_fit_a_phone(
    narrow: Any, demo: str, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    narrow.goto(f"{demo}/smart/launch?iss=https://evil.example/fhir&launch=x")
    narrow.get_by_role("heading", name="This record system is not known here").wait_for()
    axe(narrow)
    shot(narrow, "smart-unknown-narrow")
    narrow.wrong = [said for said in narrow.wrong if "403" not in said]
    narrow.goto(f"{demo}/smart/standalone?iss={demo}/sandbox/fhir")
    axe(narrow)
    shot(narrow, "smart-picker-narrow")
    assert narrow.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_start_page_is_light_and_quick(demo: str, budget: Callable[..., dict[str, float]]) -> None:
    assert budget(f"{demo}/smart")["weight"] > 0
