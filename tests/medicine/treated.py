"""A patient on treatment in a few words: what they take, since when, and what the laboratory says since."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from service.answer import Answer
from service.domain.decision import Decision
from service.evaluate import evaluate, shipped
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.render import bundle
from tests.chart.resources import months_before
from tests.vignettes import TODAY

HYDROXO, CYANO = "hydroxocobalamin_injection", "cyanocobalamin_injection"
TABLETS = "cyanocobalamin_oral_1mg"
PERNICIOUS = ["pernicious_anaemia"]


def on(product: str, days: int, every: tuple[int, str]) -> dict[str, Any]:
    """B12 begun so many days ago: the facts count in months, and a fraction of a month in 30ths."""
    return {"product": product, "every": list(every), "months": months(days)}


def months(days: int) -> float:
    """As many months as lead back by these days from the vignettes' today."""
    whole = next(n for n in range(200, -1, -1) if (TODAY - months_before(TODAY, n)).days <= days)
    return whole + min((days - (TODAY - months_before(TODAY, whole)).days) / 30, 0.999)


def lab(analyte: str, value: float, unit: str, days_ago: int, **more: Any) -> dict[str, Any]:
    return {"analyte": analyte, "value": value, "unit": unit, "days_ago": days_ago, **more}


def answered(protocol: str, **facts: Any) -> Answer:
    chart = bundle(msgspec.convert({"age": 60} | facts, Facts), TODAY, Choice.nth(0))
    return evaluate(json.dumps(chart).encode(), protocol=protocol, today=TODAY, using=shipped())


def decided(protocol: str, **facts: Any) -> Decision:
    return answered(protocol, **facts).decision
