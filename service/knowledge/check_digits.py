"""Check digits of code systems: a mistyped LOINC or SNOMED CT code cannot enter the mappings."""

from __future__ import annotations

import re

_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip
_SHAPES = {
    "loinc": re.compile(r"^[0-9]{1,7}-[0-9]$"),
    "sct": re.compile(r"^[1-9][0-9]{5,17}$"),
    "cm": re.compile(r"^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$"),
    "icd10": re.compile(r"^[A-Z][0-9]{2}(\.[0-9]{1,2})?$"),
    "pcs": re.compile(r"^[0-9A-HJ-NP-Z]{7}$"),
    "cpt": re.compile(r"^[0-9]{5}$"),
    "rx": re.compile(r"^[1-9][0-9]*$"),
    "dmd": re.compile(r"^[1-9][0-9]{5,17}$"),
    "atc": re.compile(r"^[A-Z][0-9]{2}[A-Z]{2}([0-9]{2})?$"),
}


def well_formed(system: str, code: str) -> str | None:
    """Return what is wrong with a code, or None: its shape, and its check digit where it has one."""
    if not _SHAPES[system].match(code):
        return "is not the shape of a code of this system"
    if system == "loinc" and not _mod10(code):
        return "its check digit is wrong"
    if system in ("sct", "dmd") and not _verhoeff(code):
        return "its check digit is wrong"
    return None


def _mod10(code: str) -> bool:
    """Return whether a LOINC code ends in its check digit (Luhn, modulus 10)."""
    number, check = code.split("-")
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return (10 - total % 10) % 10 == int(check)


def _verhoeff(code: str) -> bool:
    """Return whether a SNOMED CT identifier ends in its check digit (Verhoeff's dihedral group)."""
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_D[check][int(_P[place % 8][int(digit)])])
    return check == 0
