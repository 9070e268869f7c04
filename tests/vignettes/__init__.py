"""The vignettes: patients told in facts, and what is expected of each protocol; an unknown key is refused."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from tests.chart.facts import Facts

TODAY = date(2026, 11, 22)
PROTOCOLS = ("uk-ng239", "us-aafp", "us-label")

Protocol = Literal["uk-ng239", "us-aafp", "us-label"]
Status = Literal["confirmed", "indeterminate", "unlikely", "unknown", "on-treatment", "out-of-scope"]
Mechanism = Literal[
    "none",
    "transport-metabolic",
    "autoimmune-gastritis",
    "gastric-resection",
    "ileal-resection",
    "malabsorption",
    "nitrous-oxide",
    "medicine-induced",
    "dietary",
    "increased-requirement",
    "undetermined",
]


class Under(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one protocol answers; `plan` lists what is acceptable, the recommended one first.

    `says` is text that a card must hold, `orders` the tests that a card must offer, `not_orders` those it must not.
    What is not said is not checked, but for startNow: with `confirmed` it is true, else false unless said.
    """

    status: Status | None = None
    rule: str | None = None
    start_now: bool = False
    plan: Literal["none"] | tuple[str, ...] | None = None
    then: str | None = None
    route: Literal["intramuscular", "subcutaneous", "oral", "nasal"] | None = None
    duration: Literal["lifelong", "while-cause-persists", "until-review", "specialist"] | None = None
    mechanism: Mechanism | None = None
    modifiers: tuple[str, ...] | None = None
    notices: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()
    not_orders: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every protocol shares; mechanism `none` is the absence of a deficiency to explain."""

    mechanism: Mechanism | None = None
    cause: str | None = None
    certainty: Literal["established", "probable", "possible"] | None = None
    also: tuple[Mechanism, ...] = ()
    modifiers: tuple[str, ...] = ()
    duration: Literal["lifelong", "while-cause-persists", "until-review", "specialist"] | None = None
    never: tuple[str, ...] = ()
    under: dict[Protocol, Under]


class Vignette(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One patient; `covered: false` names what cannot be checked yet, and why."""

    id: str
    title: str
    facts: Facts
    expect: Expected
    rests_on: tuple[str, ...]
    evidence: Literal["V", "S", "M"]
    note: str = ""
    covered: bool = True
    because: str = ""
    unchecked: tuple[str, ...] = ()
    today: date = TODAY


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of vignettes on one subject."""

    about: str
    vignettes: tuple[Vignette, ...]


@cache
def vignettes() -> tuple[Vignette, ...]:
    """All of them, file by file."""
    files = sorted(Path(__file__).parent.glob("*.yaml"))
    return tuple(vignette for file in files for vignette in page(file).vignettes)


def page(file: Path) -> Page:
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=Page)
    except msgspec.ValidationError as wrong:
        raise ValueError(f"{file.name}: {wrong}") from wrong


def vignette(name: str) -> Vignette:
    """One by its id."""
    return next(each for each in vignettes() if each.id == name)
