"""What follows a plan, stated apart from the mapping files: a wrong number cannot agree with itself."""

from __future__ import annotations

from typing import Any, NamedTuple

MICROGRAMS = {"ug": 1, "mg": 1000}


class Maintenance(NamedTuple):
    """Drug, route, least dose in micrograms, and the interval where it tells two regimens apart."""

    drug: str
    route: str
    micrograms: int
    every: tuple[int, str] | None = None


MAINTENANCE = {
    "UK-HYDROXO-STD": Maintenance("hydroxocobalamin", "intramuscular", 1000, (2, "mo")),
    "UK-HYDROXO-PROPHYLAXIS": Maintenance("hydroxocobalamin", "intramuscular", 1000, (2, "mo")),
    "UK-HYDROXO-DIET-6M": Maintenance("hydroxocobalamin", "intramuscular", 1000, (6, "mo")),
    "UK-ORAL-DIET": Maintenance("cyanocobalamin", "oral", 50, (1, "d")),
    "UK-ORAL-MALABS": Maintenance("cyanocobalamin", "oral", 1000, (1, "d")),
    "US-ORAL-HIGH": Maintenance("cyanocobalamin", "oral", 1000, (1, "d")),
    "US-IM-TRAD": Maintenance("cyanocobalamin", "intramuscular", 1000, (1, "mo")),
}


def maintenance(phase: dict[str, Any]) -> Maintenance:
    """A phase of an answer in the same terms."""
    dose, timing = phase["dose"], phase["timing"]
    return Maintenance(
        phase["drug"],
        phase["route"],
        round(dose["low"] * MICROGRAMS[dose["unit"]]),
        (timing["period"], timing["periodUnit"]),
    )
