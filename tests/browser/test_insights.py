"""The report as an operator sees it: signs in, sees what is outside its limits, and reads the same as a table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from service.app import create_app
from service.evaluate import shipped
from service.insights.demo_history import fill
from service.settings import Settings

TOKEN = "an access token of this test"


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Flask]:
    def make(**settings: Any) -> Flask:
        given = {"protocol": "us-aafp", "authentication": "off", "database": str(tmp_path / "state.sqlite3")}
        app = create_app(Settings(**(given | settings)), shipped())
        book = shipped().book
        fill(app.extensions["memory"].database, book, book.protocols["us-aafp"], datetime.now(UTC).date())
        return app

    return make


def test_an_operator_signs_in_sees_what_stands_out_and_signs_out(
    made: Callable[..., Flask], live: Callable[[Flask], str], page: Any, axe: Any, shot: Any, budget: Any
) -> None:
    where = live(made(insights_token=TOKEN))
    page.goto(f"{where}/insights")
    assert page.url == f"{where}/insights/login"
    axe(page)
    shot(page, "insights-login")
    page.get_by_label("Access token").fill("not the access token")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text().endswith("This is not the access token.")
    page.wrong.clear()  # the browser logs the 403 it was given
    page.get_by_label("Access token").fill(TOKEN)
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{where}/insights"
    assert "rule K5" in page.locator(".flags").inner_text()
    for picture in page.locator("img.chart").all():
        picture.scroll_into_view_if_needed()
        picture.evaluate("each => each.decode()")
        assert picture.evaluate("each => each.naturalWidth") > 0
    axe(page)
    shot(page, "insights")
    page.get_by_role("link", name="K7").click()
    page.get_by_text("Override of K7 as a table").click()
    assert page.get_by_role("region", name="Override of rule K7").is_visible()
    assert TOKEN not in page.content()
    budget(f"{where}/insights", page.context.cookies())
    document = page.context.request.get(f"{where}/insights/report.json")
    assert json.loads(document.text())["flags"]
    page.get_by_role("button", name="Sign out").click()
    page.goto(f"{where}/insights")
    assert page.url == f"{where}/insights/login"


def test_on_a_phone_the_demo_opens_the_report_and_says_so_loudly(
    made: Callable[..., Flask], live: Callable[[Flask], str], narrow: Any, axe: Any, shot: Any
) -> None:
    where = live(made(sandbox_fhir="http://127.0.0.1:9/fhir", sandbox_service="http://127.0.0.1:9"))
    narrow.goto(f"{where}/insights")
    assert "open to anyone" in narrow.get_by_role("note").first.inner_text()
    assert narrow.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(narrow)
    shot(narrow, "insights-narrow")
