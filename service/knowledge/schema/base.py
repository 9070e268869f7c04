"""What all mapping files are made of: strict shapes, citations, codes, numbers as printed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from service.domain.terms import Letter

SYSTEMS = {
    "loinc": "http://loinc.org",
    "sct": "http://snomed.info/sct",
    "cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd10": "http://hl7.org/fhir/sid/icd-10",
    "pcs": "http://www.cms.gov/Medicare/Coding/ICD10",
    "cpt": "http://www.ama-assn.org/go/cpt",
    "rx": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "dmd": "https://dmd.nhs.uk",
    "atc": "http://www.whocc.no/atc",
}
System = Literal["loinc", "sct", "cm", "icd10", "pcs", "cpt", "rx", "dmd", "atc"]

_PRINTED = re.compile(r"^[0-9]+(\.[0-9]+)?$")


def _as_printed(value: object) -> object:
    if isinstance(value, str) and _PRINTED.match(value):
        return Decimal(value)
    raise ValueError('a number is written in quotes, exactly as printed: "0.40"')


def in_order(least: object, most: object) -> None:
    """Raise ValueError when the second of two ends is below the first."""
    if least is not None and most is not None and least > most:  # type: ignore[operator]
        raise ValueError(f"{most} is below {least}")


Printed = Annotated[Decimal, BeforeValidator(_as_printed, json_schema_input_type=str)]


def kebab(name: str) -> str:
    """Return a field's name as it is written in a file."""
    return name.replace("_", "-")


class Strict(BaseModel):
    """A mapping that refuses what it does not know."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=kebab, populate_by_name=False, str_min_length=1
    )


class Cite(Strict):
    """Where it comes from and how that was verified: V verbatim, S secondary, M memory or design."""

    source: str
    letter: Letter
    locator: str | None = None


class CodeLine(Strict):
    """One code of a code system, how far it was verified and where it was seen."""

    system: System
    code: str
    display: str
    trust: Literal["verified", "weak", "unverified"]
    seen: str
    property: str | None = None
    form: Literal["injection", "oral", "nasal"] | None = None
    note: str | None = None


class Below(Strict):
    """All codes of a classification that begin so."""

    system: Literal["cm", "icd10"]
    code: str


class CodeRef(Strict):
    """A code that stands, with its name and its trust, in findings."""

    system: System
    code: str


class Cited(Strict):
    """A whole number and where it comes from."""

    value: int = Field(ge=1)
    cite: Cite
