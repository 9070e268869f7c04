"""What else is on record, as the clinician reads it: a site's pill, doses in words, tests that come first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.consult import consultant
from service.evaluate import evaluate_document
from service.knowledge.load import load
from tests.chart.render import bundle_of, numbered
from tests.chart.resources import PATIENT, Resource, medication_request, observation, quantity
from tests.vignettes import TODAY

from .ask import Answer
from .test_workup import detail, lab, ordered_tests, patient

LOCAL = "https://hospital.example/medicines"
PILL = f"""codes:
  - {{system: "{LOCAL}", code: "77", display: "The pill", finding: oestrogen-contraceptive}}
"""
NAMED = {"resourceType": "Patient", "id": PATIENT.split("/")[1], "birthDate": "1986-02-01"}


def b12(value: float) -> Resource:
    made = observation({"coding": [{"system": "http://loinc.org", "code": "2132-9"}]}, TODAY)
    return made | {"valueQuantity": quantity(value, "ng/L")}


def on_the_pill(tmp_path: Path, value: float, *, status: str = "active") -> Answer:
    """The answer to a B12 on the pill, at a site that maps its code."""
    file = tmp_path / "site.yaml"
    file.write_text(PILL, encoding="utf-8")
    order = medication_request({"coding": [{"system": LOCAL, "code": "77"}]}, TODAY, status=status)
    chart = bundle_of([NAMED, *numbered(iter([order, b12(value)]))])
    using = consultant(load(site_codes=file))
    return evaluate_document(json.dumps(chart).encode(), protocol="uk-ng239", today=TODAY, using=using)


@pytest.mark.parametrize(("value", "status"), [(170, "confirmed"), (250, "indeterminate")])
def test_on_the_pill_the_number_still_decides_and_the_caveat_is_said(tmp_path: Path, value: float, status: str) -> None:
    given = on_the_pill(tmp_path, value)

    assert given["status"] == status
    assert "contraceptive" in given["notices"]
    assert "Oestrogen contraceptives lower total B12" in detail(given)


def test_between_the_lines_the_pill_asks_for_mma(tmp_path: Path) -> None:
    assert "workup-mma" in on_the_pill(tmp_path, 250)["notices"]


@pytest.mark.parametrize(("value", "status"), [(500, "active"), (170, "stopped")])
def test_a_clearly_normal_b12_or_a_pill_that_was_stopped_needs_no_caveat(
    tmp_path: Path, value: float, status: str
) -> None:
    assert "contraceptive" not in on_the_pill(tmp_path, value, status=status)["notices"]


def on(product: str, every: tuple[int, str], months: float) -> str:
    """The line of the card that says what a patient with new numbness takes."""
    told = {"product": product, "every": every, "months": months}
    given = patient(age=60, conditions=["pernicious_anaemia", {"name": "paraesthesia", "days_ago": 2}], on_b12=told)
    return next(line for line in detail(given).splitlines() if line.startswith("**On B12"))


@pytest.mark.parametrize(
    ("product", "every", "months", "words"),
    [
        ("hydroxocobalamin_injection", (3, "mo"), 23, "1 mg, injected, every 3 months, maintenance, since 22 Dec 2024"),
        ("hydroxocobalamin_injection", (2, "d"), 1, "1 mg, injected, every 2 days, repletion, since 22 Oct 2026"),
        ("cyanocobalamin_injection", (1, "wk"), 1, "1 mg, injected, every week, repletion, since 22 Oct 2026"),
        ("cyanocobalamin_injection", (1, "mo"), 12, "1 mg, injected, every month, maintenance, since 22 Nov 2025"),
    ],
)
def test_the_card_says_what_the_patient_is_on(product: str, every: tuple[int, str], months: float, words: str) -> None:
    assert words in on(product, every, months)


def test_homocysteine_is_offered_after_what_it_depends_on() -> None:
    given = patient(age=60, conditions=["glossitis_coded"], labs=[["b12", 250, "ng/L"], ["mma", 0.35, "umol/L"]])
    labels = [s["label"] for card in given["cards"] for s in card["suggestions"]]

    assert "Order: Plasma homocysteine, after Serum folate and Creatinine with eGFR" in labels


def test_homocysteine_waits_only_for_what_is_not_known() -> None:
    labs = [["b12", 250, "ng/L"], ["mma", 0.35, "umol/L"], ["folate", 8, "ug/L"]]
    given = patient(age=60, conditions=["glossitis_coded"], labs=labs)
    labels = [s["label"] for card in given["cards"] for s in card["suggestions"]]

    assert "Order: Plasma homocysteine, after Creatinine with eGFR" in labels


@pytest.mark.parametrize(("days", "said"), [(30, False), (31, True)])
def test_on_warfarin_an_inr_is_not_known_after_30_days(days: int, said: bool) -> None:
    given = patient(
        age=66,
        conditions=["pernicious_anaemia"],
        medicines=[{"name": "warfarin", "months": 30}],
        labs=[["b12", 120, "ng/L"], lab("inr", 2.5, "1", days)],
    )

    assert ("INR: not known." in detail(given)) is said


def test_without_a_plan_no_inr_is_asked_for() -> None:
    given = patient(age=66, medicines=[{"name": "warfarin", "months": 30}], labs=[["b12", 500, "ng/L"]])

    assert "INR" not in detail(given)


@pytest.mark.parametrize(("labs", "offered"), [([], True), ([lab("tsh", 2.1, "m[IU]/L", 100)], False)])
def test_pernicious_anaemia_asks_for_a_tsh_not_yet_known(labs: list[object], offered: bool) -> None:
    given = patient(age=66, conditions=["pernicious_anaemia"], labs=[["b12", 120, "ng/L"], *labs])

    assert ("TSH" in ordered_tests(given)) is offered
