"""Cards by the rule that they rest on, counted as they leave a service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cds_hooks.registry import Call, Service
from cds_hooks.wire import Response
from service.switched import rule_of
from service.watch.metrics import Metrics

NO_RULE = "none"


def counted(service: Service, metrics: Metrics) -> Service:
    """Return the service with its cards counted."""
    answer: Callable[[Call], Response] = service.answer

    def counting(call: Call) -> Response:
        response = answer(call)
        if response.cards:
            indicators = tuple(card.indicator.value for card in response.cards)
            metrics.said(service.id, rule_of(response.extension) or NO_RULE, call.silent, indicators)
        return response

    return replace(service, answer=counting)
