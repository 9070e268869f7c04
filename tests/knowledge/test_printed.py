"""Doses, routes, rows, lines and causes are as the sources and the decisions print them."""

from service.knowledge.load import load, shipped

from .printed import departures


def test_the_mappings_hold_what_is_printed() -> None:
    assert departures(load().book, shipped()) == []
