"""The plan of each shipped protocol in the situations that tell its stages apart, and its orders of one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from service.domain.orders import Order, Schedule, schedule
from service.domain.protocol import Protocol
from service.domain.recommend import STAGES, Option, Plan, choose
from service.domain.situation import CHANGING, ROW_RULES, STOPS, Situation
from service.domain.terms import Mechanism, Modifier
from service.knowledge.load import load

_DAY = date(2026, 2, 28)
FILE = Path(__file__).parent / "plans.txt"
_MECHANISMS = (Mechanism.DIETARY, Mechanism.AUTOIMMUNE_GASTRITIS, Mechanism.ILEAL_RESECTION, Mechanism.UNDETERMINED)
_BLEEDS, _LEBER, _NEURO = Modifier.BLEEDING_RISK, Modifier.LEBER, Modifier.NEUROLOGICAL
#: What is true of the patient besides, by the words that a line begins with.
_BESIDES: dict[str, dict[str, Any]] = {
    "nothing else": {},
    "unlikely": {"unlikely": True},
    "prevention": {"prevention": True},
    "prevention, treated elsewhere": {"prevention": True, "treated_elsewhere": True},
    "extent unknown": {"extent_unknown": True},
    "anticoagulated": {"anticoagulated": True},
    "unjudged": {"unjudged": True},
    "injected": {"injected": True},
    "by mouth": {"by_mouth_or_nose": True},
    "form unknown": {"form_unknown": True},
    **{modifier.value: {"modifiers": frozenset({modifier})} for modifier in sorted(CHANGING)},
    "bleeding, neurological": {"modifiers": frozenset({_BLEEDS, _NEURO})},
    "bleeding, severe anaemia": {"modifiers": frozenset({_BLEEDS, Modifier.SEVERE_ANAEMIA})},
    "bleeding, leber": {"modifiers": frozenset({_BLEEDS, _LEBER})},
    "bleeding, by mouth": {"modifiers": frozenset({_BLEEDS}), "by_mouth_or_nose": True},
    "bleeding, prevention": {"modifiers": frozenset({_BLEEDS}), "prevention": True},
    "leber, neurological": {"modifiers": frozenset({_LEBER, _NEURO})},
    "leber, by mouth": {"modifiers": frozenset({_LEBER}), "by_mouth_or_nose": True},
    "leber, prevention": {"modifiers": frozenset({_LEBER}), "prevention": True},
    "neurological, pregnant": {"modifiers": frozenset({_NEURO, Modifier.PREGNANCY})},
    "neurological, adherence": {"modifiers": frozenset({_NEURO, Modifier.ADHERENCE})},
    "neurological, prevention": {"modifiers": frozenset({_NEURO}), "prevention": True},
    "neurological, treated elsewhere": {
        "modifiers": frozenset({_NEURO}),
        "prevention": True,
        "treated_elsewhere": True,
    },
    "neurological, unlikely": {"modifiers": frozenset({_NEURO}), "unlikely": True},
}


def written() -> str:
    """What is asked in turn, then all lines, under a heading for each protocol."""
    book = load().book
    drugs = tuple(book.drugs.values())
    plans = "".join(line for p in book.protocols.values() for line in _of(p, drugs))
    return "".join(f"- {each.says}\n" for each in (*STOPS, *ROW_RULES, *STAGES)) + plans


def _of(protocol: Protocol, drugs: Any) -> Iterator[str]:
    yield f"# {protocol.id}\n"
    offered: dict[Option, None] = {}
    for mechanism in _MECHANISMS:
        for besides, what in _BESIDES.items():
            plan = choose(protocol, Situation(mechanism, **what), drugs)
            offered |= dict.fromkeys(plan.options)
            yield f"{mechanism.value}, {besides}: {_told(plan)}\n"
    schedules = (_dated(option, schedule(option, protocol, _DAY, pregnant=False)) for option in offered)
    yield from (f"{line}\n" for line in sorted(set(schedules)))


def _dated(option: Option, dated: Schedule | None) -> str:
    head = f"{option.regimen.id} {option.route.value}"
    if dated is None:
        return f"{head}: no product gives it"
    starts = " ".join(start.isoformat() if start else "-" for start in dated.starts)
    return f"{head}: {'; '.join(map(_order, dated.orders))} | steps {starts} | review {dated.review.isoformat()}"


def _order(order: Order) -> str:
    amount = f"{order.low} to {order.high}" if order.high is not None else f"{order.low}"
    signs = [
        "open" if order.open_ended else "",
        "immeasurable" if order.immeasurable else "",
        f"first after {order.first_after}" if order.first_after else "",
    ]
    said = f"{order.number}. {order.start.isoformat()} to {order.end.isoformat()}, {order.doses} x {amount}"
    return ", ".join(
        [f"{said} = {order.quantity} {order.product.unit_many} of {order.product.text}", *filter(None, signs)]
    )


def _told(plan: Plan) -> str:
    ends = [f"row {plan.row}"] if plan.row else []
    ends += ["for what is taken"] if plan.replaces_therapy else []
    return " | ".join([*map(_option, plan.options), *([plan.none_because] if plan.none_because else []), *ends])


def _option(option: Option) -> str:
    steps = [
        " ".join(
            word
            for word in (
                step.text,
                f"({drug} {route.value})",
                f"[{step.begins_if}]" if step.begins_if else "",
                f"<{step.ends_when}>" if step.ends_when else "",
            )
            if word
        )
        for step, (drug, route) in zip(option.steps, option.drugs, strict=True)
    ]
    signs = ("*" if option.recommended else "", "off-label" if option.off_label else "")
    bridge = f"until {option.bridge_to.id}" if option.bridge_to else ""
    head = " ".join(word for word in (*signs, option.regimen.id, option.route.value, bridge) if word)
    return f"{head}: {'; '.join([*steps, *([option.then_words] if option.then_words else [])])}"
