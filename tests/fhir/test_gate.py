"""The gate: what it lets through, the twenty faults it must refuse, and a thousand others."""

import copy
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest
from hypothesis import given
from hypothesis import strategies as st

from service.fhir.gate import GateError, check, refuse
from tests.fhir import faulty
from tests.fhir.faulty import DOSE, FAULTS, REPEAT, Json, put, second_opinion, tablets, without

GOOD = {"order": faulty.good_order, "open order": faulty.good_open_order, "request": faulty.good_request}
Change = Callable[[Json], object]
BOUNDS = (*REPEAT, "boundsPeriod")
DISPENSE = "dispenseRequest"


def changed(order: Json, *changes: Change) -> Json:
    for change in changes:
        change(order)
    return order


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_a_good_resource_passes_and_an_independent_validator_agrees(good: Callable[[], Json]) -> None:
    assert check(good()) == ()
    assert second_opinion(good()) == ()


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_checking_changes_nothing(good: Callable[[], Json]) -> None:
    resource = good()

    check(resource)

    assert resource == good()


def test_there_are_twenty_faults() -> None:
    assert len(FAULTS) == 20


@pytest.mark.parametrize("name", FAULTS)
def test_each_of_the_twenty_faults_is_refused(name: str) -> None:
    with pytest.raises(GateError):
        refuse(faulty.faulty(name))


@pytest.mark.parametrize("name", FAULTS)
def test_each_of_the_twenty_faults_is_the_only_one(name: str) -> None:
    assert len(check(faulty.faulty(name))) == 1


def test_a_good_order_is_not_refused() -> None:
    assert refuse(faulty.good_order()) is None  # type: ignore[func-returns-value]


def test_a_refusal_lists_every_problem_with_its_place() -> None:
    order = changed(faulty.good_order(), put("bogus", "status"), put("wish", "intent"))

    with pytest.raises(GateError) as refused:
        refuse(order)

    assert [problem.split(":")[0] for problem in refused.value.problems] == [
        "MedicationRequest.status",
        "MedicationRequest.intent",
    ]
    assert all(problem in str(refused.value) for problem in refused.value.problems)


TIMING: dict[str, Change] = {
    "tim-1": put(2, *REPEAT, "duration"),
    "tim-2": without(*REPEAT, "periodUnit"),
    "tim-4": lambda order: order["dosageInstruction"][0]["timing"]["repeat"].update(duration=-1, durationUnit="h"),
    "tim-5": put(-1, *REPEAT, "period"),
    "tim-6": lambda order: changed(order, without(*REPEAT, "period"), put(3, *REPEAT, "periodMax")),
    "tim-7": put(2, *REPEAT, "durationMax"),
    "tim-8": lambda order: changed(order, without(*REPEAT, "count"), put(7, *REPEAT, "countMax")),
    "tim-9": put(30, *REPEAT, "offset"),
    "tim-10": lambda order: changed(order, put(["08:00:00"], *REPEAT, "timeOfDay"), put(["MORN"], *REPEAT, "when")),
}


@pytest.mark.parametrize("rule", TIMING)
def test_each_invariant_of_timing_is_named_where_it_breaks(rule: str) -> None:
    assert any(f"({rule})" in problem for problem in check(changed(faulty.good_order(), TIMING[rule])))


def test_an_offset_counts_from_a_meal_that_can_be_offset() -> None:
    before_breakfast = changed(faulty.good_order(), put(30, *REPEAT, "offset"), put(["ACM"], *REPEAT, "when"))
    with_breakfast = changed(faulty.good_order(), put(30, *REPEAT, "offset"), put(["CM"], *REPEAT, "when"))

    assert check(before_breakfast) == ()
    assert "(tim-9)" in check(with_breakfast)[0]


