"""A clinician opens the app from the chart: reads the story, changes the plan, writes it once, and prints it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from icalendar import Calendar

from service.fhir.gate import check
from tests.smart.charted import PATIENT
from tests.smart.running import Running, running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("charts")) as there:
        yield there


def launched(page: Any, demo: Running, *, without: str = "") -> None:
    """Launch for the patient and allow everything, but the scopes that hold some words."""
    page.goto(demo.launch(PATIENT))
    if without:
        for box in page.locator("input[type=checkbox]").all():
            if without in (box.get_attribute("value") or ""):
                box.uncheck()
    page.get_by_role("button", name="Allow", exact=True).click()
    page.get_by_role("heading", name="The plan").wait_for()


def on_record(demo: Running, kind: str) -> list[dict[str, Any]]:
    found = requests.get(f"{demo.fhir}/{kind}?patient=Patient/{PATIENT}&_count=100", timeout=20).json()
    each = [entry["resource"] for entry in found.get("entry", ())]
    return [r for r in each if r["resourceType"] == kind]


def test_the_story_is_read_in_light_and_dark_wide_and_narrow(
    page: Any, narrow: Any, demo: Running, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    for each, size in ((page, "wide"), (narrow, "narrow")):
        launched(each, demo)
        assert "pernicious anaemia" in each.inner_text("main")
        assert each.locator("img.chart").count() == 5
        each.wait_for_load_state("networkidle")
        assert each.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
        assert each.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        axe(each)
        shot(each, f"smart-story-{size}")
        each.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        axe(each)
        shot(each, f"smart-story-open-{size}")


def test_every_evidence_link_leads_to_its_row(page: Any, demo: Running) -> None:
    launched(page, demo)
    links = page.locator("a.resource").evaluate_all("all => all.map(one => one.getAttribute('href'))")

    assert len(links) > 1
    assert [link for link in links if page.locator(link).count() != 1] == []


def test_a_change_is_seen_at_once_and_what_is_not_possible_says_why(
    page: Any, demo: Running, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    launched(page, demo)
    page.get_by_text("Change the plan").click()
    reasons = page.inner_text("details.change")
    assert "every month" in reasons.lower()
    assert "off-label" in reasons
    assert "another drug" in reasons
    assert "injections for life" in reasons
    page.get_by_label("Interval of maintenance").select_option("3")
    page.get_by_label("First dose").fill((demo.today + timedelta(days=3)).isoformat())
    page.get_by_role("button", name="Show this plan").click()

    changed = page.inner_text("#plan")

    assert "1 mg every 3 months" in changed
    assert "changed by you" in changed
    axe(page)
    shot(page, "smart-changed")
    page.get_by_text("Change the plan").first.scroll_into_view_if_needed()
    page.get_by_label("First dose").evaluate("box => box.min = ''")
    page.get_by_label("First dose").fill((demo.today - timedelta(days=3)).isoformat())
    page.get_by_role("button", name="Show this plan").click()
    assert "cannot be in the past" in page.inner_text("#plan")
    page.get_by_text("Back to what is proposed").click()
    assert "changed by you" not in page.inner_text("#plan")


def test_the_plan_is_written_once_read_back_and_stays_one_when_written_again(
    page: Any, demo: Running, axe: Callable[[Any], None], shot: Callable[..., None]
) -> None:
    launched(page, demo)
    kinds = ("MedicationRequest", "ServiceRequest", "CarePlan")
    before = {kind: len(on_record(demo, kind)) for kind in kinds}
    page.get_by_role("link", name="Write to the record").click()
    axe(page)
    shot(page, "smart-write")
    page.get_by_role("button", name="Write").click()
    page.get_by_role("heading", name="What stands in the record").wait_for()
    axe(page)
    shot(page, "smart-written")

    assert "as written" in page.inner_text("main")
    assert "differs" not in page.inner_text("main")
    after = {kind: on_record(demo, kind) for kind in kinds}
    assert len(after["MedicationRequest"]) == before["MedicationRequest"] + 2
    assert len(after["CarePlan"]) == 1
    (plan,) = after["CarePlan"]
    referred = {a["reference"]["reference"] for a in plan["activity"] if "reference" in a}
    drafts = [r for kind in kinds[:2] for r in after[kind] if r["status"] == "draft"]
    assert referred == {f"{r['resourceType']}/{r['id']}" for r in drafts}
    for resource in (*drafts, plan):
        assert check({k: v for k, v in resource.items() if k not in ("meta", "text")}) == ()

    page.get_by_role("link", name="Back to the story").click()
    page.get_by_role("link", name="Write to the record").click()
    page.get_by_role("button", name="Write").click()

    assert "0 new in the record" in page.inner_text("main")
    assert {kind: len(on_record(demo, kind)) for kind in kinds} == {kind: len(after[kind]) for kind in kinds}


def test_without_the_right_to_write_nothing_is_written_and_it_says_so(page: Any, demo: Running, shot: Any) -> None:
    launched(page, demo, without="CarePlan")
    page.get_by_role("link", name="Write to the record").click()

    assert "CarePlan was not allowed" in page.inner_text("main")
    assert page.get_by_role("button", name="Write").count() == 0
    shot(page, "smart-not-allowed")


def test_the_patients_page_is_one_sheet_with_the_plans_own_numbers(
    page: Any, narrow: Any, demo: Running, axe: Callable[[Any], None], shot: Callable[..., None], tmp_path: Path
) -> None:
    for each, size in ((page, "wide"), (narrow, "narrow")):
        launched(each, demo)
        each.get_by_role("link", name="For the patient").click()
        axe(each)
        shot(each, f"smart-print-{size}")

    words = page.inner_text("main")
    assert "6 injections of 1 mg into a muscle" in words
    assert all(each in words for each in ("1. Your injections", "2. What comes after", "3. Tests, and what to watch"))
    pdf = page.pdf(format="A4", prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1


def test_the_dates_are_a_calendar_file(page: Any, demo: Running) -> None:
    launched(page, demo)
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Dates (.ics)").click()
    calendar = Calendar.from_ical(Path(waiting.value.path()).read_bytes())
    titles = [str(event["summary"]) for event in calendar.walk("VEVENT")]

    assert titles.count("Vitamin B12 injection") == 8
    assert "Review of the B12 treatment" in titles


def test_the_story_is_light_and_fast(page: Any, demo: Running, budget: Callable[..., dict[str, float]]) -> None:
    launched(page, demo)

    budget(page.url, page.context.cookies())
