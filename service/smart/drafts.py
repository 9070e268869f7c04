"""A chosen plan as drafts: what would be written to the EHR, written once, and read back as it stands there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.json import decode

from service.cards.plan import noted, remarks_of
from service.cards.suggestions import circumstances
from service.cards.text import capital, day
from service.domain.decision import Decision
from service.domain.protocol import Book
from service.fhir.careplan import Planned, Words, care_plan, place, transaction, urn, urns
from service.fhir.gate import check
from service.fhir.writing import Circumstances, medication_requests, service_requests
from service.smart.calendar import Plan
from service.smart.choice import Chosen
from service.smart.scopes import WRITTEN, allows

Json = dict[str, Any]
#: What servers add to a resource.
_ADDED = frozenset({"meta", "text"})


class Ehr(Protocol):
    """The FHIR server of a session, as far as it is written to."""

    def read(self, reference: str) -> Json:
        """Return a resource."""

    def search(self, url: str) -> Json:
        """Return a searchset."""

    def transaction(self, bundle: Json) -> Json:
        """Return the answer to a transaction."""


class NotAllowed(Exception):
    """The session's scopes do not allow writing; the message names what is missing."""

    def __init__(self, kinds: Collection[str]) -> None:
        self.kinds = tuple(kinds)
        super().__init__(f"writing {', '.join(kinds)} was not allowed when the app was opened")


class Unsigned(Exception):
    """Another draft of B12 waits to be signed; the message names it."""


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in the EHR after writing, read back; `new` counts what was not there before."""

    resources: tuple[Json, ...]
    new: int


def drafts_of(
    decision: Decision, book: Book, chosen: Chosen | None, plan: Plan | None, patient: str
) -> tuple[Json, ...]:
    """Return the drafts of a chosen plan and of the tests that are missing, the CarePlan last; none for neither.

    The same patient, protocol and plan give the same names, so that writing twice is writing once.
    """
    if decision.evidence.record.deceased:
        return ()
    about = _about(decision, book, chosen, patient)
    orders = _orders(chosen, book, about) if chosen is not None else ()
    tests = tuple(map(decode, service_requests(decision.investigations, about)))
    if not orders and not tests:
        return ()
    start = plan.start if plan is not None and plan.courses else decision.evidence.today
    end = plan.review if plan is not None else decision.evidence.today
    planned = [Planned(v.words, v.first, v.last) for v in plan.visits] if plan is not None else []
    if plan is not None and plan.courses:
        planned.append(Planned("Review: does it work, and how does treatment go on?", plan.review, plan.review))
    words = _words(decision, chosen, plan, about)
    whole = care_plan(words, (*orders, *tests), planned, about, start, max(start, end))
    return (*orders, *tests, whole)


def missing_scopes(scopes: Iterable[str], drafts: Iterable[Json]) -> tuple[str, ...]:
    """Return the kinds among some drafts that a session may not create."""
    granted, kinds = tuple(scopes), {d["resourceType"] for d in drafts}
    return tuple(kind for kind in WRITTEN if kind in kinds and not allows(granted, kind, "c"))


def others_unsigned(decision: Decision, drafts: Iterable[Json], original: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the drafts of B12 on record that are not the ones to be written."""
    own = {urn(draft) for draft in drafts}
    waiting = [e.resource for e in decision.evidence.therapy.drafts]
    return tuple(name for name in waiting if own.isdisjoint(urns(original.get(name, {}))))


def write(ehr: Ehr, scopes: Iterable[str], drafts: tuple[Json, ...]) -> Written:
    """Return what stands in the EHR once the drafts are written, all or none; what was there is left as it is.

    Raises NotAllowed for scopes that lack it and gate.GateError for a faulty draft, before anything is sent.
    """
    lacking = missing_scopes(scopes, drafts)
    if lacking:
        raise NotAllowed(lacking)
    answer = ehr.transaction(transaction(drafts))
    told = [entry.get("response") or {} for entry in answer.get("entry") or ()]
    new = sum(str(each.get("status", "")).startswith("201") for each in told)
    return Written(read_back(ehr, drafts, [str(each.get("location") or "") for each in told]), new)


