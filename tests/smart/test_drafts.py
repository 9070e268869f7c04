"""The plan as drafts: each passes the gate, they belong together, and writing twice is writing once."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.careplan import CarePlan

from service.domain.decision import Decision
from service.domain.record import Course
from service.domain.terms import Status
from service.fhir.careplan import place, problems, transaction, urn, urns
from service.fhir.gate import GateError, check
from service.smart.calendar import plan
from service.smart.choice import Choice, Chosen, allowed, bases
from service.smart.drafts import NotAllowed, drafts_of, missing_scopes, others_unsigned, read_back, unlike, write
from tests.smart.patients import all_decided, book, first, with_a_plan

Json = dict[str, Any]
AS_PROPOSED = Choice()
WRITING = frozenset({f"patient/{kind}.crs" for kind in ("MedicationRequest", "ServiceRequest", "CarePlan")})


class Record:
    """A FHIR server that does what R4 says of a transaction with conditional creates."""

    def __init__(self) -> None:
        self.held: dict[str, Json] = {}
        self.sent: list[Json] = []
        self.locations = True

    def transaction(self, bundle: Json) -> Json:
        self.sent.append(bundle)
        places, answers = {}, []
        for entry in bundle["entry"]:
            system, _, value = entry["request"]["ifNoneExist"].removeprefix("identifier=").partition("|")
            wanted = {"system": system, "value": value}
            there = next((name for name, r in self.held.items() if wanted in r["identifier"]), None)
            name = there or f"{entry['request']['url']}/{len(self.held) + 1}"
            if there is None:
                number = name.partition("/")[2]
                self.held[name] = {**copy.deepcopy(entry["resource"]), "id": number, "meta": {"versionId": "1"}}
            places[entry["fullUrl"]] = name
            answer = {"status": "201 Created" if there is None else "200 OK"}
            answers.append({"response": answer | ({"location": f"{name}/_history/1"} if self.locations else {})})
        for resource in self.held.values():
            _resolve(resource, places)
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    def read(self, reference: str) -> Json:
        return self.held[reference]

    def search(self, url: str) -> Json:
        kind, _, query = url.partition("?identifier=")
        value = query.partition("%7C")[2]
        found = [r for n, r in self.held.items() if n.startswith(f"{kind}/") and value in urns(r)]
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": r} for r in found]}


def _resolve(value: Any, places: dict[str, str]) -> None:
    if isinstance(value, dict):
        if str(value.get("reference")) in places:
            value["reference"] = places[value["reference"]]
        for child in value.values():
            _resolve(child, places)
    elif isinstance(value, list):
        for child in value:
            _resolve(child, places)


def drafted(decision: Decision, choice: Choice = AS_PROPOSED) -> tuple[Json, ...]:
    found = allowed(decision, book(), choice)
    if not isinstance(found, Chosen):
        return drafts_of(decision, book(), None, None, "p1")
    return drafts_of(decision, book(), found, plan(found.dated, decision, book(), moved=found.base.moved), "p1")


STANDARD = first("uk-ng239", "UK-HYDROXO-STD")


@pytest.mark.parametrize("decision", all_decided(), ids=lambda d: f"{d.protocol.id}-{d.assessment.rule.id}")
def test_every_draft_of_every_patient_passes_the_gate_and_belongs_to_the_others(decision: Decision) -> None:
    drafts = drafted(decision)

    assert [*problems(drafts)] == []
    if drafts:
        Bundle.model_validate(transaction(drafts))
        assert [d["resourceType"] for d in drafts].count("CarePlan") == 1


def test_there_is_a_draft_for_each_order_and_each_missing_test() -> None:
    kinds = [draft["resourceType"] for draft in drafted(STANDARD)]

    assert kinds.count("MedicationRequest") == len(bases(STANDARD)[0].dated.orders) == 2
    assert kinds.count("ServiceRequest") == len(STANDARD.investigations)
    assert kinds[-1] == "CarePlan"


def test_the_care_plan_refers_to_every_order_and_tells_every_check_with_its_days() -> None:
    *orders, whole = drafted(STANDARD)
    referred = [a["reference"]["reference"] for a in whole["activity"] if "reference" in a]
    told = [a["detail"] for a in whole["activity"] if "detail" in a]

    assert referred == [place(order) for order in orders]
    assert {detail["status"] for detail in told} == {"not-started"}
    assert len(told) == len(plan(bases(STANDARD)[0].dated, STANDARD, book()).visits) + 1
    assert (whole["status"], whole["intent"]) == ("draft", "proposal")
    assert CarePlan.model_validate(whole).subject.reference == "Patient/p1"


def test_nothing_that_is_written_is_active() -> None:
    for decision in with_a_plan():
        assert {(d["status"], d["intent"]) for d in drafted(decision)} == {("draft", "proposal")}


def test_a_second_press_writes_nothing_new() -> None:
    record, drafts = Record(), drafted(STANDARD)

    once = write(record, WRITING, drafts)
    again = write(record, WRITING, drafted(STANDARD))

    assert (once.new, again.new) == (len(drafts), 0)
    assert len(record.held) == len(drafts)
    assert [r["id"] for r in again.resources] == [r["id"] for r in once.resources]


def test_the_same_plan_tomorrow_is_the_same_plan_only_while_its_dates_are() -> None:
    later = Choice(start=STANDARD.evidence.today + timedelta(days=7))

    assert {urn(d) for d in drafted(STANDARD)} == {urn(d) for d in drafted(STANDARD)}
    assert not {urn(d) for d in drafted(STANDARD)} & {urn(d) for d in drafted(STANDARD, later)}


def test_another_choice_is_another_plan() -> None:
    assert urn(drafted(STANDARD)[-1]) != urn(drafted(STANDARD, Choice(months=3))[-1])


def test_another_patients_plan_has_other_names() -> None:
    found = allowed(STANDARD, book(), Choice())
    assert isinstance(found, Chosen)
    calendar = plan(found.dated, STANDARD, book())

    names = [{urn(d) for d in drafts_of(STANDARD, book(), found, calendar, who)} for who in ("p1", "p2")]

    assert not names[0] & names[1]


@pytest.mark.parametrize("locations", [True, False])
def test_what_was_written_is_read_back_and_passes_the_gate_again(locations: bool) -> None:
    record = Record()
    record.locations = locations
    drafts = drafted(STANDARD)

    found = write(record, WRITING, drafts).resources

    assert [r["resourceType"] for r in found] == [d["resourceType"] for d in drafts]
    assert [check({k: v for k, v in r.items() if k != "meta"}) for r in found] == [()] * len(drafts)
    referred = [a["reference"]["reference"] for a in found[-1]["activity"] if "reference" in a]
    assert referred == [f"{r['resourceType']}/{r['id']}" for r in found[:-1]]
    assert read_back(record, drafts) == found


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        (WRITING, ()),
        ({"patient/*.write"}, ()),
        ({"user/*.cruds"}, ()),
        (WRITING - {"patient/CarePlan.crs"}, ("CarePlan",)),
        ({"patient/*.read"}, ("MedicationRequest", "ServiceRequest", "CarePlan")),
        ({"patient/MedicationRequest.u", "patient/CarePlan.c", "patient/ServiceRequest.c"}, ("MedicationRequest",)),
        (set(), ("MedicationRequest", "ServiceRequest", "CarePlan")),
    ],
)
def test_writing_is_refused_for_what_was_not_granted_and_named(scopes: set[str], lacking: tuple[str, ...]) -> None:
    record, drafts = Record(), drafted(STANDARD)
    assert any(d["resourceType"] == "ServiceRequest" for d in drafts)

    assert missing_scopes(scopes, drafts) == lacking
    if lacking:
        with pytest.raises(NotAllowed, match=lacking[0]):
            write(record, scopes, drafts)
        assert record.sent == []


def test_a_faulty_draft_is_never_sent() -> None:
    record, drafts = Record(), copy.deepcopy(drafted(STANDARD))
    drafts[0]["dosageInstruction"][0]["timing"]["repeat"]["periodUnit"] = "fortnight"

    with pytest.raises(GateError, match="periodUnit"):
        write(record, WRITING, drafts)
    assert record.sent == []


def test_a_care_plan_that_names_an_order_which_is_not_written_is_faulty() -> None:
    *orders, whole = drafted(STANDARD)

    assert any("is not written with it" in problem for problem in problems([*orders[1:], whole]))


def test_a_care_plan_activity_is_a_reference_or_a_detail() -> None:
    *orders, whole = copy.deepcopy(drafted(STANDARD))
    whole["activity"][0]["detail"] = {"status": "not-started", "description": "both"}

    assert any("(cpl-3)" in problem for problem in problems([*orders, whole]))


@pytest.mark.parametrize("element", ["title", "description", "created", "period", "status", "intent", "subject"])
def test_a_care_plan_without_what_every_plan_says_does_not_pass_the_gate(element: str) -> None:
    whole = {k: v for k, v in drafted(STANDARD)[-1].items() if k != element}

    assert check(whole) != ()


def test_without_a_plan_the_missing_tests_alone_are_drafted() -> None:
    without = [d for d in all_decided() if not bases(d) and d.investigations]

    for decision in without[:20]:
        kinds = [draft["resourceType"] for draft in drafted(decision)]
        assert kinds == ["ServiceRequest"] * len(decision.investigations) + ["CarePlan"]
    assert len(without) > 5


def test_a_draft_of_somebody_else_stands_in_the_way_and_our_own_does_not() -> None:
    waiting = next(d for d in all_decided() if d.evidence.therapy.drafts and bases(d))
    (draft,) = waiting.evidence.therapy.drafts
    assert draft.course is Course.DRAFT
    drafts = drafted(waiting)

    theirs = {draft.resource: {"resourceType": "MedicationRequest", "id": "x"}}
    ours = {draft.resource: {**drafts[0], "id": "x"}}

    assert others_unsigned(waiting, drafts, theirs) == (draft.resource,)
    assert others_unsigned(waiting, drafts, {}) == (draft.resource,)
    assert others_unsigned(waiting, drafts, ours) == ()


def test_a_move_of_a_stable_patient_says_what_to_stop_and_stops_nothing_itself() -> None:
    stable = next(d for d in with_a_plan() if bases(d)[0].moved)
    assert stable.assessment.status is Status.ON_TREATMENT

    drafts = drafted(stable)

    assert any("stop" in note["text"] for note in drafts[-1]["note"])
    assert {d["status"] for d in drafts} == {"draft"}


def test_what_the_record_changed_is_named_and_a_signature_is_no_change() -> None:
    record, drafts = Record(), drafted(STANDARD)
    found = write(record, WRITING, drafts).resources
    assert set(unlike(drafts, found).values()) == {()}

    signed = tuple({**r, "status": "active"} if r["resourceType"] == "MedicationRequest" else r for r in found)
    assert set(unlike(drafts, signed).values()) == {()}

    altered = copy.deepcopy(found)
    altered[0]["dosageInstruction"][0]["text"] = "daily"
    assert unlike(drafts, altered)[f"MedicationRequest/{found[0]['id']}"] == ("dosageInstruction is not as drafted",)
