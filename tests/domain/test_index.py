"""How codes become facts: below a chapter, with or without the dot, and by the name of a product."""

from __future__ import annotations

from dataclasses import replace

import pytest

from service.domain.record import Concept
from tests.medicine.test_sharp import KNOWN

ICD, OTHER = "http://hl7.org/fhir/sid/icd-10", "http://snomed.info/sct"
CHAPTER, EXACT, DRUG, OTHER_DRUG = (Concept(name, name) for name in ("chapter", "exact", "drug", "other"))
INDEX = replace(
    KNOWN.index,
    concepts={(ICD, "D51.0"): EXACT},
    below=((ICD, "K509", CHAPTER),),
    ingredients={"folic": (("folic acid", DRUG),), "cobamamide": (("cobamamide", OTHER_DRUG),)},
)


@pytest.mark.parametrize(
    ("system", "code", "found"),
    [
        (ICD, "D51.0", EXACT),
        (ICD, "D51.01", None),
        (ICD, "K50.9", CHAPTER),
        (ICD, "K5091", CHAPTER),
        (ICD, "K50.911", CHAPTER),
        (ICD, "K50.8", None),
        (OTHER, "K50.9", None),
        (OTHER, "D51.0", None),
    ],
)
def test_a_code_is_found_itself_or_below_its_chapter(system: str, code: str, found: Concept | None) -> None:
    assert INDEX.concept(system, code) is found


@pytest.mark.parametrize(
    ("code", "name", "found"),
    [
        ("1", "Folic acid 1 MG Oral Tablet", DRUG),
        ("1", "Cobamamide", OTHER_DRUG),
        ("1", "Folic and other acids", None),
        ("1", None, None),
        ("1", "", None),
        ("", "Cobamamide", None),
    ],
)
def test_a_coded_product_is_known_by_the_ingredient_in_its_name(code: str, name: str | None, found: object) -> None:
    assert INDEX.medicine(OTHER, code, name) is found
