"""What the service says of itself is true: it follows from the mappings, and what is not known is named."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
from flask.testing import FlaskClient

from service.about import knowledge
from service.app import create_app
from service.evaluate import shipped
from service.settings import Settings


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(protocol="us-aafp", authentication="off"), shipped()).test_client()


def test_all_thirteen_source_attributes_are_given_by_element_in_order(client: FlaskClient) -> None:
    found = client.get("/about.json").get_json()["sourceAttributes"]
    assert [each["element"] for each in found] == [f"45 CFR 170.315(b)(11)(iv)(A)({n})" for n in range(1, 14)]
    assert all(each["name"] and each["value"] for each in found)


def test_what_is_not_known_is_a_named_gap_and_no_guess(client: FlaskClient) -> None:
    found = {each["name"]: each for each in client.get("/about.json").get_json()["sourceAttributes"]}
    assert found["Funding source of the technical implementation"]["value"] == "Not stated."
    assert "gap" in found["Funding source of the technical implementation"]
    assert "gap" in found["Release and revision dates"]


def test_every_protocol_says_who_has_reviewed_it_and_nobody_has(client: FlaskClient) -> None:
    told = client.get("/about.json").get_json()
    book = shipped().book
    assert {each["id"]: each["reviewedBy"] for each in told["review"]["protocols"]} == dict.fromkeys(book.protocols)
    assert told["review"]["status"] == "not reviewed by a clinician"
    assert "No clinician has reviewed these rules" in client.get("/about").text


def test_the_versions_are_those_that_answer(client: FlaskClient) -> None:
    told = client.get("/about.json").get_json()["versions"]
    assert told["software"] == version("b12-cds")
    assert told["ruleSet"] == shipped().book.version


def test_the_age_of_the_intended_use_is_the_protocols(client: FlaskClient) -> None:
    youngest = shipped().book.protocols["us-aafp"].limits.age_minimum
    assert f"aged {youngest} and over" in client.get("/about.json").get_json()["intendedUse"]


def test_every_link_within_the_knowledge_book_leads_somewhere_and_nothing_of_it_is_markup() -> None:
    text = knowledge.html()
    wanted = set(re.findall(r'href="#([^"]+)"', text))
    had = re.findall(r' id="([^"]+)"', text)
    assert wanted
    assert wanted <= set(had)
    assert "<!--" not in text
    assert "&lt;a id" not in text
    assert "<script" not in text
