"""The name that was probably meant, for the end of an error message."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: object, known: Iterable[object]) -> str:
    """Return `; did you mean …?` when a known name is near, else nothing."""
    near = get_close_matches(str(name).lower(), by_lower := {str(k).lower(): str(k) for k in known}, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


def unknown(kind: str, name: object, known: Iterable[object]) -> str:
    """Return that nothing of a kind has this name, what is near, and all there are."""
    names = [str(each) for each in known]
    return f"there is no {kind} {name}{meant(name, names)}; known: {', '.join(names)}"
