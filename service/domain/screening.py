"""Whom a protocol tests who was never tested."""

from __future__ import annotations

from dataclasses import dataclass

from service.domain.terms import Citation


@dataclass(frozen=True, slots=True)
class Screening:
    """Whom a protocol tests who was never tested: with a symptom beside a risk only, or at risk alone.

    `causes` are the risks that suffice alone; from over `age_over` years age is a risk too.
    """

    needs_symptom: bool
    age_over: int | None
    causes: frozenset[str]
    cite: Citation
