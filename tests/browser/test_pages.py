"""What every page shares: its headers, its session, its forms, its weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, render_template_string, session

from service.app import create_app
from service.pages import HEADERS, add_pages
from service.settings import Settings

PAGE = """{% extends "pages/base.html" %}{% from "pages/parts.html" import badge, notice, csrf, table %}
{% block title %}One page{% endblock %}{% block heading %}<h1>One page</h1>{% endblock %}
{% block main %}{{ notice("Read this.", "danger") }}{{ notice("Mind this.", "warning") }}{{ badge("High", "danger") }}
{{ badge("Done", "success") }}{{ table("Doses", ["Day", "Dose"], [["1", "2"]], [1]) }}
<form method="post" class="panel">{{ csrf() }}
<label for="way" class="form-label">Way</label>
<select id="way" name="way" class="form-select"><option>Tablet</option></select>
<div class="form-check"><input class="form-check-input" type="checkbox" id="sure" checked>
<label class="form-check-label" for="sure">Sure</label></div>
<button class="btn btn-primary">Keep</button></form>{% endblock %}"""


@pytest.fixture
def app() -> Flask:
    made = Flask("test")
    add_pages(made, secret="a secret of this test")

    @made.route("/one", methods=["GET", "POST"])
    def one() -> str:
        session["seen"] = True
        return render_template_string(PAGE)

    @made.get("/data")
    def data() -> Response:
        return Response("{}", mimetype="application/json")

    return made


def test_every_page_says_that_nothing_from_elsewhere_and_nothing_inline_may_run(app: Flask) -> None:
    answer = app.test_client().get("/one")
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    missing = app.test_client().get("/nowhere")
    assert missing.status_code == 404
    assert missing.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
    assert "Content-Security-Policy" not in app.test_client().get("/data").headers


@pytest.mark.parametrize(
    ("base", "forwarded", "secure"),
    [
        ("http://127.0.0.1:8000", None, False),
        ("http://localhost", None, False),
        ("https://localhost", None, True),
        ("http://127.0.0.1", "https", True),
        ("http://b12.example", None, True),
    ],
)
def test_the_session_cookie_is_kept_from_scripts_and_other_sites_and_from_plain_http_but_at_home(
    app: Flask, base: str, forwarded: str | None, secure: bool
) -> None:
    headers = {"X-Forwarded-Proto": forwarded} if forwarded else {}
    cookie = app.test_client().get("/one", base_url=base, headers=headers).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert ("Secure" in cookie) is secure


def test_a_form_that_another_site_sends_is_refused(app: Flask) -> None:
    client = app.test_client()
    client.get("/one")
    refused = client.post("/one", data={"way": "Tablet"})
    assert refused.status_code == 400
    assert "Nothing was done" in refused.text


def test_bootstrap_comes_from_its_package_without_inline_pictures_and_dark_as_the_system_is(app: Flask) -> None:
    client = app.test_client()
    sheet = client.get("/assets/bootstrap.css").text
    assert "data:image" not in sheet
    assert "[data-bs-theme=dark]" not in sheet
    assert sheet.count("@media (prefers-color-scheme:dark)") > 5
    assert sheet.count("{") == sheet.count("}")
    packed = client.get("/assets/bootstrap.css", headers={"Accept-Encoding": "gzip"})
    assert len(packed.data) < 40_000
    first = sheet.partition('url("')[2].partition('"')[0]
    assert client.get(first).mimetype == "image/svg+xml"
    assert client.get("/assets/bootstrap/none.svg").status_code == 404


def test_a_page_is_accessible_light_and_quick(
    app: Flask, live: Callable[[Flask], str], page: Any, narrow: Any, axe: Any, shot: Any, budget: Any
) -> None:
    where = live(app) + "/one"
    page.goto(where)
    axe(page)
    shot(page, "base")
    narrow.goto(where)
    axe(narrow)
    shot(narrow, "base-narrow")
    budget(where)


def test_a_program_that_calls_the_service_needs_no_form_and_gets_no_session() -> None:
    app = create_app(Settings(protocol="uk-ng239", authentication="off"))
    answer = app.test_client().post(
        "/cds-services/none", json={}, headers={"Origin": "https://ehr.example", "Cookie": "b12_session=x"}
    )
    assert answer.status_code == 404
    assert answer.mimetype == "application/fhir+json"
    assert "Set-Cookie" not in answer.headers
