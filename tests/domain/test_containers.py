"""How many containers an order needs: an opened ampoule is not kept, a vial is drawn from until it is empty."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from service.domain.orders import Order, schedule
from service.domain.protocol import Pack
from service.domain.recommend import Option
from service.knowledge.load import load

BOOK = load().book
LABEL = BOOK.protocols["us-label"]


def first_order() -> Order:
    """Thirty micrograms of a solution of 1 mg/mL, ten times."""
    regimen = LABEL.leber
    assert regimen is not None
    drugs = tuple((regimen.drug, regimen.routes[0]) for _ in regimen.steps)
    dated = schedule(
        Option(regimen, regimen.routes[0], regimen.steps, drugs, recommended=True),
        LABEL,
        date(2026, 11, 22),
        pregnant=False,
    )
    assert dated is not None
    return dated.orders[0]


def of(order: Order, pack: Pack | None) -> int | None:
    return replace(order, product=replace(order.product, pack=pack)).containers


@pytest.mark.parametrize(
    ("holds", "single_use", "count"), [("1", True, 10), ("1", False, 1), ("0.02", True, 20), ("0.1", False, 3)]
)
def test_ten_doses_of_three_hundredths_of_a_millilitre(holds: str, single_use: bool, count: int) -> None:
    order = first_order()
    pack = Pack(Decimal(holds), "ampoule", "ampoules", single_use)

    assert (order.doses, order.low) == (10, Decimal("0.03"))
    assert of(order, pack) == count


def test_where_the_pack_is_not_known_nothing_is_counted() -> None:
    assert of(first_order(), None) is None
