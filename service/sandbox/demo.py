"""What `make demo` prints: what was loaded, and a table whose rows each are one call of the service over HTTP."""

from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import NamedTuple, Protocol

import click

from service.sandbox.ehr import SandboxEhr
from service.sandbox.elements import full_name
from service.sandbox.facts import patients
from service.sandbox.loading import Loaded
from service.sandbox.wire import Json, RefusedError

WIDTH = 120
FEW = 30
GAP = "  "


class Row(NamedTuple):
    """One patient as the service sees them."""

    patient: str
    status: str
    cause: str
    plan: str


class Named(Protocol):
    """Somebody with an id on the FHIR server."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


class Person(NamedTuple):
    """A patient of whom only the name is known."""

    id: str
    name: str


HEADINGS = Row("Patient", "Status", "Cause", "Recommended plan")


def tell(loaded: Loaded) -> None:
    """Print what was loaded, and on standard error each line that was not."""
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(loaded.kinds.items()))
    click.echo(f"Loaded {loaded.total} resource{'s' * (loaded.total != 1)}: {kinds}.")
    if loaded.twice:
        click.echo(f"{loaded.twice} stood there twice in the same words.")
    for path in loaded.passed_by:
        click.echo(f"{path}: passed by, this is no JSON or NDJSON file", err=True)
    for fault in loaded.faults:
        click.echo(f"{fault}", err=True)
    if loaded.faults:
        click.echo(f"{len(loaded.faults)} not loaded: named above, each with its file and line.", err=True)


def some(ehr: SandboxEhr) -> Sequence[Named]:
    """The synthetic patients if they are there, or else the first of those that are."""
    there = [Person(each["id"], full_name(each)) for each in ehr.patients()]
    if {patient.id for patient in patients()} <= {person.id for person in there}:
        return patients()
    if len(there) > FEW:
        click.echo(f"The first {FEW} of {len(there)} patients; the page has them all.")
    return there[:FEW]


def table(ehr: SandboxEhr, patients: Iterable[Named], protocol: str | None = None) -> str:
    """Patient, status, cause and recommended plan in columns, readable at 120 characters."""
    rows = [_row(patient, ehr, protocol) for patient in patients]
    return layout([HEADINGS, *rows])


def _row(patient: Named, ehr: SandboxEhr, protocol: str | None) -> Row:
    try:
        return row(patient.name, ehr.call(patient.id, protocol).assessment)
    except RefusedError as error:
        return Row(patient.name, "refused", "-", error.text)


def row(name: str, assessment: Json) -> Row:
    """One row, taken from the assessment alone."""
    return Row(name, assessment["status"], cause(assessment), plan(assessment))


def cause(assessment: Json) -> str:
    """The causes in words, the deciding one first, with how sure it is where that is not established."""
    named = [_cause(stated) for stated in assessment.get("causes") or ()]
    return ", ".join(named) or "-"


def plan(assessment: Json) -> str:
    """The recommended option, or else why there is none as far as the notices say."""
    for option in assessment.get("options") or ():
        if option.get("recommended"):
            words = (option["regimen"], option.get("route"), option.get("drug"), option.get("duration"))
            return ", ".join(str(word) for word in words if word)
    steps = [notice for notice in assessment.get("notices") or () if notice.startswith(("workup", "refer", "safety"))]
    return f"none ({', '.join(steps)})" if steps else "none"


def layout(rows: Sequence[Row]) -> str:
    """Columns of fixed width: the first three as wide as they need, the last takes what is left."""
    limits = (24, 14, 34)
    widths = [min(limit, max(len(each[column]) for each in rows)) for column, limit in enumerate(limits)]
    widths.append(WIDTH - sum(widths) - len(GAP) * len(widths))
    lines = [line for each in rows for line in _lines(each, widths)]
    return "\n".join([lines[0], GAP.join("-" * width for width in widths), *lines[1:]])


def _lines(each: Row, widths: Sequence[int]) -> list[str]:
    """One row on as many lines as its longest cell needs."""
    cells = [_wrapped(cell, width) for cell, width in zip(each, widths, strict=True)]
    height = max(map(len, cells))
    padded = [[*cell, *[""] * (height - len(cell))] for cell in cells]
    lines = (
        GAP.join(f"{part:{width}}" for part, width in zip(parts, widths, strict=True))
        for parts in zip(*padded, strict=True)
    )
    return [line.rstrip() for line in lines]


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(text, width, break_on_hyphens=False) or [""]


def _cause(stated: Json) -> str:
    identity, mechanism = str(stated["id"]), str(stated["mechanism"])
    name = identity.replace("_", " ").replace("-", " ")
    words = name if name == mechanism.replace("-", " ") else f"{name} ({mechanism})"
    sure = stated.get("certainty")
    return words if sure in (None, "established") else f"{words}, {sure}"
