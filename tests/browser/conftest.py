"""A real headless Chromium, driven by Playwright; without either these tests are skipped, and say so.

`B12_TEST_BROWSER=required` makes that an error. Screenshots go to `build/screens`.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCREENS = Path(__file__).parents[2] / "build" / "screens"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WEIGHT = 300 * 1024
PAINT_MS = 500
TRIES = 4


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            # One worker drives the browser: two cores are few.
            item.add_marker(pytest.mark.xdist_group("browser"))


def _missing(what: str) -> None:
    if os.environ.get("B12_TEST_BROWSER") == "required":
        pytest.fail(f"{what} is missing, and B12_TEST_BROWSER=required", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, started once."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("Playwright (extra `browser`)")
    where = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if where is None:
        _missing("Chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=where, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Give a new page in a context of its own; whatever goes wrong in it fails the test at the end.

    `page.wrong` lists console errors, page errors and requests to elsewhere; a test that means one empties the list.
    """
    contexts = []

    def open_page(size: dict[str, int], **options: Any) -> Any:
        # A colour that is still changing would be judged half-way.
        context = browser.new_context(viewport=size, reduced_motion="reduce", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.wrong = []
        page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.on("request", lambda asked: page.wrong.append(asked.url) if _is_elsewhere(asked.url) else None)
        return page

    yield open_page
    wrong = [each for context in contexts for page in context.pages for each in getattr(page, "wrong", ())]
    for context in contexts:
        context.close()
    assert wrong == []


def _is_elsewhere(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "about:", "blob:"))


@pytest.fixture
def page(opened: Callable[..., Any]) -> Any:
    """A desktop's page."""
    return opened(WIDE)


@pytest.fixture
def narrow(opened: Callable[..., Any]) -> Any:
    """A phone's page."""
    return opened(NARROW)


@pytest.fixture
def live() -> Iterator[Callable[[Flask], str]]:
    """Serve applications on loopback and give their addresses."""
    servers = []

    def serve(app: Flask) -> str:
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server, thread in servers:
        server.shutdown()
        thread.join(5)
        server.server_close()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def axe() -> Callable[[Any], None]:
    """Check a page by axe-core's WCAG 2.2 A and AA rules, in light and in dark: no violation."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        _missing("axe-playwright-python (extra `browser`)")
    rules = Axe()

    def check(page: Any) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = rules.run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
            told = [
                f"{scheme}: {each['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
                for each in found.response["violations"]
                for node in each["nodes"]
            ]
            assert told == [], "\n".join(told)
        page.emulate_media(color_scheme="light")

    return check


@pytest.fixture
def shot() -> Callable[..., None]:
    """Keep a picture of the whole page as `build/screens/NAME.png`, and of the dark one as `NAME-dark.png`."""

    def keep(page: Any, name: str, *, full: bool = True) -> None:
        SCREENS.mkdir(parents=True, exist_ok=True)
        for scheme, end in (("dark", "-dark"), ("light", "")):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=SCREENS / f"{name}{end}.png", full_page=full)

    return keep


@pytest.fixture
def budget(browser: Any) -> Callable[..., dict[str, float]]:
    """Load an address anew and give its weight in bytes as transferred, and its first paint in ms: both within budget.

    `cookies` are those of a context that is signed in.
    """

    def load(url: str, cookies: Any) -> tuple[float, float]:
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
        context.add_cookies(list(cookies))
        page = context.new_page()
        sizes: list[int] = []
        page.on("requestfinished", lambda asked: sizes.append(_bytes(asked)))
        page.goto(url, wait_until="networkidle")
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1")
        context.close()
        return float(sum(sizes)), float(paint)

    def measure(url: str, cookies: Any = ()) -> dict[str, float]:
        # The budget is that of a machine with nothing else to do: the best of some loads counts, and where more is to
        # be run than there are cores, each waits its turn.
        allowed = PAINT_MS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
        for _ in range(TRIES):
            weight, paint = load(url, cookies)
            print(f"{urlsplit(url).path}: {weight / 1024:.0f} KiB, first paint {paint:.0f} ms of {allowed:.0f}")
            assert weight < WEIGHT
            assert paint >= 0
            if paint < allowed:
                return {"weight": weight, "paint": paint}
        raise AssertionError(f"first paint after {paint:.0f} ms, {TRIES} times over {allowed:.0f} ms")

    return measure


def _bytes(asked: Any) -> int:
    sizes = asked.sizes()
    return int(sizes["responseBodySize"] + sizes["responseHeadersSize"])
