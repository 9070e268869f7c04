"""What is found wrong with one unsigned order: the whole finding, for drafts that no system sends as a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from service.domain import checks
from service.domain.checks import findings
from service.domain.decision import Decision
from service.domain.draft import Draft, Drafts, Stage
from service.domain.faults import Finding, Kind, Look, Remedy, Urgency
from service.domain.pace import Change
from service.domain.protocol import Timing
from service.domain.record import Concept, Course, Exposure, Form, Measure
from service.domain.terms import Analyte, Role, Route
from service.evaluate import shipped
from tests.medicine.treated import CYANO, HYDROXO, PERNICIOUS, decided, lab, on
from tests.vignettes import TODAY

LOW = [lab("b12", 110, "ng/L", 5)]
CONCEPTS = {
    name: Concept(name, name, frozenset({Role.COBALAMIN})) for name in ("hydroxocobalamin", "cyanocobalamin")
} | {"folic-acid": Concept("folic-acid", "folic acid", frozenset({Role.FOLIC_ACID}))}
INJECTED = {"form": Form.INJECTION, "route": Route.INTRAMUSCULAR, "every": 90}
SWALLOWED = {"form": Form.ORAL, "route": Route.ORAL, "every": 1}
B12 = "hydroxocobalamin"


def drafted(drug: str = B12, name: str = "d", *, starts: int | None = 0, **said: Any) -> Draft:
    """An order that begins in so many days, at once unless said, and goes on unless it `lasts` so many."""
    begins = None if starts is None else TODAY + timedelta(days=starts)
    ends = None if "lasts" not in said or begins is None else begins + timedelta(days=said["lasts"])
    every, dose = said.get("every"), said.get("dose")
    medicine = Exposure(
        said.get("concept") or CONCEPTS[drug],
        f"MedicationRequest/{name}",
        Course.DRAFT,
        said.get("form", Form.UNKNOWN),
        begins,
        ends,
        None if every is None else Decimal(every),
        dose=None if dose is None else Measure(Decimal(dose), "ug"),
    )
    return Draft(
        medicine.resource, (medicine,), said.get("route"), dosages=said.get("dosages", 1), group=said.get("group")
    )


def look(decision: Decision, *drafts: Draft, tests: set[Analyte] = frozenset(), stage: Stage = Stage.SIGN) -> Look:  # type: ignore[assignment]
    """The last draft, looked at beside the others."""
    return Look(decision, Drafts(drafts, frozenset(tests)), shipped().book, stage, drafts[-1])


def found(decision: Decision, *drafts: Draft, **more: Any) -> list[tuple[Kind, Urgency, Remedy, str]]:
    return [(f.kind, f.urgency, f.remedy, f.why) for f in findings(look(decision, *drafts, **more))]


def one(kind: Kind, decision: Decision, *drafts: Draft, **more: Any) -> Finding | None:
    return next((f for f in findings(look(decision, *drafts, **more)) if f.kind is kind), None)


@pytest.fixture(scope="module")
def pernicious() -> Decision:
    return decided("uk-ng239", conditions=PERNICIOUS, labs=LOW)


def test_an_injection_into_the_muscle_of_who_bleeds_goes_under_the_skin() -> None:
    treated = decided("us-aafp", conditions=PERNICIOUS, on_b12=on(CYANO, 900, (1, "mo")), labs=[lab("inr", 5, "1", 3)])
    (finding,) = findings(look(treated, drafted("cyanocobalamin", **INJECTED | {"every": 30}), stage=Stage.REFILL))

    assert (finding.kind, finding.urgency, finding.remedy) == (Kind.BLEEDING, Urgency.CRITICAL, Remedy.CHANGE)
    assert finding.change == Change(route=Route.SUBCUTANEOUS)


def test_under_an_anticoagulant_the_first_way_is_under_the_skin_and_is_said_for_information() -> None:
    anticoagulated = decided("us-aafp", conditions=PERNICIOUS, labs=LOW, medicines=[{"name": "apixaban", "months": 20}])
    finding = one(Kind.PRESSURE, anticoagulated, drafted("cyanocobalamin", **INJECTED | {"every": 30}))

    assert finding is not None
    assert (finding.urgency, finding.remedy) == (Urgency.INFO, Remedy.CHANGE)
    assert finding.change == Change(route=Route.SUBCUTANEOUS)


def test_a_row_or_a_move_that_gives_no_reason_gives_none(pernicious: Decision) -> None:
    row = pernicious.plan.row
    assert row is not None
    table = {**pernicious.protocol.table, row: replace(pernicious.protocol.table[row], why=None)}
    silent = pernicious._replace(
        evidence=pernicious.evidence._replace(protocol=replace(pernicious.protocol, table=table))
    )
    tablet = drafted("cyanocobalamin", **SWALLOWED)

    assert found(silent, tablet)[0] == (Kind.ROUTE, Urgency.WARNING, Remedy.REPLACE, "")
    assert found(pernicious, tablet)[0] == (
        Kind.ROUTE,
        Urgency.WARNING,
        Remedy.REPLACE,
        pernicious.protocol.table[row].why,
    )

    treated = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 900, (3, "mo")))
    move = treated.protocol.to_tablets
    assert move is not None
    unsaid = replace(treated.protocol, to_tablets=replace(move, never_because=None))
    silent = treated._replace(evidence=treated.evidence._replace(protocol=unsaid))
    assert (Kind.ROUTE, Urgency.WARNING, Remedy.REMOVE, "") in found(silent, tablet)
    assert (Kind.ROUTE, Urgency.WARNING, Remedy.REMOVE, move.never_because) in found(treated, tablet)


@pytest.mark.parametrize(("dose", "small"), [("999", True), ("1000", False), ("1001", False)])
def test_a_tablet_is_too_small_beside_what_the_plan_gives_in_a_day_on_average(dose: str, small: bool) -> None:
    vegan = decided("us-aafp", diet="vegan", labs=LOW)
    weekly = {"timing": Timing(1, 1, "wk"), "low": Decimal(7000), "high": None, "unit": "ug"}
    schedules = tuple(
        (replace(option, steps=(replace(option.steps[0], **weekly), *option.steps[1:])), dated)
        for option, dated in vegan.schedules
    )
    finding = one(
        Kind.SMALL_DOSE, vegan._replace(schedules=schedules), drafted("cyanocobalamin", dose=dose, **SWALLOWED)
    )

    assert (finding is not None) is small


def test_what_is_changed_is_said_in_the_words_of_the_change_and_without_them_not_at_all(
    pernicious: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    injection = drafted(**INJECTED)
    for name, kind in (("too_often", Kind.FREQUENCY), ("without_end", Kind.NO_END)):
        for change, why in ((Change(text="once a year"), "once a year"), (Change(), "")):
            with monkeypatch.context() as patch:
                patch.setattr(checks.pace, name, lambda *_, change=change: change)
                finding = one(kind, pernicious, injection)

            assert finding is not None
            assert (finding.urgency, finding.remedy, finding.why) == (Urgency.WARNING, Remedy.CHANGE, why)
            assert finding.change is change


def test_all_that_a_draft_would_run_beside_is_named() -> None:
    twice = [{"name": HYDROXO, "months": 3}, {"name": CYANO, "months": 3}]
    treated = decided("uk-ng239", conditions=PERNICIOUS, medicines=twice)
    finding = one(Kind.DUPLICATE, treated, drafted(**INJECTED))

    assert finding is not None
    assert (finding.urgency, finding.remedy) == (Urgency.WARNING, Remedy.REMOVE)
    assert finding.why == ", ".join(e.resource for e in treated.evidence.therapy.active)
    assert finding.why.count(", ") == 1


def test_a_draft_that_says_no_beginning_begins_today(pernicious: Decision) -> None:
    treated = decided("uk-ng239", conditions=PERNICIOUS, on_b12=on(HYDROXO, 900, (3, "mo")))
    open_draft = drafted(starts=None, **INJECTED)
    (course,) = treated.evidence.therapy.active
    over = course._replace(end=TODAY - timedelta(days=1))
    until = treated.evidence._replace(therapy=replace(treated.evidence.therapy, active=(over,)))

    assert one(Kind.DUPLICATE, treated, open_draft) is not None
    assert one(Kind.DUPLICATE, treated._replace(evidence=until), open_draft) is None
    assert one(Kind.DUPLICATE, pernicious, drafted(name="first", lasts=30, **INJECTED), open_draft) is not None


def test_a_draft_of_no_known_way_is_no_change_to_the_nasal_spray() -> None:
    well = [lab("hb", 138, "g/L", 5), lab("mcv", 90, "fL", 5)]
    stable = decided("us-label", conditions=PERNICIOUS, on_b12=on(CYANO, 700, (1, "mo")), labs=well)
    assert [offer.kind.value for offer in stable.offers] == ["nasal"]

    spray, unknown = drafted("cyanocobalamin", form=Form.NASAL, route=Route.NASAL), drafted("cyanocobalamin")
    assert one(Kind.BESIDE, stable, spray) is not None
    assert one(Kind.BESIDE, stable, unknown) is None
    assert one(Kind.DUPLICATE, stable, unknown) is not None


@pytest.mark.parametrize(
    ("first", "second", "twice"),
    [
        ({}, {"every": 60}, False),
        ({}, {}, True),
        ({"group": "a"}, {"group": "a"}, False),
        ({"group": "a"}, {"group": "b"}, True),
        ({"group": "a"}, {}, True),
        ({}, {"group": "b"}, True),
        ({"lasts": 30}, {"starts": 31}, False),
        ({"lasts": 31}, {"starts": 31}, True),
    ],
)
def test_two_drafts_are_one_treatment_twice_unless_of_one_plan_or_one_after_the_other(
    pernicious: Decision, first: dict[str, Any], second: dict[str, Any], twice: bool
) -> None:
    drafts = (drafted(name="first", **INJECTED | first), drafted(name="second", **INJECTED | second))

    assert (one(Kind.DUPLICATE, pernicious, *drafts) is not None) is twice
    assert one(Kind.DUPLICATE, pernicious, *drafts[::-1][1:]) is None


def test_hazards_that_nobody_can_judge_are_named_while_their_tests_are_not_asked_for(pernicious: Decision) -> None:
    hazards = pernicious._replace(modifiers=replace(pernicious.modifiers, unjudged=("an INR", "a count")))
    injection = drafted(**INJECTED)
    finding = one(Kind.UNJUDGED, hazards, injection)

    assert finding is not None
    assert (finding.urgency, finding.remedy, finding.why) == (Urgency.WARNING, Remedy.TEST, "an INR, a count")
    assert {a for test in finding.tests for a in test.analytes} >= {Analyte.INR, Analyte.PLATELETS}
    assert one(Kind.UNJUDGED, hazards, injection, tests={Analyte.INR, Analyte.PLATELETS}) is None


def test_whichever_b12_is_drafted_no_other_is_asked_for() -> None:
    nothing = decided("uk-ng239")
    folic_acid, metformin = drafted("folic-acid"), decided("uk-ng239", medicines=[{"name": "metformin", "months": 60}])
    taken = next(e.concept for e in metformin.evidence.record.exposures)
    again = drafted(concept=taken)

    for kind, decision, order in (
        (Kind.NO_LEVEL, nothing, drafted(**INJECTED)),
        (Kind.FOLIC_ACID_UNTESTED, nothing, folic_acid),
        (Kind.UNTESTED, metformin, again),
    ):
        assert one(kind, decision, order) is not None, kind
        for analyte in (Analyte.B12, Analyte.ACTIVE_B12):
            assert one(kind, decision, order, tests={analyte}) is None, (kind, analyte)


def test_folic_acid_where_b12_is_low_and_no_plan_can_be_made_is_taken_away(pernicious: Decision) -> None:
    planless = pernicious._replace(schedules=())
    between = decided("uk-ng239", labs=[lab("b12", 250, "ng/L", 5)])
    folic_acid = drafted("folic-acid")
    wanted = {a for test in between.investigations for a in test.analytes}

    assert found(planless, folic_acid) == [(Kind.FOLIC_ACID, Urgency.WARNING, Remedy.REMOVE, "")]
    if not between.schedules:
        assert found(between, folic_acid) == [(Kind.FOLIC_ACID_UNTESTED, Urgency.WARNING, Remedy.TEST, "")]
        assert found(between, folic_acid, tests=wanted) == []


def test_long_use_is_told_of_each_medicine() -> None:
    longed = decided("uk-ng239", medicines=[{"name": "metformin", "months": 60}])
    (attribution,) = [a for a in longed.assessment.named.found if a.since]
    again = drafted(concept=longed.evidence.record.exposures[0].concept)
    twice = attribution._replace(since=(("one", date(2020, 1, 2)), ("other", date(2021, 3, 4))))
    assessment = replace(longed.assessment, named=replace(longed.assessment.named, found=(twice,)))
    finding = one(Kind.UNTESTED, longed._replace(assessment=assessment), again)

    assert finding is not None
    assert (finding.urgency, finding.remedy) == (Urgency.INFO, Remedy.TEST)
    assert finding.why == "one since 2020-01-02, other since 2021-03-04"


@pytest.mark.parametrize(("ordered", "asked"), [("omeprazole", True), ("famotidine", False)])
def test_a_medicine_taken_for_a_short_time_beside_one_taken_for_long_is_not_asked_about(
    ordered: str, asked: bool
) -> None:
    medicines = [{"name": "omeprazole", "months": 60}, {"name": "famotidine", "months": 2}]
    treated = decided("uk-ng239", medicines=medicines)
    (concept,) = [e.concept for e in treated.evidence.record.exposures if ordered in e.concept.title.lower()]

    assert (one(Kind.UNTESTED, treated, drafted(concept=concept)) is not None) is asked
