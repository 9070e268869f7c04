"""Doses, routes, rows, lines and causes are as the sources and the decisions print them."""

from dataclasses import fields

from service.knowledge.load import load, shipped

from .printed import LIMITS, departures


def test_the_mappings_hold_what_is_printed() -> None:
    assert departures(load().book, shipped()) == []


def test_every_limit_has_its_printed_copy() -> None:
    limits = next(iter(load().book.protocols.values())).limits

    assert {field.name for field in fields(limits)} == set(LIMITS)
