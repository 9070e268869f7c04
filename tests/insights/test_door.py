"""Nobody reads the report who has not the token; the demo opens it, and says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.evaluate import shipped
from service.insights import door
from service.settings import Settings

TOKEN = "an access token of this test"
PATHS = ("", "/report.json", "/report.csv", "/chart/firing.svg", "/control/K5/firing.svg")


def made(tmp_path: Path, **settings: Any) -> Flask:
    given = {"protocol": "us-aafp", "authentication": "off", "database": str(tmp_path / "state.sqlite3")}
    return create_app(Settings(**(given | settings)), shipped())


def enters(client: FlaskClient, token: str) -> int:
    form = client.get("/insights/login").text
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', form)
    assert csrf
    return client.post("/insights/login", data={"token": token, "csrf_token": csrf[1]}).status_code


@pytest.mark.parametrize("path", [*PATHS, "/login"])
def test_without_a_token_set_it_is_closed_and_says_which_setting_opens_it(tmp_path: Path, path: str) -> None:
    answer = made(tmp_path).test_client().get(f"/insights{path}")
    assert answer.status_code == 403
    assert "B12_INSIGHTS_TOKEN" in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_nobody_reads_anything_before_signing_in(tmp_path: Path, path: str) -> None:
    answer = made(tmp_path, insights_token=TOKEN).test_client().get(f"/insights{path}")
    assert answer.status_code in (303, 401)


def test_the_token_opens_it_and_signing_out_closes_it(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN).test_client()
    assert enters(client, "not it") == 403
    assert client.get("/insights/report.json").status_code == 401
    assert enters(client, TOKEN) == 303
    assert client.get("/insights/report.json").status_code == 200
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/insights").text)
    assert csrf
    assert client.post("/insights/logout", data={"csrf_token": csrf[1]}).status_code == 303
    assert client.get("/insights/report.json").status_code == 401


def test_a_form_without_its_own_token_signs_nobody_in(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN).test_client()
    assert client.post("/insights/login", data={"token": TOKEN}).status_code == 400
    assert client.get("/insights/report.json").status_code == 401


def test_tokens_cannot_be_tried_one_after_the_other(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN).test_client()
    assert [enters(client, "not it") for _ in range(6)] == [403] * 5 + [429]
    assert enters(client, TOKEN) == 429


def test_a_session_is_worth_nothing_under_another_token_and_after_a_working_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(tmp_path, insights_token=TOKEN)
    client = first.test_client()
    assert enters(client, TOKEN) == 303
    cookie = client.get_cookie("b12_session")
    assert cookie
    for token, status in ((TOKEN, 200), ("another token of this test", 401)):
        # Two workers share the secret that signs: the database keeps it.
        other = made(tmp_path, insights_token=token).test_client()
        other.set_cookie("b12_session", cookie.value)
        assert other.get("/insights/report.json").status_code == status
    now = door.time.time()
    monkeypatch.setattr(door.time, "time", lambda: now + door.SESSION_SECONDS + 1)
    assert client.get("/insights/report.json").status_code == 401


def test_the_cookie_gives_no_token_away(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN).test_client()
    enters(client, TOKEN)
    cookie = client.get_cookie("b12_session")
    assert cookie
    assert cookie.http_only
    assert cookie.same_site == "Lax"
    with client.session_transaction() as session:
        assert TOKEN not in str(dict(session))


def test_a_token_that_is_set_closes_the_demo_too(tmp_path: Path) -> None:
    demo = {"sandbox_fhir": "http://127.0.0.1:9/fhir", "sandbox_service": "http://127.0.0.1:9"}
    open_to_all = made(tmp_path, **demo).test_client().get("/insights")
    assert open_to_all.status_code == 200
    assert "open to anyone" in open_to_all.text
    assert made(tmp_path, insights_token=TOKEN, **demo).test_client().get("/insights").status_code == 303


def test_a_short_token_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="insights_token"):
        Settings(protocol="us-aafp", insights_token="short")


def test_without_a_database_there_is_nothing_to_report_and_it_says_so(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN, database="none").test_client()
    enters(client, TOKEN)
    answer = client.get("/insights")
    assert answer.status_code == 503
    assert "B12_DATABASE" in answer.text
    assert client.get("/insights/report.json").status_code == 503


def test_a_chart_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    client = made(tmp_path, insights_token=TOKEN).test_client()
    enters(client, TOKEN)
    assert client.get("/insights/chart/none.svg").status_code == 404
    assert client.get("/insights/control/K99/firing.svg").status_code == 404
    drawn = client.get("/insights/chart/firing.svg")
    assert drawn.mimetype == "image/svg+xml"
    assert b"<script" not in drawn.data