MORE_FAULTS: dict[str, Change] = {
    "a null in a list": put([None], "reasonReference"),
    "an empty list": put([], "reasonReference"),
    "an empty object deep inside": put({}, *REPEAT[:-1]),
    "a text padded with blanks": put(" B03BA03", "medicationCodeableConcept", "coding", 0, "code"),
    "a number for a text": put(1, "dosageInstruction", 0, "text"),
    "a string for a decimal": put("1", *DOSE, "value"),
    "true for a number": put(True, *REPEAT, "frequency"),
    "a number for a date": put(5, "authoredOn"),
    "a number for a boolean": put(1, "doNotPerform"),
    "a fraction of a dose in a count": put(6.5, *REPEAT, "count"),
    "no doses at all": put(0, *REPEAT, "count"),
    "a date and time without a zone": put("2026-03-02T10:00:00", "authoredOn"),
    "a thirteenth month": put("2026-13-01", *BOUNDS, "start"),
    "a Python name of an element": put({"extension": [{"url": "x:y", "valueString": "z"}]}, "status__ext"),
    "a comment": put("text", "fhir_comments"),
    "an unknown element deep inside": put(1, *REPEAT, "often"),
    "a long id": put("x" * 65, "id"),
    "an unknown priority": put("soon", "priority"),
    "a capital in a status": put("Draft", "status"),
    "an unknown comparator": put("=<", *DOSE, "comparator"),
    "a comparator on a dose": put(">=", *DOSE, "comparator"),
    "a comparator on a supply": put("<", DISPENSE, "quantity", "comparator"),
    "an unknown word for when": put(["BREAKFAST"], *REPEAT, "when"),
    "an unknown weekday": put(["monday"], *REPEAT, "dayOfWeek"),
    "a unit system without a code": without(*DOSE, "code"),
    "a dose without a value": without(*DOSE, "value"),
    "a dose of nothing": put(0, *DOSE, "value"),
    "a supply of nothing": put(0, DISPENSE, "quantity", "value"),
    "a supply length in a unit of mass": put("mg", DISPENSE, "expectedSupplyDuration", "code"),
    "a supply length without a unit": without(DISPENSE, "expectedSupplyDuration", "code"),
    "a period that ends before it starts": put("2026-03-01", *BOUNDS, "end"),
    "a validity that ends before it starts": put({"start": "2026-03", "end": "2026-02-28"}, DISPENSE, "validityPeriod"),
    "a period without an end": without(*BOUNDS, "end"),
    "a period without a start": without(*BOUNDS, "start"),
    "a month for the start of a dosage": put("2026-03", *BOUNDS, "start"),
    "a period of zero": put(0, *REPEAT, "period"),
    "an interval beyond any calendar": lambda o: o["dosageInstruction"][0]["timing"]["repeat"].update(
        period=10**9, periodUnit="mo"
    ),
    "a calendar month and a half": lambda o: o["dosageInstruction"][0]["timing"]["repeat"].update(
        period=1.5, periodUnit="mo"
    ),
    "a control character": put("weekly\x07", "dosageInstruction", 0, "text"),
    "an interval in hours": put("h", *REPEAT, "periodUnit"),
    "the highest count below the lowest": put(5, *REPEAT, "countMax"),
    "the highest frequency without the lowest": lambda o: changed(
        o, without(*REPEAT, "frequency"), put(3, *REPEAT, "frequencyMax")
    ),
    "more doses than fit": lambda o: changed(o, put(7, *REPEAT, "count"), put(7, DISPENSE, "quantity", "value")),
    "a reference without a type": put({"reference": "p1"}, "subject"),
    "a reference to nothing": put({"type": "Patient"}, "subject"),
    "a subject by name only": put({"display": "A. Person"}, "subject"),
    "a type that contradicts the reference": put({"reference": "Patient/p1", "type": "Group"}, "subject"),
    "a reason of the wrong type": put([{"reference": "Procedure/x"}], "reasonReference"),
    "a reason of the wrong type behind a URL": put(
        [{"reference": "https://ehr.example/fhir/Procedure/x/_history/2"}], "reasonReference"
    ),
    "an encounter of the wrong type": put({"reference": "Patient/p1"}, "encounter"),
    "a requester of the wrong type": put({"reference": "Location/l1"}, "requester"),
    "a contained resource that is not there": put([{"reference": "#c1"}], "reasonReference"),
    "a coding without a system": without("medicationCodeableConcept", "coding", 0, "system"),
    "a coding without a code": without("medicationCodeableConcept", "coding", 0, "code"),
    "a medicine without text": without("medicationCodeableConcept", "text"),
    "a dosage without text": without("dosageInstruction", 0, "text"),
    "a dosage without a route": without("dosageInstruction", 0, "route"),
    "a dosage without a dose": without("dosageInstruction", 0, "doseAndRate"),
    "no dosage": without("dosageInstruction"),
    "no supply": without(DISPENSE),
    "no group": without("groupIdentifier"),
    "no date": without("authoredOn"),
    "a dose too few": put(5, DISPENSE, "quantity", "value"),
    "a dose too many": put(7, DISPENSE, "quantity", "value"),
    "a supply twice": put(1, DISPENSE, "numberOfRepeatsAllowed"),
    "a supply in another unit": put("{tbl}", DISPENSE, "quantity", "code"),
    "a supply that lasts a week less": put(7, DISPENSE, "expectedSupplyDuration", "value"),
    "a range upside down": lambda o: o["dosageInstruction"][0].update(
        doseAndRate=[{"doseRange": {"low": tablets(2), "high": tablets(1)}}]
    ),
    "a range in two units": lambda o: o["dosageInstruction"][0].update(
        doseAndRate=[{"doseRange": {"low": tablets(1), "high": {**tablets(2), "code": "mg"}}}]
    ),
    "a second dosage that says nothing": lambda o: o["dosageInstruction"].append({"sequence": 2, "text": "then less"}),
}


