"""Decisions to plan from: every worked patient under every protocol, and the sandbox's words for a few."""

from __future__ import annotations

from functools import cache

from service.compare.worked import worked
from service.consult import Consultant
from service.domain.decision import Decision
from service.domain.protocol import Book
from service.evaluate import shipped
from service.fhir.pages import sheet
from service.smart.choice import bases

PROTOCOLS = ("uk-ng239", "us-aafp", "us-label")


def using() -> Consultant:
    return shipped()


def book() -> Book:
    return using().book


@cache
def decided(name: str, protocol: str) -> Decision:
    told = next(each for each in worked() if each.id == name)
    return using().consult(sheet(told.chart).items, using().protocol(protocol), told.today)


@cache
def all_decided() -> tuple[Decision, ...]:
    """Every worked patient under every protocol."""
    return tuple(decided(told.id, protocol) for told in worked() for protocol in PROTOCOLS)


@cache
def with_a_plan() -> tuple[Decision, ...]:
    return tuple(decision for decision in all_decided() if bases(decision))


def first(protocol: str, regimen: str) -> Decision:
    """The first worked patient to whom a protocol recommends a regimen, with nothing pressing in between."""
    return next(d for d in with_a_plan() if d.protocol.id == protocol and bases(d)[0].option.regimen.id == regimen)
