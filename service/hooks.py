"""The services offered: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain

import msgspec

from cds_hooks.errors import InvalidContext, WrongPatient
from cds_hooks.prefetch import Page, Prefetched, State, TypedPages
from cds_hooks.registry import Call, Registry, Service
from cds_hooks.wire import Response
from service.answer import respond
from service.consult import Consultant, UnknownProtocol
from service.domain.protocol import Protocol
from service.fhir.decoding import Bundle
from service.fhir.pages import Item, Sheet, sheet, sheet_of
from service.fhir.reading import OtherPatient, unresolved_medications
from service.fhir.shapes import Readable
from service.fhir.versions import name_of
from service.prefetch import MEDICINES, REQUIRED, TITLES, templates

#: In the sandbox a request may choose its protocol under this extension key.
PROTOCOL_CHOICE = "org.b12-cds.protocol"
#: How many Medications are read one by one; more are said to be missing.
FOLLOW_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """What every service needs to answer: the consultant, the usual protocol, and the day."""

    using: Consultant
    protocol: str
    today: Callable[[], date]
    may_choose: bool = False

    def patient_view(self, call: Call) -> Response:
        """Answer patient-view: the plan or the work-up this patient needs now."""
        items: list[Item] = [*chain.from_iterable(had.resources for had in call.data.values())]
        protocol = self._protocol(call)
        try:
            answer = respond(
                self.using,
                items,
                protocol,
                self.today(),
                patient_id=call.context.patientId,
                seed=f"{call.request.hookInstance}|{protocol.id}",
                encounter=call.context.encounterId,
                unchecked=_unchecked(call),
            )
        except OtherPatient as error:
            raise WrongPatient(str(error)) from error
        return Response(cards=answer.cards, extension=answer.extension)

    def _protocol(self, call: Call) -> Protocol:
        chosen = (call.request.extension or {}).get(PROTOCOL_CHOICE) if self.may_choose else None
        if chosen is None:
            return self.using.protocol(self.protocol)
        try:
            return self.using.protocol(msgspec.json.decode(chosen, type=str))
        except (UnknownProtocol, msgspec.ValidationError) as error:
            raise InvalidContext(str(error), f"extension.{PROTOCOL_CHOICE}") from error


def registry(desk: Desk) -> Registry:
    """Return the services, with prefetch templates derived from the codes that are read."""
    view = Service(
        id="b12-patient-view",
        hook="patient-view",
        title="Vitamin B12 deficiency: cause, route and plan",
        description=(
            "Reads results, problems, medicines, allergies and procedures; says how sure a B12 deficiency is and why, "
            "and proposes draft orders for injections or tablets, with what to watch."
        ),
        answer=desk.patient_view,
        prefetch=templates(desk.using.reader.index),
        requires=REQUIRED,
        read_page=lambda raw: _page(sheet(raw)),
        typed_pages=TypedPages(Readable | Bundle, lambda value, body: _page(sheet_of(value, body))),
        follow=_medicines,
        usage_requirements=(
            "Needs the patient, and B12 results or problems, by prefetch or from an allowed FHIR R4 server. "
            "Other keys are optional: what is missing is said on the card."
        ),
    )
    return Registry([view])


def _medicines(data: Mapping[str, Prefetched]) -> tuple[str, ...]:
    """Return the Medications that orders refer to and the answers do not hold."""
    orders = (had.resources for key, had in data.items() if key in MEDICINES)
    return unresolved_medications(chain.from_iterable(orders))[:FOLLOW_LIMIT]


def _page(read: Sheet) -> Page:
    name = name_of(read.items[0]).rpartition("/")[2] if read.kind != "Bundle" and read.items else None
    return Page(kind=read.kind, id=name, resources=read.items, next=read.next, failure=read.failure)


def _unchecked(call: Call) -> tuple[str, ...]:
    """Return what could not be had, or not whole, in words for the card."""
    failed = (f"{TITLES[key]} ({had.why})" for key, had in call.data.items() if had.state is State.FAILED)
    cut = (f"{TITLES[key]}, not all of it" for key, had in call.data.items() if had.truncated)
    return tuple(chain(failed, cut))