@pytest.mark.parametrize("name", MORE_FAULTS)
def test_every_other_fault_is_refused(name: str) -> None:
    assert check(changed(faulty.good_order(), MORE_FAULTS[name])) != ()


REQUEST_FAULTS: dict[str, Change] = {
    "a status of prescriptions only": put("on-hold-ish", "status"),
    "an intent it may not have": put("wish", "intent"),
    "no subject": without("subject"),
    "a place for a subject": put({"reference": "Location/l1"}, "subject"),
    "no text": without("code", "text"),
    "no code": without("code"),
    "a reason of the wrong type": put([{"reference": "Patient/p1"}], "reasonReference"),
    "an element of prescriptions": put([{"reference": "Observation/b12"}], "supportingInformation"),
}


@pytest.mark.parametrize("name", REQUEST_FAULTS)
def test_a_faulty_request_for_a_test_is_refused(name: str) -> None:
    assert check(changed(faulty.good_request(), REQUEST_FAULTS[name])) != ()


@pytest.mark.parametrize("kind", [None, 5, "Patient", "medicationrequest", ["MedicationRequest"]])
def test_only_orders_pass_the_gate(kind: object) -> None:
    assert check({**faulty.good_order(), "resourceType": kind}) != ()


def test_every_status_intent_and_priority_of_fhir_passes() -> None:
    sets = {
        "status": "active on-hold cancelled completed entered-in-error stopped draft unknown",
        "intent": "proposal plan order original-order reflex-order filler-order instance-order option",
        "priority": "routine urgent asap stat",
    }
    for element, words in sets.items():
        for word in words.split():
            assert check(changed(faulty.good_order(), put(word, element))) == ()


def test_every_status_and_intent_of_a_request_passes() -> None:
    sets = {
        "status": "draft active on-hold revoked completed entered-in-error unknown",
        "intent": "proposal plan directive order original-order reflex-order filler-order instance-order option",
    }
    for element, words in sets.items():
        for word in words.split():
            assert check(changed(faulty.good_request(), put(word, element))) == ()


@pytest.mark.parametrize(
    "reference",
    [
        "Group/g1",
        "https://ehr.example/fhir/Patient/p1",
        "Patient/p1/_history/3",
        "urn:uuid:1b3f6f1e-95c5-4a1f-8a5b-2f43c7a8d0aa",
    ],
)
def test_every_form_of_reference_to_a_subject_is_followed(reference: str) -> None:
    subject = {"reference": reference, "type": "Group" if "Group" in reference else "Patient"}

    assert check(changed(faulty.good_order(), put(subject, "subject"))) == ()


def test_a_contained_resource_can_be_referred_to() -> None:
    held = {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}}
    order = changed(faulty.good_order(), put([held], "contained"), put([{"reference": "#c1"}], "reasonReference"))

    assert check(order) == ()


def test_tablets_in_three_fills_may_leave_some_over_but_not_a_whole_fill() -> None:
    verdicts = {}
    for size in (59, 60, 61, 89, 90):
        order = changed(faulty.good_open_order(), put(tablets(size), DISPENSE, "quantity"))
        verdicts[size] = check(order) == ()

    assert verdicts == {59: False, 60: True, 61: True, 89: True, 90: False}


def test_a_dose_range_is_supplied_at_its_high_end() -> None:
    order = changed(
        faulty.good_order(),
        put([{"doseRange": {"low": {**_ml(1)}, "high": _ml(2)}}], "dosageInstruction", 0, "doseAndRate"),
    )

    assert check(order) != ()
    assert check(changed(order, put(_ml(12), DISPENSE, "quantity"))) == ()


def test_a_count_with_an_upper_end_is_supplied_to_that_end() -> None:
    order = changed(faulty.good_order(), put(5, *REPEAT, "count"), put(6, *REPEAT, "countMax"))

    assert check(order) == ()


