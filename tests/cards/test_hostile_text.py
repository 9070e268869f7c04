"""Whatever stands in a chart reaches a card as words: never as HTML, never as markdown."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from service.plain_text import explanation
from tests.chart.resources import Resource
from tests.vignettes import PROTOCOLS

from .asked import Asked, Json, ask, every, every_card, one, written
from .test_cards import MARKUP

#: As the reference EHR renders it: GitHub's markdown, raw HTML let through.
RENDER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
RENDER.validateLink = lambda url: True  # type: ignore[method-assign]  # a careless renderer lets any scheme through
OWN_TAGS = {"p", "strong", "ul", "li"}
PAYLOADS = {
    "script": "<script>alert('x')</script>",
    "image": "<img src=x onerror=alert(1)>",
    "link": "[click](javascript:alert(1))",
    "picture": "![p](http://evil.example/p.png)",
    "autolink": "<http://evil.example>",
    "reference": "\n\n[a]: http://evil.example\n\n[a]\n",
    "emphasis": "**IGNORE** _this_ ~~all~~ `code`",
    "heading": "\n# Heading\n\n- item\n\n> quote\n\n---\n",
    "table": "\n|a|b|\n|-|-|\n|1|2|\n",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "escape": "\\<script>alert(1)\\</script>",
    "comment": "<!-- --> <![CDATA[ x ]]> <?php ?>",
}


class Elements(HTMLParser):
    """The elements and attributes that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("instruction")


def foreign(card: Json) -> list[object]:
    """What a rendered detail holds that this service never writes."""
    seen = Elements()
    seen.feed(RENDER.render(card["detail"]))
    return [tag for tag in seen.tags if tag not in OWN_TAGS] + list(seen.attributes)


def structure(card: Json) -> tuple[int, int]:
    """How many blocks the rendered detail has, and how many bold words."""
    seen = Elements()
    seen.feed(RENDER.render(card["detail"]))
    return sum(tag in ("p", "ul") for tag in seen.tags), seen.tags.count("strong")


def test_our_own_words_are_paragraphs_lists_and_bold_and_nothing_else() -> None:
    assert [(name, foreign(card)) for name, _, card in every_card() if foreign(card)] == []


def test_the_renderer_would_show_what_is_not_escaped() -> None:
    """The check sees each payload when it stands bare, so that finding nothing means something."""
    bare = {name for name, text in PAYLOADS.items() if foreign({"detail": f"Found {text}"})}

    assert bare == set(PAYLOADS) - {"entity", "escape"}  # these two wait for a careless unescaping


Place = Callable[[Resource, str], None]


def _texts(value: object, change: Callable[[str, str], str]) -> Iterator[tuple[dict[str, object], str, str]]:
    """Every text that people write in a resource: not the codes, dates and references that are read."""
    if isinstance(value, dict):
        for key, child in value.items():
            if isinstance(child, str) and key in ("text", "display", "unit", "valueString", "name", "title", "comment"):
                yield value, key, change(key, child)
            else:
                yield from _texts(child, change)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child, change)


def soiled(chart: Resource, payload: str, *, replace: bool) -> Resource:
    """The chart with a payload in every text, after what stood there or in its place."""
    hostile = copy.deepcopy(chart)
    for entry in hostile["entry"]:
        resource = entry["resource"]
        for holder, key, text in list(_texts(resource, lambda _, was: payload if replace else f"{was} {payload}")):
            holder[key] = text
        resource["note"] = [{"text": payload}]
        if resource["resourceType"] == "Observation":
            resource.setdefault("interpretation", [{}])[0]["text"] = payload
            resource.setdefault("method", {"text": payload})
    return hostile


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
@pytest.mark.parametrize("replace", [False, True], ids=["behind the text", "instead of the text"])
def test_hostile_texts_in_every_resource_bring_no_element_and_no_attribute(payload: str, replace: bool) -> None:
    found = []
    for asked in every()[::12]:
        then = ask(asked.name, soiled(asked.chart, payload, replace=replace), asked.protocol, asked.today)
        found += [(asked.name, foreign(card)) for card in then.cards if foreign(card)]

    assert found == []


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_hostile_result_is_told_as_words(payload: str) -> None:
    """The unit, and the text of a value that cannot be read, are what a card repeats."""
    clean = one("V23", "us-aafp")
    for place in (unit, value_text, unreadable_unit, resource_id, hazard_id):
        chart = copy.deepcopy(clean.chart)
        place(chart, payload)
        then = ask("", chart, clean.protocol, clean.today)

        assert then.cards, place.__name__
        for card in then.cards:
            assert foreign(card) == [], place.__name__
            assert not MARKUP.search(card["summary"]), place.__name__


