"""What is deployed fits its schema, says settings that exist, and gives the service no more than it needs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from service.app import create_app
from service.cli import main
from service.settings import from_environment

kubernetes_validate = pytest.importorskip("kubernetes_validate")

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
#: Carries the schema of compose files.
COMPOSE = "github.com/compose-spec/compose-go/v2@v2.16.2"
#: The oldest version that is looked after somewhere, and the newest.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
Json = dict[str, Any]


def objects() -> list[Json]:
    return [one for file in MANIFESTS for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def the(kind: str, name: str = "b12-cds") -> Json:
    (found,) = [one for one in objects() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods() -> Iterator[tuple[str, Json]]:
    for one in (the("Deployment"), the("Job", "b12-cds-migrate")):
        yield one["kind"], one["spec"]["template"]


@cache
def compose_schema(folder: Path) -> Json:
    """The schema as its package has it; skip where it cannot be had."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go: the schema of compose files is in a Go module")
    told = subprocess.run(
        [go, "mod", "download", "-json", COMPOSE], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )
    if told.returncode != 0:
        pytest.skip(f"{COMPOSE} cannot be had")
    schema: Json = json.loads((Path(json.loads(told.stdout)["Dir"]) / "schema" / "compose-spec.json").read_text())
    return schema


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Json:
    return compose_schema(tmp_path_factory.mktemp("go"))


def compose() -> Json:
    read: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return read


# Schemas


def test_the_compose_file_fits_its_schema(schema: Json) -> None:
    assert list(Draft202012Validator(schema).iter_errors(compose())) == []


def test_the_schema_would_find_a_wrong_compose_file(schema: Json) -> None:
    wrong = compose()
    wrong["services"]["service"]["depend_on"] = {}

    (error,) = Draft202012Validator(schema).iter_errors(wrong)
    assert "depend_on" in error.message


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_fits_its_schema(version: str) -> None:
    kinds = [one["kind"] for one in objects() if kubernetes_validate.validate(one, version, strict=True)]

    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "NetworkPolicy", "Job", "PodDisruptionBudget"} <= {
        *kinds
    }


@pytest.mark.parametrize(
    "wrong", [{"replicsa": 2}, {"replicas": "two"}, {"template": {"spec": {"containers": [{"image": "x"}]}}}]
)
def test_the_schema_would_find_a_wrong_manifest(wrong: Json) -> None:
    broken = the("Deployment")
    broken["spec"] |= wrong
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[0], strict=True)


# Settings


def started(monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], folder: Path) -> Any:
    """The application that these variables make; its state in a file, its Redis elsewhere."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("B12_DATABASE", str(folder / "state.sqlite3"))
    return create_app(from_environment())


def test_the_compose_file_says_settings_that_exist_and_start_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = compose()["services"]["service"]["environment"]
    given = {name: value.replace("${B12_PROTOCOL:-uk-ng239}", "uk-ng239") for name, value in said.items()}
    app = started(monkeypatch, given, tmp_path)

    assert app.test_client().get("/cds-services").json["services"]


def test_the_manifests_say_settings_that_exist_and_start_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = the("ConfigMap", "b12-cds-files")["data"]
    (mount,) = [m for m in container()["volumeMounts"] if m["name"] == "files"]
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = {**the("ConfigMap")["data"], **the("Secret")["stringData"]}
    given = {name: value.replace(mount["mountPath"], str(tmp_path)) for name, value in said.items()}
    app = started(monkeypatch, given, tmp_path)

    assert app.test_client().get("/healthz").status_code == 200
    assert app.test_client().get("/cds-services").status_code == 401


@pytest.mark.parametrize("kind", ["Deployment", "Job", "service", "migrate"])
def test_what_is_started_is_a_command_of_ours(kind: str) -> None:
    if kind in ("service", "migrate"):
        command = compose()["services"][kind]["command"]
    else:
        (template,) = [pod for each, pod in pods() if each == kind]
        command = template["spec"]["containers"][0]["args"]

    assert command[0] == "b12-cds"
    made: Any = main
    rest = command[1:]
    while rest and rest[0] in getattr(made, "commands", {}):
        made = made.commands[rest.pop(0)]
    made.make_context("b12-cds", rest)


# Rights


def container() -> Json:
    (only,) = the("Deployment")["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_pods_run_as_nobody_on_what_cannot_be_written() -> None:
    for kind, pod in pods():
        around, (each,) = pod["spec"], pod["spec"]["containers"]
        assert around["securityContext"]["runAsNonRoot"] is True, kind
        assert around["securityContext"]["runAsUser"] == 10001, kind
        assert around["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, kind
        assert (around["automountServiceAccountToken"], around["enableServiceLinks"]) == (False, False), kind
        assert each["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }, kind
        assert {"cpu", "memory"} <= each["resources"]["requests"].keys(), kind
        assert "memory" in each["resources"]["limits"], kind


def test_containers_of_ours_run_as_nobody_on_what_cannot_be_written() -> None:
    for name in ("service", "migrate"):
        ours = compose()["services"][name]
        assert (ours["read_only"], ours["user"], ours["cap_drop"]) == (True, "10001:10001", ["ALL"]), name


def test_without_authentication_only_this_machine_reaches_the_compose_services() -> None:
    services = compose()["services"]
    assert services["service"]["environment"]["B12_AUTHENTICATION"] == "off"
    ports = [port for one in services.values() for port in one.get("ports", ())]

    assert ports
    assert {port.partition(":")[0] for port in ports} == {"127.0.0.1"}


def test_a_pod_is_asked_whether_it_is_ready_and_given_time_to_end() -> None:
    spec, settings = the("Deployment")["spec"]["template"]["spec"], from_environment()
    pause = int(container()["lifecycle"]["preStop"]["exec"]["command"][1])

    assert container()["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert {container()[probe]["httpGet"]["path"] for probe in ("livenessProbe", "startupProbe")} == {"/healthz"}
    assert spec["terminationGracePeriodSeconds"] > pause + settings.stop_seconds


# What belongs together


def test_everything_that_selects_pods_selects_ours() -> None:
    labels = the("Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        the("Deployment")["spec"]["selector"]["matchLabels"],
        the("Service")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]

    assert all(selector.items() <= labels.items() for selector in selectors)
    assert the("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == the("Deployment")["metadata"]["name"]
    # A call never reaches a pod that migrates.
    (job,) = [pod for kind, pod in pods() if kind == "Job"]
    assert not the("Service")["spec"]["selector"].items() <= job["metadata"]["labels"].items()


def test_every_port_is_the_one_that_is_listened_at() -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    let_in = {port["port"] for rule in the("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]}

    assert ports["metrics"] == int(the("ConfigMap")["data"]["B12_METRICS"].rpartition(":")[2])
    assert the("Service")["spec"]["ports"][0]["targetPort"] == "http"
    assert let_in == set(ports.values())
    assert the("Deployment")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/port"] == str(
        ports["metrics"]
    )


def test_metrics_are_for_prometheus_alone() -> None:
    (rule,) = [
        rule for rule in the("NetworkPolicy")["spec"]["ingress"] if {"protocol": "TCP", "port": 9464} in rule["ports"]
    ]

    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert [port["name"] for port in the("Service")["spec"]["ports"]] == ["http"]
