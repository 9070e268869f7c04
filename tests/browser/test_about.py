"""What the service is for, what it rests on and who has reviewed it, as whoever decides on its use would read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from service.app import create_app
from service.evaluate import shipped
from service.settings import Settings


@pytest.fixture
def app() -> Flask:
    return create_app(Settings(protocol="us-aafp", authentication="off"), shipped())


def test_who_decides_on_its_use_sees_first_that_nobody_has_reviewed_it_and_can_read_all_it_knows(
    app: Flask, live: Callable[[Flask], str], page: Any, narrow: Any, axe: Any, shot: Any, budget: Any
) -> None:
    where = live(app)
    page.goto(f"{where}/about")
    assert "No clinician has reviewed" in page.get_by_role("alert").inner_text()
    assert page.locator("#attributes ~ dl dt").count() == 13
    axe(page)
    shot(page, "about")
    narrow.goto(f"{where}/about")
    assert narrow.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(narrow, "about-narrow")
    page.get_by_role("link", name="Read the knowledge book").click()
    page.wait_for_url("**/about/knowledge")
    assert page.get_by_role("heading", level=1).inner_text() == "The knowledge book"
    source = page.get_by_role("link", name="NG239-rec").first.get_attribute("href")
    assert page.locator(source).count() == 1
    axe(page)
    shot(page, "knowledge", full=False)
    narrow.goto(f"{where}/about/knowledge")
    assert narrow.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(narrow, "knowledge-narrow", full=False)
    budget(f"{where}/about")
    budget(f"{where}/about/knowledge")
