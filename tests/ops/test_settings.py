"""Settings come from the environment and one file; a wrong one stops the start, with its place and its cure."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from service.settings import Settings, WrongSettings, from_environment
from service.settings_page import page
from service.settings_sources import DOCUMENT, variable

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("B12_") and not name.startswith("B12_TEST_")]:
        monkeypatch.delenv(name)


def told(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a start with these variables is refused with."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as wrong:
        from_environment()
    return str(wrong.value)


def written(folder: Path, text: str, name: str = "b12.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    assert (ROOT / DOCUMENT).read_text(encoding="utf-8") == page(), "python -m service.settings_page"


def test_every_setting_is_described_and_has_a_place_on_the_page() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert f"`{variable(name)}`" in page()


def test_every_example_on_the_page_is_accepted() -> None:
    given = {name: field.examples[0] for name, field in Settings.model_fields.items() if field.examples}

    assert len(given) > 10
    assert Settings(**given).model_fields_set >= given.keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "b12.yaml",
            'protocol: uk-ng239\nfhir-servers: ["https://ehr.example/fhir"]\nfetch-seconds: 3\nsilent: true\n',
        ),
        (
            "b12.toml",
            'protocol = "uk-ng239"\nfhir_servers = ["https://ehr.example/fhir"]\nfetch-seconds = 3\nsilent = true\n',
        ),
    ],
)
def test_a_file_says_what_the_environment_could(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, text, name))
    settings = from_environment()

    assert (settings.protocol, settings.fhir_servers) == ("uk-ng239", ("https://ehr.example/fhir",))
    assert (settings.fetch_seconds, settings.silent) == (3.0, True)


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, "protocol: uk-ng239\ntoken-age: 100\n"))
    monkeypatch.setenv("B12_PROTOCOL", "us-aafp")

    assert (from_environment().protocol, from_environment().token_age) == ("us-aafp", 100)


def test_a_wrong_value_in_the_file_does_no_harm_where_the_environment_has_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, "rate: fast\n"))
    monkeypatch.setenv("B12_RATE", "5/second")

    assert from_environment().rate == "5/second"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, "protocol: uk-ng239\n"))
    monkeypatch.setenv("B12_PROTOCOL", "")
    monkeypatch.setenv("B12_FETCH_SECONDS", "")

    assert (from_environment().protocol, from_environment().fetch_seconds) == ("uk-ng239", 2.0)


def test_a_file_that_the_settings_file_names_is_beside_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, "clients: clients.yaml\ncontrol: /etc/control.yaml\n"))
    settings = from_environment()

    assert (settings.clients, settings.control) == (tmp_path / "clients.yaml", Path("/etc/control.yaml"))


def test_a_mistyped_variable_is_refused_with_the_name_that_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, B12_PROTOCL="uk-ng239", B12_CLIENT="x")

    assert "B12_PROTOCL: there is no such setting; did you mean B12_PROTOCOL?" in said
    assert "B12_CLIENT: there is no such setting; did you mean B12_CLIENTS?" in said


def test_what_kubernetes_says_of_services_beside_it_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8000_TCP", "PORT_8000_TCP_ADDR"):
        monkeypatch.setenv(f"B12_CDS_{name}", "10.0.0.1")

    assert from_environment().protocol is None


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        (
            "fetch-secnds: 3\n",
            "b12.yaml",
            "b12.yaml: fetch-secnds: there is no such setting; did you mean fetch-seconds?",
        ),
        ("protocol: x\nrate: fast\n", "b12.yaml", 'b12.yaml:2: rate: a rate is written like "600/minute"'),
        ("token-age: 5\n", "b12.yaml", "b12.yaml:1: token-age: Input should be greater than or equal to 10"),
        ("silent: no\n", "b12.yaml", "b12.yaml:1: no means something else to YAML"),
        ("rate = fast\n", "b12.toml", "b12.toml is not TOML"),
        ("rate = 'fast'\n", "b12.toml", 'b12.toml: rate: a rate is written like "600/minute"'),
        ("- protocol\n", "b12.yaml", "holds no settings by name"),
        ("token-age: 20\ntoken_age: 30\n", "b12.yaml", "stands twice"),
        ("{}", "b12.json", "neither .toml nor .yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_its_cure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, name: str, said: str
) -> None:
    assert said in told(monkeypatch, B12_SETTINGS=written(tmp_path, text, name))


def test_a_file_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "cannot be read" in told(monkeypatch, B12_SETTINGS=str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("B12_FETCH_SECONDS", "0", "deadline for all queries of one call together"),
        ("B12_LOG", "xml", "'json' or 'text'"),
        ("B12_METRICS", "9464", "such as 127.0.0.1:9464"),
        ("B12_METRICS", "127.0.0.1:9464/metrics", "such as 127.0.0.1:9464"),
        ("B12_TRACES", "collector:4318", "for example http://127.0.0.1:4318/v1/traces"),
        ("B12_CORS_ORIGINS", "https://ehr.example", 'a list is written ["one", "two"]'),
    ],
)
def test_a_wrong_variable_is_refused_by_name_with_what_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    refused = told(monkeypatch, **{name: value})

    assert refused.startswith(f"{name}: ")
    assert said in refused


def test_all_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(told(monkeypatch, B12_RATE="fast", B12_TOKEN_AGE="1", B12_PROFILE="kind").splitlines()) == 3


def test_a_secret_that_is_too_short_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = told(monkeypatch, B12_HASH_SECRET="hunter2hunter2")

    assert "B12_HASH_SECRET" in refused
    assert "hunter2" not in refused


def test_the_file_that_the_page_shows_is_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```yaml\n(.*?)```", page(), re.S)
    monkeypatch.setenv("B12_SETTINGS", written(tmp_path, shown))

    assert from_environment().clients == tmp_path / "clients.yaml"
