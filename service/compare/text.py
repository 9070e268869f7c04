"""What two protocols say and do differently, in lines a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from service.compare.answers import LISTS, Side, differing
from service.compare.values import NOTHING, changes, said
from service.compare.worked import worked


def differences(one: Side, other: Side) -> Iterator[str]:
    """Yield the lines: the two protocols, the values that differ, the patients who are answered otherwise."""
    first, second = (side.using.protocol(side.name) for side in (one, other))
    found = changes(said(first, one.using.book), said(second, other.using.book))
    yield f"from {first.id} {first.version} to {second.id} {second.version}"
    yield ""
    yield f"Values: {len(found)} differ."
    for place, before, after in found:
        yield f"  {place}: {_changed(before, after)}"
    patients = list(differing(one, other))
    yield ""
    yield f"Worked patients: {len(patients)} of {len(worked())} are answered otherwise."
    for patient in patients:
        if patient.only_in_orders:
            continue
        yield f"  {patient.patient.id} {patient.patient.title}"
        for part, before, after in patient.parts:
            yield f"    {part}: {_moved(before, after) if part in LISTS else _changed(before, after)}"
    same_plan = [patient.patient.id for patient in patients if patient.only_in_orders]
    if same_plan:
        yield f"  The same plan, by another product, amount or day, for {len(same_plan)}: {', '.join(same_plan)}"


def _changed(before: str, after: str) -> str:
    if before == NOTHING:
        return f"new: {after}"
    return f"{before} -> gone" if after == NOTHING else f"{before} -> {after}"


def _moved(before: str, after: str) -> str:
    """Return which names of a list come (+) and go (-)."""
    old, new = (dict.fromkeys(filter(None, names.split(", "))) for names in (before, after))
    return " ".join(
        [*(f"+{name}" for name in new if name not in old), *(f"-{name}" for name in old if name not in new)]
    )
