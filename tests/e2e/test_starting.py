"""A service that cannot be trusted does not start, and says why; and it listens to this machine alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from service import serving
from service.cli import main

from .running import free_port, ran

GOOD = {"B12_PROTOCOL": "uk-ng239", "B12_AUTHENTICATION": "off"}


def refusal(**settings: str) -> tuple[int, str, str]:
    """The exit code and the words of a service that was to start with these settings."""
    ended = ran("serve", "--port", str(free_port()), "--workers", "1", settings=settings)
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


def test_without_a_protocol_it_does_not_start_and_names_the_setting() -> None:
    code, said, complained = refusal()

    assert code == 1
    assert "B12_PROTOCOL" in complained
    assert "uk-ng239" in complained
    assert "Traceback" not in said + complained


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Where the service would have listened."""
    calls: list[tuple[str, int, int]] = []
    for name in [name for name in os.environ if name.startswith("B12_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(serving, "run", lambda *where: calls.append(where))
    return calls


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("B12_PROTOCOL", "uk-ng999", "known: uk-ng239, us-aafp, us-label"),
        ("B12_TIME_ZONE", "Europe/Nowhere", "Europe/London"),
        ("B12_FHIR_SERVERS", "https://ehr.example/fhir", ""),
        ("B12_FHIR_SERVERS", '["ehr.example/fhir"]', ""),
        ("B12_FETCH_SECONDS", "0", ""),
        ("B12_MAX_BODY", "many", ""),
    ],
)
def test_a_wrong_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setattr(serving, "Granian", None)  # were it to start, it would fail on this
    answer = CliRunner().invoke(main, ["serve"], env=GOOD | {name: value})

    assert answer.exit_code == 1
    assert name in answer.stderr
    assert said in answer.stderr
    assert isinstance(answer.exception, SystemExit)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("codes:\n  - system: loinc\n    cod: x\n", 3, "cod"),
        ("codes: [\n", 2, ""),
        ("codes: []\ncodes: []\n", 2, "codes"),
    ],
)
def test_a_broken_code_map_is_refused_with_its_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    site = tmp_path / "site-codes.yaml"
    site.write_text(text, encoding="utf-8")
    code, told, complained = refusal(**GOOD, B12_SITE_CODES=str(site))

    assert code == 1
    assert f"site-codes.yaml:{line}" in complained
    assert said in complained
    assert "Traceback" not in told + complained


def test_a_code_map_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    code, told, complained = refusal(**GOOD, B12_SITE_CODES=str(tmp_path / "none.yaml"))

    assert code == 1
    assert "none.yaml" in complained
    assert "Traceback" not in told + complained


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_may_be_listened_to(runs: list[tuple[str, int, int]], host: str) -> None:
    answer = CliRunner().invoke(main, ["serve", "--host", host], env=GOOD)

    assert (answer.exit_code, runs) == (0, [(host, 8000, 2)])
    assert "authentication is OFF" in answer.stderr
    assert "anyone" not in answer.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "ehr.example", "localhost.evil.example", ""])
def test_any_other_address_is_refused(runs: list[tuple[str, int, int]], host: str) -> None:
    answer = CliRunner().invoke(main, ["serve", "--host", host], env=GOOD)

    assert (answer.exit_code, runs) == (2, [])
    assert "--insecure" in answer.stderr


def test_with_insecure_it_listens_and_warns(runs: list[tuple[str, int, int]]) -> None:
    answer = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0", "--insecure"], env=GOOD)

    assert (answer.exit_code, runs) == (0, [("0.0.0.0", 8000, 2)])
    assert "WARNING" in answer.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "ehr.example"])
def test_where_callers_are_asked_who_they_are_any_address_may_be_listened_to(
    runs: list[tuple[str, int, int]], host: str
) -> None:
    answer = CliRunner().invoke(main, ["serve", "--host", host], env={"B12_PROTOCOL": "uk-ng239"})

    assert (answer.exit_code, runs) == (0, [(host, 8000, 2)])
    assert "OFF" not in answer.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "B12_CLIENTS is not set"),
        ({"B12_CLIENTS": "none.yaml"}, "B12_BASE_URLS is not set"),
        ({"B12_CLIENTS": "none.yaml", "B12_BASE_URLS": '["https://cds.example"]'}, "none.yaml:1: cannot be read"),
        ({"B12_BASE_URLS": '["cds.example"]'}, "B12_BASE_URLS"),
        ({"B12_AUTHENTICATION": "on"}, "B12_AUTHENTICATION"),
        ({"B12_PROFILE": "lenient"}, "B12_PROFILE"),
        ({"B12_RATE": "fast"}, "B12_RATE"),
        ({"B12_PRIVATE_NETWORKS": '["10.0.0.1/8"]'}, "B12_PRIVATE_NETWORKS"),
        ({"B12_CONTROL": "none.yaml", "B12_AUTHENTICATION": "off"}, "none.yaml:1: cannot be read"),
        ({"B12_REDIS": "cache.example"}, "B12_"),
    ],
)
def test_a_wrong_setting_of_who_may_call_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(serving, "Granian", None)  # were it to start, it would fail on this
    usual = {"B12_PROTOCOL": "uk-ng239", "B12_DATABASE": "none"}
    answer = CliRunner().invoke(main, ["serve", "--workers", "1"], env=usual | more)

    assert answer.exit_code == 1
    assert said in answer.stderr
    assert isinstance(answer.exception, SystemExit)