@pytest.mark.parametrize(
    ("start", "end", "period", "unit", "doses"),
    [
        ("2026-01-31", "2026-04-29", 1, "mo", 3),
        ("2026-01-31", "2026-04-30", 1, "mo", 4),
        ("2026-03-02", "2026-03-22", 2, "d", 11),
        ("2026-03-02", "2026-03-29", 1, "wk", 4),
        ("2026-03-02", "2026-06-01", 2, "mo", 2),
        ("2024-02-29", "2026-02-28", 1, "a", 3),
    ],
)
def test_an_open_order_takes_as_many_doses_as_fall_due(
    start: str, end: str, period: int, unit: str, doses: int
) -> None:
    bounds = {"start": start, "end": end}
    repeat = {"boundsPeriod": bounds, "frequency": 1, "period": period, "periodUnit": unit}
    days = (date.fromisoformat(end) - date.fromisoformat(start)).days + 1
    order = changed(
        faulty.good_order(),
        put(repeat, *REPEAT),
        put(doses, DISPENSE, "quantity", "value"),
        put(days, DISPENSE, "expectedSupplyDuration", "value"),
    )

    assert check(order) == ()
    assert check(changed(order, put(doses + 1, DISPENSE, "quantity", "value"))) != ()


@given(st.integers(1, 60), st.decimals("0.05", "20", places=2))
def test_a_supply_adds_up_in_decimals(doses: int, dose: Decimal) -> None:
    order = changed(
        faulty.good_order(),
        put({"start": "2026-03-02", "end": "2026-04-30"}, *BOUNDS),
        put(doses, *REPEAT, "count"),
        put(1, *REPEAT, "frequency"),
        put("d", *REPEAT, "periodUnit"),
        put(60, DISPENSE, "expectedSupplyDuration", "value"),
        put(float(dose), *DOSE, "value"),
        put(float(dose * doses), DISPENSE, "quantity", "value"),
    )

    assert check(order) == ()
    assert check(changed(order, put(float(dose * doses + 1), DISPENSE, "quantity", "value"))) != ()


def _ml(value: int) -> Json:
    return {"value": value, "unit": "mL", "system": faulty.UCUM, "code": "mL"}


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a resource, outermost first."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from places(child, (*path, key))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from places(child, (*path, number))


ANYWHERE = [(make, path) for make in GOOD.values() for path in places(make())]
JUNK: list[object] = [None, "", " ", {}, [], [[]], {"nonsense": 1}, -1.5, "\u0000"]


@given(st.sampled_from(ANYWHERE), st.sampled_from(JUNK))
def test_junk_anywhere_is_refused(place: tuple[Callable[[], Json], tuple[str | int, ...]], junk: object) -> None:
    make, path = place

    assert check(changed(make(), put(copy.deepcopy(junk), *path))) != ()


@given(st.sampled_from(ANYWHERE))
def test_whatever_is_taken_away_gives_a_verdict_and_never_a_crash(
    place: tuple[Callable[[], Json], tuple[str | int, ...]],
) -> None:
    make, path = place

    assert isinstance(check(changed(make(), without(*path))), tuple)


@given(
    st.sampled_from(ANYWHERE),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=4,
    ),
)
def test_whatever_stands_anywhere_gives_a_verdict_and_never_a_crash(
    place: tuple[Callable[[], Json], tuple[str | int, ...]], value: object
) -> None:
    make, path = place

    assert isinstance(check(changed(make(), put(value, *path))), tuple)


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_what_the_independent_validator_refuses_the_gate_refuses(good: Callable[[], Json]) -> None:
    resources = [changed(good(), put(junk, *path)) for path in places(good()) for junk in (None, "", 7, {"a": 1}, [1])]
    slipped = [resource for resource in resources if second_opinion(resource) and not check(resource)]

    assert slipped == []


@pytest.mark.parametrize(
    ("model", "element", "words"),
    [
        (MedicationRequest, "status", 8),
        (MedicationRequest, "intent", 8),
        (MedicationRequest, "priority", 4),
        (ServiceRequest, "status", 7),
        (ServiceRequest, "intent", 9),
        (ServiceRequest, "priority", 4),
    ],
)
def test_the_library_still_tells_the_value_sets_that_the_gate_holds_it_to(
    model: type[Any], element: str, words: int
) -> None:
    assert len(model.model_fields[element].json_schema_extra["enum_values"]) == words
