"""Every resource the service gives to be written: what its cards propose, and the drafts of its page."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

from service.domain.decision import Decision
from service.evaluate import evaluate_document, shipped
from service.fhir.pages import sheet
from service.sandbox.patients import SandboxPatient, bundle
from service.smart.calendar import plan
from service.smart.choice import Choice, Chosen, allowed, bases
from service.smart.drafts import drafts_of

Json = dict[str, Any]


def proposed(patient: SandboxPatient, protocol: str, today: date) -> Iterator[Json]:
    """The resources in the suggestions of a patient's cards."""
    chart = json.dumps(bundle(patient, today)).encode()
    for card in evaluate_document(chart, protocol=protocol, today=today)["cards"]:
        for suggestion in card.get("suggestions", ()):
            yield from (action["resource"] for action in suggestion["actions"] if "resource" in action)


def drafted(patient: SandboxPatient, protocol: str, today: date) -> Iterator[tuple[Json, ...]]:
    """For each plan that may be chosen, its drafts, the CarePlan last; for none, those of the missing tests."""
    decision = decided(patient, protocol, today)
    book = shipped().book
    choices = [allowed(decision, book, Choice(base.option.regimen.id, base.option.route)) for base in bases(decision)]
    chosen: list[Chosen | None] = [each for each in choices if isinstance(each, Chosen)]
    for each in chosen or [None]:
        dated = plan(each.dated, decision, book, moved=each.base.moved) if each is not None else None
        yield drafts_of(decision, book, each, dated, patient.id)


def decided(patient: SandboxPatient, protocol: str, today: date) -> Decision:
    """The decision on a chart."""
    using = shipped()
    items = sheet(json.dumps(bundle(patient, today)).encode()).items
    return using.consult(items, using.protocol(protocol), today)


def content(resource: Json, but: Collection[str]) -> Json:
    """What a resource says, without what a server or a signature adds."""
    return {key: value for key, value in resource.items() if key not in but}
