"""Whether a dose can be meant: beside every dose that is printed for its drug and its kind of route."""

from __future__ import annotations

from decimal import Decimal

import pytest

from service.domain.doses import looks_like_a_slip, printed
from service.domain.record import Concept, Course, Exposure, Form, Measure
from tests.medicine.test_sharp import BOOK, UK

FACTOR = UK.limits.dose_slip_factor
FORMS = {True: Form.INJECTION, False: Form.ORAL}


def ordered(drug: str, form: Form, dose: Decimal | None, comparator: str = "") -> Exposure:
    measure = Measure(dose, "ug", comparator) if dose is not None else None
    return Exposure(Concept(drug, drug), "MedicationRequest/m", Course.ACTIVE, form, None, None, dose=measure)


def slip(*said: object) -> bool:
    return looks_like_a_slip(ordered(*said), BOOK, UK.limits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("drug", "injected", "least", "most"),
    [
        ("cyanocobalamin", True, 100, 1000),
        ("cyanocobalamin", False, 50, 2000),
        ("hydroxocobalamin", True, 30, 1000),
    ],
)
def test_a_dose_far_beyond_the_printed_ones_of_its_drug_and_route_is_a_slip(
    drug: str, injected: bool, least: int, most: int
) -> None:
    doses, form = set(printed(BOOK, drug, injected=injected)), FORMS[injected]
    assert (min(doses), max(doses)) == (least, most)

    assert [slip(drug, form, dose) for dose in (most * FACTOR, most * FACTOR + 1)] == [False, True]
    assert [slip(drug, form, dose) for dose in (least / FACTOR, least / FACTOR - Decimal("0.001"))] == [False, True]


def test_what_cannot_be_compared_is_no_slip() -> None:
    huge = Decimal(10) ** 9

    assert not set(printed(BOOK, "hydroxocobalamin", injected=False))
    assert not slip("hydroxocobalamin", Form.ORAL, huge)
    assert not slip("cyanocobalamin", Form.UNKNOWN, huge)
    assert not slip("cyanocobalamin", Form.ORAL, None)
    assert not slip("cyanocobalamin", Form.ORAL, huge, ">")
