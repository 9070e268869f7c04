"""One answer of a server: its resources, its next page, what failed, and what is no FHIR at all."""

import json

import pytest

from service.fhir.pages import Broken, NotFhir, sheet
from service.fhir.reading import OtherPatient

from .kit import bundle, encounter, items_of, observation, the_reader


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"5", b"[]", b'"Patient"', b"{}", b'{"resourceType": 5}', b"\xff", b"<html>", b"[" * 9999],
)
def test_what_is_no_fhir_is_refused(raw):
    with pytest.raises(NotFhir) as refused:
        sheet(raw)
    assert str(refused.value)


@pytest.mark.parametrize("entry", [5, {}, "x"])
def test_a_bundle_whose_entries_are_no_list_is_refused(entry):
    with pytest.raises(NotFhir):
        sheet(json.dumps({"resourceType": "Bundle", "entry": entry}).encode())


def test_a_url_that_is_none_costs_nothing_of_its_resource_and_hides_no_other_patient():
    document = bundle(observation(), observation(id="o2"))
    document["entry"][1]["fullUrl"] = ["x"]
    assert len(the_reader().read(items_of(document), "p1").results) == 2

    document["entry"][1]["resource"]["subject"] = {"reference": "Patient/p2"}
    with pytest.raises(OtherPatient):
        the_reader().read(items_of(document), "p1")


@pytest.mark.parametrize("entry", [None, 5, []])
def test_an_entry_that_cannot_be_read_is_told_and_costs_only_itself(entry):
    document = bundle(observation())
    document["entry"].append(entry)
    record = the_reader().read(items_of(document), "p1")

    assert (len(record.results), [u.resource for u in record.unreadable]) == (1, ["entry"])


@pytest.mark.parametrize("entry", [{}, {"resource": None}, {"response": {"status": "204"}}])
@pytest.mark.parametrize("more", [(), (encounter(),)])
def test_an_entry_without_a_resource_is_nothing(entry, more):
    document = bundle(observation(), *more)
    document["entry"].append(entry)
    record = the_reader().read(items_of(document), "p1")

    assert (len(record.results), record.unreadable) == (1, ())


def test_a_single_resource_is_a_sheet_of_one():
    (item,) = sheet(json.dumps(observation()).encode()).items
    (broken,) = sheet(json.dumps(observation(subject=5)).encode()).items

    assert item.full_url is None
    assert isinstance(broken.resource, Broken)


@pytest.mark.parametrize("more", [(), (encounter(),), (observation(issued=5),)])
def test_the_next_page_is_found_among_the_links(more):
    links = [{"relation": "self", "url": "?1"}, {"relation": "next"}, {"relation": "next", "url": "?2"}]
    document = json.dumps(bundle(observation(), *more, link=links)).encode()

    assert sheet(document).next == "?2"
    assert sheet(json.dumps(bundle(observation(), *more, link=links[:2])).encode()).next is None


@pytest.mark.parametrize("link", [5, {}, [{"relation": 5}], None])
def test_links_that_cannot_be_read_are_a_failure_since_pages_may_be_missing(link):
    found = sheet(json.dumps(bundle(observation(), link=link)).encode())

    assert len(found.items) == 1
    assert found.failure is not None
    assert "pages" in found.failure


def outcome(severity, code="throttled"):
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}


@pytest.mark.parametrize("raw", [outcome("error"), outcome("information"), {"resourceType": "OperationOutcome"}])
def test_an_outcome_in_place_of_data_is_a_failure(raw):
    found = sheet(json.dumps(raw).encode())

    assert found.items == ()
    assert found.failure is not None


def test_an_outcome_that_cannot_be_read_is_still_a_failure():
    assert sheet(b'{"resourceType": "OperationOutcome", "issue": 5}').failure is not None


@pytest.mark.parametrize(("severity", "failed"), [("error", True), ("fatal", True), ("warning", False)])
@pytest.mark.parametrize("more", [(), (encounter(),)])
def test_an_outcome_among_the_entries_is_a_failure_when_something_went_wrong(severity, failed, more):
    found = sheet(json.dumps(bundle(observation(), outcome(severity), *more)).encode())

    assert (found.failure is not None) is failed
    assert found.failure is None or "throttled" in found.failure
    assert len(the_reader().read(found.items, "p1").results) == 1