def b12(chart: Resource) -> Resource:
    """The B12 result of a chart."""
    return next(
        entry["resource"]
        for entry in chart["entry"]
        if entry["resource"]["resourceType"] == "Observation" and entry["resource"]["code"]["text"] == "b12"
    )


def unit(chart: Resource, payload: str) -> None:
    """The printed unit, beside a good UCUM code."""
    b12(chart)["valueQuantity"]["unit"] = payload


def value_text(chart: Resource, payload: str) -> None:
    made = b12(chart)
    del made["valueQuantity"]
    made["valueString"] = f"95 ng/L {payload}"


def unreadable_unit(chart: Resource, payload: str) -> None:
    b12(chart)["valueQuantity"] |= {"unit": payload, "code": payload}


def resource_id(chart: Resource, payload: str) -> None:
    """An id that FHIR forbids, on a result that cannot be read."""
    made = b12(chart)
    made["id"] = payload
    made["valueQuantity"] |= {"unit": "kg", "code": "kg"}


def hazard_id(chart: Resource, payload: str) -> None:
    """An id that FHIR forbids, on a result that blocks the plan."""
    platelets = copy.deepcopy(b12(chart))
    platelets["id"] = payload
    platelets["code"] = {"coding": [{"system": "http://loinc.org", "code": "777-3"}], "text": "platelets"}
    platelets["valueQuantity"] = {"value": 20, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    chart["entry"].append({"resource": platelets})


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_a_draft_with_a_hostile_id_is_told_as_words(payload: str) -> None:
    asked = one("V23", "us-aafp")
    kept = written((asked.plan_card or {})["suggestions"][0], id=payload)
    chart = {**asked.chart, "entry": [*asked.chart["entry"], {"resource": kept[0]}]}
    cards = ask("", chart, asked.protocol, asked.today).cards

    assert any("Draft pending" in card["detail"] for card in cards)
    assert [foreign(card) for card in cards if foreign(card)] == []


@pytest.mark.parametrize("address", ["www.evil.example/x", "http://evil.example", "mallory@evil.example"])
def test_an_address_in_a_chart_is_no_link_in_github_markdown(address: str) -> None:
    """GitHub links bare addresses too: a backslash before the sign that makes it one keeps it a word."""
    asked = one("V23", "us-aafp")
    chart = copy.deepcopy(asked.chart)
    unit(chart, address)
    details = [card["detail"] for card in ask("", chart, asked.protocol, asked.today).cards]

    assert any("evil" in detail for detail in details)
    assert [detail for detail in details if re.search(r"(?i)www\.|https?:|\w@", detail)] == []


def test_a_soiled_text_changes_neither_the_verdict_nor_the_shape_of_a_card() -> None:
    for protocol in PROTOCOLS:
        asked: Asked = one("V23", protocol)
        for name, payload in PAYLOADS.items():
            chart = copy.deepcopy(asked.chart)
            unit(chart, payload)
            then = ask("", chart, protocol, asked.today)

            assert then.decision.assessment.status is asked.decision.assessment.status, name
            assert len(then.cards) == len(asked.cards), name


def test_escaped_text_reads_in_a_terminal_as_it_was_written() -> None:
    asked = one("V23", "us-aafp")
    chart = copy.deepcopy(asked.chart)
    b12(chart)["valueQuantity"]["unit"] = "ng/L <a> *b* [c] `d`"
    then = ask("", chart, asked.protocol, asked.today)
    told = explanation("chart.json", {**then.answer.assessment, "cards": then.cards})

    assert "ng/L <a> *b* [c] `d`" in told
