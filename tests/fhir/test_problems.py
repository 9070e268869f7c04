"""Conditions, procedures and allergies: what is there now, what was, and what was denied."""

from datetime import date

import pytest

from service.domain.record import When
from service.domain.terms import Role

from .kit import (
    ATC,
    DMD,
    ICD,
    ICD_CM,
    PERNICIOUS,
    RX,
    SCT,
    allergy,
    coded,
    condition,
    nothing_read,
    only_allergy,
    only_problem,
    only_told,
    procedure,
    read,
    status,
)

CLINICAL, VERIFICATION = "condition-clinical", "condition-ver-status"


def on(first: str, last: str | None = None) -> When:
    return When(date.fromisoformat(first), date.fromisoformat(last or first))


@pytest.mark.parametrize(
    ("clinical", "active"),
    [
        ("active", True),
        ("recurrence", True),
        ("relapse", True),
        ("inactive", False),
        ("remission", False),
        ("resolved", False),
        ("unknown", True),
    ],
)
def test_the_clinical_status_says_whether_a_problem_is_there_now(clinical, active):
    found = only_problem(condition(clinicalStatus=status(CLINICAL, clinical)))

    assert (found.active, found.remission) == (active, clinical == "remission")


def test_a_problem_without_a_clinical_status_is_there_until_it_says_otherwise():
    assert only_problem(condition(clinicalStatus=...)).active


@pytest.mark.parametrize(
    ("abatement", "ended"),
    [
        ({"abatementDateTime": "2020-05"}, on("2020-05-01", "2020-05-31")),
        ({"abatementPeriod": {"start": "2019", "end": "2020"}}, on("2019-01-01", "2020-12-31")),
        ({"abatementString": "in childhood"}, None),
        ({"abatementAge": {"value": 12, "unit": "a"}}, None),
        ({"abatementRange": {"low": {"value": 10}}}, None),
        ({"abatementDateTime": "long ago"}, None),
        ({"abatementDateTime": "2020", "onsetDateTime": "long ago"}, on("2020-01-01", "2020-12-31")),
    ],
)
@pytest.mark.parametrize("clinical", ["active", ...])
def test_a_problem_that_abated_is_not_there_now(abatement, ended, clinical):
    stated = clinical if clinical is ... else status(CLINICAL, clinical)
    found = only_problem(condition(clinicalStatus=stated, **abatement))

    assert (found.active, found.ended) == (False, ended)


@pytest.mark.parametrize("abatement", [{"abatementPeriod": {}}, {"abatementString": ""}])
def test_an_empty_abatement_ends_nothing(abatement):
    assert only_problem(condition(**abatement)).active


@pytest.mark.parametrize("text", ["Resolved", " inactive "])
def test_a_clinical_status_in_words_counts(text):
    assert not only_problem(condition(clinicalStatus={"text": text})).active


@pytest.mark.parametrize(
    ("verification", "certain"),
    [("confirmed", True), ("unconfirmed", False), ("provisional", False), ("differential", False)],
)
def test_the_verification_status_says_how_sure_it_is(verification, certain):
    assert only_problem(condition(verificationStatus=status(VERIFICATION, verification))).certain is certain


def test_a_problem_without_a_verification_status_is_taken_as_recorded():
    assert only_problem(condition(verificationStatus=...)).certain


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_a_denied_problem_is_none(verification):
    assert nothing_read(condition(verificationStatus=status(VERIFICATION, verification)))
    assert nothing_read(condition(verificationStatus={"text": verification.replace("-", " ").title()}))


@pytest.mark.parametrize(
    ("dated", "onset"),
    [
        ({"onsetDateTime": "2015"}, on("2015-01-01", "2015-12-31")),
        ({"onsetPeriod": {"start": "2015-01-02"}}, on("2015-01-02")),
        ({"onsetPeriod": {}, "recordedDate": "2016-01-01"}, on("2016-01-01")),
        ({"recordedDate": "2016-01-01"}, on("2016-01-01")),
        ({"onsetDateTime": "2015-01-02", "recordedDate": "2016-01-01"}, on("2015-01-02")),
        ({"onsetString": "as a child"}, None),
        ({"onsetDateTime": "as a child"}, None),
        ({}, None),
    ],
)
def test_a_problem_began_at_its_onset_or_was_there_when_recorded(dated, onset):
    assert only_problem(condition(**dated)).onset == onset


@pytest.mark.parametrize(
    ("system", "code", "concept"),
    [
        (ICD_CM, "D51.0", "pernicious-anaemia"),
        (ICD_CM, "D510", "pernicious-anaemia"),
        (ICD, "D51.0", "pernicious-anaemia"),
        (ICD, "D510", "pernicious-anaemia"),
        (ICD_CM, "F18.10", "inhalant-use"),
        (ICD_CM, "F18.159", "inhalant-use"),
        (ICD_CM, "F18159", "inhalant-use"),
        (ICD, "F18.7", "inhalant-use"),
        (ICD, "F18", "inhalant-use"),
    ],
)
def test_a_classification_is_matched_with_or_without_its_dot_and_below_a_chapter(system, code, concept):
    found = only_problem(condition((system, code)))

    assert concept in (found.concept.id, found.concept.cause)


