"""Each order a card would create: valid, complete, about this patient, dated end to end, and adding up."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from service.domain.protocol import Product
from service.fhir.gate import check
from tests.chart.resources import PATIENT, Resource, months_before
from tests.fhir.faulty import second_opinion

from .asked import Asked, created, every_order, every_suggestion, medicines, planned

MICROGRAMS = {"ug": Decimal(1), "mg": Decimal(1000)}


def test_there_are_orders_of_every_kind_to_look_at() -> None:
    orders = [order for _, _, order in every_order()]
    repeats = [order["dosageInstruction"][0]["timing"]["repeat"] for order in orders if "dosageInstruction" in order]

    assert {order["resourceType"] for order in orders} == {"MedicationRequest", "ServiceRequest"}
    assert {repeat["periodUnit"] for repeat in repeats} == {"d", "wk", "mo"}
    assert {"count" in repeat for repeat in repeats} == {True, False}


def test_the_gate_finds_nothing_wrong_with_any_order() -> None:
    assert [(name, check(order)) for name, _, order in every_order() if check(order)] == []


def test_a_second_validator_finds_nothing_wrong_with_any_order() -> None:
    assert [(name, second_opinion(order)) for name, _, order in every_order() if second_opinion(order)] == []


def test_an_order_is_a_draft_proposal_for_this_patient_as_of_today() -> None:
    wanted = {"status": "draft", "intent": "proposal", "subject": {"reference": PATIENT}}
    wrong = [
        name
        for name, asked, order in every_order()
        if not (order.items() >= wanted.items() and order["authoredOn"] == asked.today.isoformat())
    ]

    assert wrong == []


def test_whatever_an_order_refers_to_was_in_the_request() -> None:
    wrong = []
    for name, asked, order in every_order():
        held = {f"{entry['resource']['resourceType']}/{entry['resource']['id']}" for entry in asked.chart["entry"]}
        wrong += [(name, reference) for reference in refers(order) if reference not in held]

    assert wrong == []


def test_an_order_rests_on_the_results_and_the_causes_that_decided() -> None:
    wrong = []
    for name, asked, order in every_order():
        verdict = asked.decision.assessment
        deciding = {result.resource for result in verdict.basis}
        deciding |= {reference for cause in verdict.causes for reference in cause.basis}
        if not deciding <= set(refers(order)):
            wrong.append((name, deciding - set(refers(order))))

    assert wrong == []


def test_a_reason_is_a_condition_and_what_supports_it_is_none() -> None:
    wrong = []
    for name, _, order in every_order():
        reasons = [each["reference"] for each in order.get("reasonReference", ())]
        supports = set(refers(order)) - set(reasons)
        if any(not each.startswith("Condition/") for each in reasons):
            wrong.append((name, reasons))
        if any(each.startswith("Condition/") for each in supports):
            wrong.append((name, supports))

    assert wrong == []


def refers(order: Resource) -> list[str]:
    elements = ("reasonReference", "supportingInformation", "supportingInfo")
    return [pointer["reference"] for element in elements for pointer in order.get(element, ())]


def test_the_steps_of_a_plan_follow_each_other_day_by_day_from_today() -> None:
    wrong = []
    for name, asked, suggestion in every_suggestion():
        orders = medicines(suggestion)
        periods = [bounds(order) for order in orders]
        starts = [asked.today, *(end + timedelta(days=1) for _, end in periods)]
        if any(start != wanted or end < start for (start, end), wanted in zip(periods, starts, strict=False)):
            wrong.append((name, periods))

    assert wrong == []


def test_what_is_dispensed_lasts_as_long_as_the_dosage() -> None:
    wrong = []
    for name, _, order in every_order():
        if order["resourceType"] != "MedicationRequest":
            continue
        start, end = bounds(order)
        dispense = order["dispenseRequest"]
        valid = {"start": start.isoformat(), "end": end.isoformat()}
        if dispense["validityPeriod"] != valid or dispense["expectedSupplyDuration"]["value"] != (end - start).days + 1:
            wrong.append(name)

    assert wrong == []


def bounds(order: Resource) -> tuple[date, date]:
    period = order["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]
    return date.fromisoformat(period["start"]), date.fromisoformat(period["end"])


def test_the_quantity_is_the_doses_that_fall_due_times_the_highest_dose() -> None:
    wrong = []
    for name, _, order in every_order():
        if order["resourceType"] == "MedicationRequest":
            dispense = order["dispenseRequest"]
            supplied = exact(dispense["quantity"]) * (1 + dispense["numberOfRepeatsAllowed"])
            if supplied != doses_due(order) * exact(doses(order)[-1]):
                wrong.append((name, supplied, doses_due(order)))

    assert wrong == []


def test_both_ends_of_a_range_of_doses_are_in_the_same_unit_word_for_word() -> None:
    ranges = [doses(order) for _, _, order in every_order() if order["resourceType"] == "MedicationRequest"]
    units = [{(end["unit"], end["code"]) for end in ends} for ends in ranges if len(ends) > 1]

    assert units
    assert all(len(unit) == 1 for unit in units)


def doses(order: Resource) -> list[dict[str, Any]]:
    """The dose, or the low and the high end of its range."""
    (rate,) = order["dosageInstruction"][0]["doseAndRate"]
    return [rate["doseQuantity"]] if "doseQuantity" in rate else [rate["doseRange"]["low"], rate["doseRange"]["high"]]


def exact(quantity: dict[str, Any]) -> Decimal:
    return Decimal(str(quantity["value"]))


def doses_due(order: Resource) -> int:
    """How many doses the calendar holds, counted backwards from nothing: day by day."""
    repeat = order["dosageInstruction"][0]["timing"]["repeat"]
    if "count" in repeat:
        return repeat.get("countMax", repeat["count"])
    start, end = bounds(order)
    if repeat["periodUnit"] == "mo":
        # A month later is the same day of the month, or its last.
        days = (start + timedelta(days=n) for n in range((end - start).days + 1))
        due = [day for day in days if any(months_before(day, n) == start for n in range(0, 25, repeat["period"]))]
        whole = {(day.year, day.month) for day in due}
        return len(whole) * repeat["frequency"]
    every = repeat["period"] * {"d": 1, "wk": 7}[repeat["periodUnit"]]
    return len(range(0, (end - start).days + 1, every)) * repeat["frequency"]


def test_the_product_times_the_dose_is_what_the_plan_says_in_micrograms() -> None:
    wrong = []
    for asked in planned():
        options = asked.answer.assessment["options"]
        for option, suggestion in zip(options, (asked.plan_card or {})["suggestions"], strict=True):
            phases = {phase["start"]: phase for phase in option["phases"]}
            for order in medicines(suggestion):
                phase = phases[bounds(order)[0].isoformat()]
                wanted = {
                    Decimal(str(phase["dose"][end])) * MICROGRAMS[phase["dose"]["unit"]]
                    for end in ("low", "high")
                    if phase["dose"][end] is not None
                }
                given = {micrograms(dose, product(order, asked)) for dose in doses(order)}
                if given != wanted or phase["drug"] not in order["medicationCodeableConcept"]["text"]:
                    wrong.append((asked.name, option["regimen"], given, wanted))

    assert wrong == []


def product(order: Resource, asked: Asked) -> Product:
    text = order["medicationCodeableConcept"]["text"]
    return next(each for each in asked.decision.protocol.products if each.text == text)


def micrograms(dose: dict[str, Any], given: Product) -> Decimal:
    assert dose["code"] == given.per.unit

    return exact(dose) / given.per.value * given.strength.value * MICROGRAMS[given.strength.unit]


def test_the_route_of_an_order_is_the_route_of_its_option() -> None:
    wrong = []
    for asked in planned():
        options = asked.answer.assessment["options"]
        for option, suggestion in zip(options, (asked.plan_card or {})["suggestions"], strict=True):
            routes = {phase["start"]: phase["route"] for phase in option["phases"]}
            for order in medicines(suggestion):
                said = order["dosageInstruction"][0]["route"]["text"].lower()
                if routes[bounds(order)[0].isoformat()] not in said:
                    wrong.append((asked.name, option["regimen"], said))

    assert wrong == []


def test_the_orders_of_a_plan_are_one_group_and_no_two_orders_are_the_same() -> None:
    for asked in planned():
        suggestions = (asked.plan_card or {})["suggestions"]
        groups = [{order["groupIdentifier"]["value"] for order in medicines(each)} for each in suggestions]
        own = [order["identifier"][0]["value"] for each in suggestions for order in created(each)]

        assert [len(group) for group in groups] == [1] * len(suggestions), asked.name
        assert len(set().union(*groups)) == len(suggestions), asked.name
        assert len(own) == len(set(own)), asked.name


def test_the_first_order_is_urgent_when_the_patient_cannot_wait_and_only_then() -> None:
    wrong = []
    for asked in planned():
        pressing = bool({"neurological", "severe-anaemia"} & set(asked.answer.assessment["modifiers"]))
        for suggestion in (asked.plan_card or {})["suggestions"]:
            first, *later = [order["priority"] for order in medicines(suggestion)]
            if not asked.decision.assessment.prevention and (first == "urgent") != pressing:
                wrong.append((asked.name, first))
            if "urgent" in later and not pressing:
                wrong.append((asked.name, later))

    assert wrong == []


def test_a_volume_too_small_to_measure_is_said_on_the_card_and_on_the_order() -> None:
    told = []
    for asked in planned():
        for (_, dated), suggestion in zip(
            asked.decision.schedules, (asked.plan_card or {})["suggestions"], strict=True
        ):
            small = any(
                dose["code"] == "mL" and exact(dose) < Decimal("0.05")
                for o in medicines(suggestion)
                for dose in doses(o)
            )
            notes = [note["text"] for order in medicines(suggestion) for note in order.get("note", ())]
            said = any("cannot be measured reliably" in note for note in notes)
            on_card = "cannot be measured reliably" in (asked.plan_card or {})["detail"]
            told.append((small, said, on_card or not small, any(o.immeasurable for o in dated.orders)))

    assert set(told) <= {(False, False, True, False), (True, True, True, True)}
