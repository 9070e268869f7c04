"""What the choice of a plan may look at, what stops it, and which row of the table fits; decisions, section 5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from service.domain.terms import Mechanism, Modifier

NEUROLOGICAL, SEVERE_ANAEMIA, PREVENTION = "neurological", "severe-anaemia", "prevention"
#: The keys a protocol's table must have: every patient falls on one.
ROWS = (
    NEUROLOGICAL,
    SEVERE_ANAEMIA,
    PREVENTION,
    *(m.value for m in Mechanism if m is not Mechanism.TRANSPORT_METABOLIC),
)
#: The modifiers that change a plan; the others are said.
CHANGING = frozenset(
    {
        Modifier.NEUROLOGICAL,
        Modifier.SEVERE_ANAEMIA,
        Modifier.PREGNANCY,
        Modifier.BREASTFEEDING,
        Modifier.ADHERENCE,
        Modifier.SWALLOWING,
        Modifier.BLEEDING_RISK,
        Modifier.LEBER,
        Modifier.COBALAMIN_ALLERGY,
    }
)


class Situation(NamedTuple):
    """All that the choice of a plan looks at: equal situations under one protocol get equal plans."""

    mechanism: Mechanism
    unlikely: bool = False
    prevention: bool = False
    treated_elsewhere: bool = False
    extent_unknown: bool = False
    modifiers: frozenset[Modifier] = frozenset()
    anticoagulated: bool = False
    unjudged: bool = False
    injected: bool = False
    by_mouth_or_nose: bool = False
    form_unknown: bool = False

    @property
    def pressing(self) -> bool:
        """Return whether neurology or severe anaemia presses."""
        return Modifier.NEUROLOGICAL in self.modifiers or Modifier.SEVERE_ANAEMIA in self.modifiers

    @property
    def forced(self) -> bool:
        """Return whether only an injection will do."""
        return self.pressing or self.by_mouth_or_nose

    @property
    def unsure(self) -> bool:
        """Return whether tablets may not be taken or swallowed reliably."""
        return Modifier.ADHERENCE in self.modifiers or Modifier.SWALLOWING in self.modifiers

    @property
    def expecting(self) -> bool:
        """Return whether the patient is pregnant or breastfeeding."""
        return Modifier.PREGNANCY in self.modifiers or Modifier.BREASTFEEDING in self.modifiers


@dataclass(frozen=True, slots=True)
class Stop:
    """A reason to offer no plan at all."""

    says: str
    fits: Callable[[Situation], bool]


@dataclass(frozen=True, slots=True)
class RowRule:
    """When a row of the table is the one; without a key it is the row of the mechanism."""

    key: str | None
    says: str
    fits: Callable[[Situation], bool]


UNJUDGED = "a hazard on record could not be judged"
#: Decisions, section 5, in its order: the first that fits leaves no plan.
STOPS: tuple[Stop, ...] = (
    Stop("cobalamin or cobalt allergy on record", lambda s: Modifier.COBALAMIN_ALLERGY in s.modifiers),
    Stop(
        "a transport or metabolic disorder is for a specialist",
        lambda s: s.mechanism is Mechanism.TRANSPORT_METABOLIC,
    ),
    Stop(UNJUDGED, lambda s: s.unjudged),
    Stop("already on injections", lambda s: s.injected),
    Stop("how the B12 on record is given is not known", lambda s: s.form_unknown),
)

#: The first that fits names the row; with `unlikely` only prevention fits.
ROW_RULES: tuple[RowRule, ...] = (
    RowRule(
        PREVENTION,
        "to be prevented, and treatment may be given elsewhere",
        lambda s: s.prevention and s.treated_elsewhere and not s.pressing,
    ),
    RowRule(
        NEUROLOGICAL,
        "attributable neurology",
        lambda s: Modifier.NEUROLOGICAL in s.modifiers and not s.unlikely,
    ),
    RowRule(
        SEVERE_ANAEMIA,
        "severe anaemia",
        lambda s: Modifier.SEVERE_ANAEMIA in s.modifiers and not s.unlikely,
    ),
    RowRule(
        Mechanism.AUTOIMMUNE_GASTRITIS.value,
        "autoimmune gastritis",
        lambda s: s.mechanism is Mechanism.AUTOIMMUNE_GASTRITIS and not s.unlikely,
    ),
    RowRule(PREVENTION, "surgery that will cost B12, nothing confirmed, no therapy", lambda s: s.prevention),
    RowRule(None, "the mechanism that decides", lambda _: True),
)


def row_key(situation: Situation) -> str:
    """Return the row of the table that fits."""
    rule = next(r for r in ROW_RULES if r.fits(situation))
    return rule.key or situation.mechanism.value
