"""Units by UCUM: is it a unit, and what is one of it worth in another; through ucumvert and pint."""

from __future__ import annotations

from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

import pint
from lark.exceptions import LarkError
from ucumvert import PintUcumRegistry
from ucumvert.parser import InvalidUcumError

_UNPARSED = (
    InvalidUcumError,
    LarkError,
    pint.PintError,
    ValueError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


@cache
def _registry() -> Any:
    return PintUcumRegistry()


class NotUcum(ValueError):
    """The text is not a UCUM unit."""


@lru_cache(4096)
def is_unit(text: str) -> bool:
    """Return whether a text is a unit of UCUM."""
    try:
        _parse(text)
    except NotUcum:
        return False
    return True


@lru_cache(4096)
def factor(unit: str, into: str) -> Decimal | None:
    """Return how many `into` one `unit` is, or None when the two measure different things.

    Raises NotUcum when `unit` is not UCUM.
    """
    if unit == into:
        return Decimal(1)
    one, other = _parse(unit), _parse(into)
    try:
        magnitude = (1 * one).to(other.units).magnitude / other.magnitude
    except pint.DimensionalityError:
        return None
    except (pint.PintError, ArithmeticError, TypeError) as error:
        raise NotUcum(unit) from error  # special units such as Cel, dB or [pH] cannot be computed with
    # pint computes in binary: 12 digits are more than any laboratory prints.
    return Decimal(f"{magnitude:.12g}")


@lru_cache(4096)
def _parse(unit: str) -> Any:
    try:
        parsed = _registry().from_ucum(unit)
    except _UNPARSED as error:
        raise NotUcum(unit) from error
    # An annotation alone, such as {tbl}, is the unit 1.
    return _registry().Quantity(1) if isinstance(parsed, str) else parsed