def read_back(ehr: Ehr, drafts: tuple[Json, ...], locations: Iterable[str] = ()) -> tuple[Json, ...]:
    """Return the drafts as they stand in the EHR: by where the server put them, else by their names."""
    places = dict(zip((urn(d) for d in drafts), locations, strict=False))
    return tuple(found for draft in drafts if (found := _stands(ehr, draft, places.get(urn(draft), ""))) is not None)


def unlike(drafts: tuple[Json, ...], found: tuple[Json, ...]) -> dict[str, tuple[str, ...]]:
    """Return, by the `Type/id` of each resource read back, what in it is faulty or is not as it was drafted.

    Its status may have changed since, and an entry's urn:uuid has become the resource's own reference.
    """
    named = {place(r): f"{r['resourceType']}/{r['id']}" for r in found if urns(r)}
    sent = {urn(draft): draft for draft in drafts}
    told = {}
    for resource in found:
        draft = next((sent[name] for name in urns(resource) if name in sent), {})
        changed = [k for k, v in draft.items() if k != "status" and _settled(v, named) != resource.get(k)]
        plain = {key: value for key, value in resource.items() if key not in _ADDED}
        told[f"{resource['resourceType']}/{resource['id']}"] = (
            *check(plain),
            *(f"{key} is not as drafted" for key in changed),
        )
    return told


def _settled(value: Any, named: Mapping[str, str]) -> Any:
    """Return a part of a draft as a server keeps it: references to entries are references to resources."""
    if isinstance(value, dict):
        return {
            k: named.get(v, v) if k == "reference" and isinstance(v, str) else _settled(v, named)
            for k, v in value.items()
        }
    return [_settled(each, named) for each in value] if isinstance(value, list) else value


def _stands(ehr: Ehr, draft: Json, location: str) -> Json | None:
    kind, name = draft["resourceType"], urn(draft)
    # A location is absolute or relative, with a version or without.
    parts = location.partition("/_history/")[0].rstrip("/").split("/")
    if len(parts) > 1 and parts[-2] == kind:
        return ehr.read(f"{kind}/{parts[-1]}")
    found = ehr.search(f"{kind}?identifier=urn:ietf:rfc:3986%7C{name}")
    each = (entry.get("resource") or {} for entry in found.get("entry") or ())
    return next((r for r in each if r.get("resourceType") == kind and name in urns(r)), None)


def _about(decision: Decision, book: Book, chosen: Chosen | None, patient: str) -> Circumstances:
    about = circumstances(decision, book, patient, None, "")
    parts = [patient, decision.protocol.id]
    if chosen is not None and chosen.dated.orders:
        orders = chosen.dated.orders
        parts += [chosen.option.regimen.id, orders[0].start.isoformat()]
        parts += [f"{o.drug} {o.route} {o.product.id} {o.step.text}" for o in orders]
    else:
        parts += [test.id for test in decision.investigations]
    return circumstances(decision, book, patient, about.encounter, "|".join(parts))


def _orders(chosen: Chosen, book: Book, about: Circumstances) -> tuple[Json, ...]:
    ordered = noted(chosen.dated, remarks_of(book))
    return tuple(map(decode, medication_requests(ordered, chosen.option.regimen.id, about)))


def _words(decision: Decision, chosen: Chosen | None, plan: Plan | None, about: Circumstances) -> Words:
    if chosen is None or plan is None:
        return Words("Tests for vitamin B12 deficiency", capital(about.reason))
    steps = [f"{c.order.step.phase.value} {c.order.step.text} from {day(c.order.start)}" for c in plan.courses]
    steps += [f"{each.begins}, {each.step.text}" for each in plan.later]
    notes = [capital(sentence) for sentence in plan.watched]
    notes += [f"When this is signed, stop {e.concept.title} ({e.resource})." for e in stopped(decision, chosen)]
    return Words(
        f"Vitamin B12: {chosen.option.regimen.title}",
        f"{capital(about.reason)} {capital('; '.join(steps))}",
        tuple(notes),
    )


def stopped(decision: Decision, chosen: Chosen) -> tuple[Any, ...]:
    """Return the treatments on record that this plan replaces; a draft stops nothing, so it is said."""
    if chosen.base.moved:
        return chosen.base.stops
    return decision.evidence.therapy.active if decision.plan.replaces_therapy else ()