@pytest.mark.parametrize(
    ("system", "code"), [(SCT, "F1810"), (SCT, "D510"), (ICD_CM, "F19.10"), (ICD_CM, "XF18"), ("", "D51.0")]
)
def test_a_code_means_nothing_under_another_system(system, code):
    assert nothing_read(condition((system, code)))


def test_two_codes_of_one_meaning_are_one_problem_and_of_two_are_two():
    assert len(read(condition(PERNICIOUS, (ICD_CM, "D51.0"))).problems) <= 2
    assert len(read(condition(PERNICIOUS, PERNICIOUS)).problems) == 1
    assert len(read(condition(PERNICIOUS, (SCT, "70340006"))).problems) == 2


def test_words_alone_are_marked_and_never_name_a_pregnancy_or_cobalt():
    found = only_problem(condition(code={"text": "Glossitis, two weeks"}))

    assert found.text_only
    assert not only_problem(condition()).text_only
    assert nothing_read(condition(code={"text": "cobalt exposure, pregnant"}))


@pytest.mark.parametrize("empty", [{"code": ...}, {"code": {}}, {"code": {"coding": [{}]}}])
def test_a_condition_that_names_nothing_is_nothing(empty):
    assert nothing_read(condition(**empty))


@pytest.mark.parametrize("stated", ["completed", "unknown"])
def test_a_procedure_that_was_done_is_read_with_its_day(stated):
    (found,) = read(procedure(status=stated)).procedures

    assert (found.resource, found.when) == ("Procedure/x1", on("2019-02-03"))


@pytest.mark.parametrize(
    ("dated", "when"),
    [
        ({"performedPeriod": {"start": "2019-02", "end": "2019-03"}}, on("2019-02-01", "2019-03-31")),
        ({"performedString": "in 2019"}, None),
        ({"performedDateTime": "in 2019"}, None),
        ({}, None),
    ],
)
def test_a_procedure_without_a_date_was_still_done(dated, when):
    (found,) = read(procedure(**({"performedDateTime": ...} | dated))).procedures

    assert found.when == when


@pytest.mark.parametrize("stated", ["preparation", "in-progress", "not-done", "on-hold", "stopped", "entered-in-error"])
def test_a_procedure_that_was_not_done_is_none(stated):
    assert nothing_read(procedure(status=stated))


@pytest.mark.parametrize("stated", ["done", ...])
def test_a_procedure_that_does_not_say_whether_it_was_done_is_told_if_it_matters(stated):
    assert "status" in only_told(procedure(status=stated)).why
    assert nothing_read(procedure((SCT, "80146002"), status=stated))


@pytest.mark.parametrize(
    "concept",
    [
        coded((RX, "11248")),
        coded((ATC, "B03BA03")),
        coded((RX, "317106")),
        coded((DMD, "39111511000001100")),
        coded((SCT, "39111511000001100")),
        {"text": "Hydroxocobalamin - rash"},
        {"text": "COBALT"},
        {"text": "vitamin B12 injection"},
        {"text": "B12 injection"},
        {"text": "B-12 shots: rash"},
        {"coding": [{"system": "http://local", "code": "1", "display": "Cyanocobalamin"}]},
    ],
)
def test_an_allergy_to_a_cobalamin_or_cobalt_is_found_in_codes_and_words(concept):
    assert only_allergy(allergy(concept)).resource == "AllergyIntolerance/a1"
    found = only_allergy(allergy({"text": "contrast"}, reaction=[{}, {"substance": concept}]))
    assert found.concept.roles & {Role.COBALAMIN, Role.COBALT}


@pytest.mark.parametrize(
    "changes",
    [
        {"verificationStatus": status("allergyintolerance-verification", "refuted")},
        {"verificationStatus": status("allergyintolerance-verification", "entered-in-error")},
        {"clinicalStatus": status("allergyintolerance-clinical", "inactive")},
        {"clinicalStatus": status("allergyintolerance-clinical", "resolved")},
        {"clinicalStatus": {"text": "Resolved"}},
        {"code": coded((RX, "6809"))},
        {"code": {"text": "Penicillin"}},
        {"code": ...},
    ],
)
def test_an_allergy_that_is_over_denied_or_to_something_else_is_none(changes):
    assert nothing_read(allergy(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"verificationStatus": status("allergyintolerance-verification", "unconfirmed")},
        {"verificationStatus": ...},
        {"clinicalStatus": ...},
        {"verificationStatus": ..., "clinicalStatus": ...},
    ],
)
def test_an_allergy_that_is_not_denied_counts(changes):
    assert only_allergy(allergy(**changes)).concept.id == "cyanocobalamin"
