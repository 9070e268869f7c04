"""The synthetic charts: valid, full of noise, rolling with the day, and free of invented codes."""

from collections.abc import Iterator
from datetime import date, timedelta
from importlib.resources import files
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from service.sandbox.ehr import SandboxEhr
from service.sandbox.facts import SandboxPatient, background, codes
from service.sandbox.patients import bundle, patients

DAY = date(2028, 2, 29)
EVERY = pytest.mark.parametrize("patient", patients(), ids=lambda patient: patient.id)


def resources(patient: SandboxPatient, day: date = DAY) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle(patient, day)["entry"]]


def test_there_are_at_least_fourteen_patients_with_different_names() -> None:
    assert len(patients()) >= 14
    assert len({patient.id for patient in patients()}) == len(patients())
    assert len({patient.name for patient in patients()}) == len(patients())


@EVERY
def test_every_resource_is_valid_fhir(patient: SandboxPatient) -> None:
    get_fhir_model_class("Bundle").model_validate(bundle(patient, DAY))
    for resource in resources(patient):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)


@EVERY
def test_each_chart_has_thirty_resources_that_do_not_matter(patient: SandboxPatient) -> None:
    other = [resource for resource in resources(patient) if resource["id"].startswith("other-")]

    assert len(other) >= 30


@EVERY
def test_the_same_day_gives_the_same_chart_with_unique_ids(patient: SandboxPatient) -> None:
    ids = [(resource["resourceType"], resource["id"]) for resource in resources(patient)]

    assert bundle(patient, DAY) == bundle(patient, DAY)
    assert len(ids) == len(set(ids))


@EVERY
def test_dates_roll_with_today_and_nothing_is_in_the_future(patient: SandboxPatient) -> None:
    later = DAY + timedelta(days=400)
    for first, second in zip(moments(resources(patient)), moments(resources(patient, later)), strict=True):
        assert date.fromisoformat(second) - date.fromisoformat(first) == timedelta(days=400)
        assert first < DAY.isoformat()


@EVERY
def test_the_age_never_changes(patient: SandboxPatient) -> None:
    for day in (DAY, date(2027, 1, 1), date(2029, 12, 31), date(2026, 4, 10)):
        born = date.fromisoformat(resources(patient, day)[1]["birthDate"])
        age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))

        assert age == patient.age


def test_the_facts_carry_only_codes_that_the_mappings_know() -> None:
    known = mapped_codes()
    kinds = ("conditions", "procedures", "medicines", "allergies")
    used = {code for kind in kinds for fact in codes()[kind].values() for _, code, _ in fact.get("codings", ())}
    used |= {analyte["code"] for analyte in codes()["laboratory"].values()}

    assert used - known == set()


def test_the_background_carries_no_code_that_the_mappings_know() -> None:
    used = {
        coding[1]
        for kind in background().values()
        if isinstance(kind, list)
        for e in kind
        for coding in e.get("codings", ())
    }
    used |= {entry["code"] for key in ("labs", "vitals") for entry in background()[key]}

    assert used & mapped_codes() == set()


def test_every_chart_is_on_the_server(ehr: SandboxEhr) -> None:
    assert {each["id"] for each in ehr.patients()} == {patient.id for patient in patients()}


def moments(chart: list[dict[str, Any]]) -> Iterator[str]:
    for resource in chart:
        for key, value in resource.items():
            if isinstance(value, str) and (key.endswith("DateTime") or key in {"authoredOn", "recordedDate"}):
                yield value[:10]


def mapped_codes() -> set[str]:
    """Every `code:` of the findings and causes."""
    found: set[str] = set()
    for folder in ("findings", "causes"):
        for file in files("mappings").joinpath(folder).iterdir():
            lines = file.read_text(encoding="utf-8").splitlines()
            found |= {line.partition('code: "')[2].partition('"')[0] for line in lines if 'code: "' in line}
    return found
