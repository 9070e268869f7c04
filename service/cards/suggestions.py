"""What can be accepted: a plan with all its orders, or the tests that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from cds_hooks.wire import Action, ActionType, Suggestion
from service.cards.plan import Remarks, noted, remarks_of
from service.cards.text import capital, listed
from service.domain.decision import Decision
from service.domain.offers import Kind
from service.domain.orders import Order, Schedule
from service.domain.protocol import Book, Investigation
from service.domain.record import Exposure, Form
from service.domain.terms import Modifier, Role, Status
from service.fhir.writing import Circumstances, medication_requests, service_requests
from service.ids import Space, part_of

_SUGGESTION = Space("urn:b12-cds:suggestion")
_MOVED = {Kind.TABLETS: "tablets", Kind.NASAL: "the nasal spray"}


def orders(
    decision: Decision, book: Book, about: Circumstances, original: Callable[[str], dict[str, Any] | None]
) -> tuple[Suggestion, ...]:
    """Return a suggestion for each option; none while a draft waits to be signed."""
    if decision.evidence.therapy.drafts:
        return ()
    tablets = [e for e in decision.evidence.therapy.active if e.form is not Form.INJECTION]
    stops = stopping(tablets, "injections", original) if decision.plan.replaces_therapy else ()
    remarks = remarks_of(book)
    return tuple(_suggestion(dated, about, stops, remarks) for _, dated in decision.schedules)


def moves(
    decision: Decision, book: Book, about: Circumstances, original: Callable[[str], dict[str, Any] | None]
) -> tuple[Suggestion, ...]:
    """Return a suggestion for each move a stable patient may be offered: it stops the injections and starts the other.

    For where it is asked for; a card at patient-view never carries one (decisions, section 5).
    """
    remarks = remarks_of(book)
    return tuple(
        _suggestion(offer.dated, about, stopping(offer.stops, _MOVED[offer.kind], original), remarks)
        for offer in decision.offers
        if offer.dated is not None
    )


def tests(decision: Decision, about: Circumstances) -> tuple[Suggestion, ...]:
    """Return a suggestion for each missing test, to be picked freely."""
    wanted = decision.investigations
    creates = [
        Action(type=ActionType.CREATE, description=f"Create a draft order for {test.title}", resource=resource)
        for test, resource in zip(wanted, service_requests(wanted, about), strict=True)
    ]
    uuids = [part_of(about.seed, _SUGGESTION, test.id) for test in wanted]
    labels = [f"Order: {test.title}{_after(test, decision) if test.after else ''}" for test in wanted]
    return tuple(
        [
            Suggestion(label=label, uuid=uuid, actions=(create,))
            for label, uuid, create in zip(labels, uuids, creates, strict=True)
        ]
    )


def _after(test: Investigation, decision: Decision) -> str:
    """Return what is to be known before a test, as far as it is asked for too."""
    first = [i.title for i in decision.investigations if i.id in test.after]
    return f", after {listed(first)}" if first else ""


def _suggestion(dated: Schedule, about: Circumstances, stops: tuple[Action, ...], remarks: Remarks) -> Suggestion:
    regimen = dated.option.regimen.id
    label, descriptions, ordered = _words(dated, remarks)
    resources = medication_requests(ordered, regimen, about)
    creates = [
        Action(type=ActionType.CREATE, description=description, resource=resource)
        for description, resource in zip(descriptions, resources, strict=True)
    ]
    return Suggestion(
        label=label,
        uuid=part_of(about.seed, _SUGGESTION, regimen),
        isRecommended=dated.option.recommended,
        actions=(*stops, *creates),
    )


@lru_cache(maxsize=1024)
def _words(dated: Schedule, remarks: Remarks) -> tuple[str, tuple[str, ...], tuple[tuple[Order, str | None], ...]]:
    """Return a suggestion's label, a description of each action, and each order with its note: alike for everybody."""
    option = dated.option
    # The reference EHR does not show isRecommended: the label says it too.
    label = capital(option.regimen.title).rstrip(".")
    return (
        f"Recommended: {label}" if option.recommended else label,
        tuple(f"Create a draft order: {order.step.text}" for order in dated.orders),
        noted(dated, remarks),
    )


def stopping(
    replaced: Iterable[Exposure], by: str, original: Callable[[str], dict[str, Any] | None]
) -> tuple[Action, ...]:
    """Return the updates that stop what is replaced; what is not an order is only said."""
    stops = []
    for exposure in replaced:
        known = original(exposure.resource)
        if known is not None and known.get("resourceType") == "MedicationRequest":
            reason = {"statusReason": {"text": f"Replaced by {by}"}} if by else {}
            stopped = known | {"status": "stopped", **reason}
            words = f"Stop {exposure.concept.title} ({exposure.resource})"
            stops.append(Action(type=ActionType.UPDATE, description=words, resource=stopped))
    return tuple(stops)


def circumstances(decision: Decision, book: Book, patient: str, encounter: str | None, seed: str) -> Circumstances:
    """Return what every order of one answer shares."""
    verdict, evidence = decision.assessment, decision.evidence
    basis = [reference for attribution in verdict.causes for reference in attribution.basis]
    diagnoses = [p.resource for p in evidence.record.active_problems(Role.B12_DIAGNOSIS)]
    conditions = dict.fromkeys(r for r in [*basis, *diagnoses] if r.startswith("Condition/"))
    seen = [result.resource for result in verdict.basis]
    supporting = dict.fromkeys(r for r in [*seen, *basis] if _relative(r) and r not in conditions)
    cause = verdict.causes[0].cause.title if verdict.causes else "cause not determined"
    prevention = "Prevention of vitamin B12 deficiency" if verdict.prevention else "Vitamin B12 deficiency"
    confirmed, treated = verdict.status is Status.CONFIRMED, verdict.status is Status.ON_TREATMENT
    stands = ", on treatment" if treated else "" if confirmed or verdict.prevention else ", not settled"
    pressing = Modifier.NEUROLOGICAL in decision.modifiers or Modifier.SEVERE_ANAEMIA in decision.modifiers
    return Circumstances(
        patient=patient,
        encounter=encounter,
        today=evidence.today,
        seed=seed,
        reason=f"{prevention}{stands}: {cause}",
        topic=book.wording.topic if confirmed else None,
        conditions=tuple(conditions),
        supporting=tuple(supporting),
        urgent=pressing and (verdict.start_now or decision.unstable),
        routes=book.routes,
    )


def _relative(reference: str) -> bool:
    return "/" in reference and ":" not in reference
