"""The services offered: one declaration each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain

import msgspec

from cds_hooks.errors import InvalidContext, WrongPatient
from cds_hooks.prefetch import Page, Prefetched, State, TypedPages
from cds_hooks.registry import Call, Registry, Service
from cds_hooks.wire import Response
from service.answer import Answer, respond
from service.cards.compose import matters_of
from service.consult import Consultant, UnknownProtocol
from service.domain.draft import Stage
from service.domain.protocol import Protocol
from service.fhir.decoding import Bundle
from service.fhir.pages import Item, NotFhir, Sheet, sheet, sheet_of
from service.fhir.reading import OtherPatient, unresolved_medications
from service.fhir.shapes import Readable
from service.fhir.versions import name_of
from service.memory import Memory, matters
from service.ordering import OF_AN_ORDER, OF_ORDERS, Asked, diagnosed, ordered
from service.prefetch import MEDICINES, REQUIRED, TITLES, templates

#: In the sandbox a request may choose its protocol under this extension key.
PROTOCOL_CHOICE = "org.b12-cds.protocol"
#: Whose words are not said again at signing.
SELECT = "b12-order-select"
#: How many Medications are read one by one; more are said to be missing.
FOLLOW_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Desk:
    """What every service needs to answer: the consultant, the usual protocol, and the day."""

    using: Consultant
    protocol: str
    today: Callable[[], date]
    may_choose: bool = False
    memory: Memory | None = None

    def patient_view(self, call: Call) -> Response:
        """Answer patient-view: the plan or the work-up this patient needs now."""
        items: list[Item] = [*chain.from_iterable(had.resources for had in call.data.values())]
        protocol = self._protocol(call)
        # A card's id names the patient it was made for, even to a client that uses an instance twice.
        seed = f"{call.request.hookInstance}|{call.context.patientId}|{protocol.id}"
        try:
            answer = respond(
                self.using,
                items,
                protocol,
                self.today(),
                patient_id=call.context.patientId,
                seed=seed,
                encounter=call.context.encounterId,
                unchecked=_unchecked(call),
            )
        except OtherPatient as error:
            raise WrongPatient(str(error)) from error
        call.keep((items, answer))
        cards = answer.cards
        if self.memory is not None:
            said = matters(matters_of(seed), cards)
            cards = self.memory.speak(call, answer.decision, said, self.using.book)
        return Response(cards=cards, extension=answer.extension)

    def orders(self, call: Call) -> Response:
        """Answer order-select, order-sign and medication-refill: what is wrong with the orders.

        At signing that is what was not said when they were chosen; a refill is also told what is due.
        """
        name, stage = OF_ORDERS[call.request.hook]
        asked, items = self._asked(call)
        selected = _selected(call) if stage is Stage.SELECT else None
        with _of_the_context(name):
            answer, about = ordered(asked, items, call.context.fields[name], stage, selected)
        return self._said(call, answer, about, once=SELECT if stage is Stage.SIGN else None)

    def problem_list(self, call: Call) -> Response:
        """Answer problem-list-item-create: the plan, once a B12 deficiency is put on record."""
        asked, items = self._asked(call)
        with _of_the_context("conditions"):
            answer = diagnosed(asked, items, call.context.fields["conditions"])
        return self._said(call, answer, matters_of(asked.seed))

    def _asked(self, call: Call) -> tuple[Asked, list[Item]]:
        items: list[Item] = [*chain.from_iterable(had.resources for had in call.data.values())]
        protocol, context = self._protocol(call), call.context
        seed = f"{call.request.hookInstance}|{context.patientId}|{protocol.id}|{call.request.hook}"
        unchecked = _unchecked(call)
        asked = Asked(
            self.using,
            protocol,
            self.today(),
            context.patientId,
            seed,
            context.encounterId,
            unchecked,
            call.withheld,
        )
        return asked, items

    def _said(self, call: Call, answer: Answer, about: dict[str, str], once: str | None = None) -> Response:
        cards = answer.cards
        if self.memory is not None:
            cards = self.memory.speak(
                call, answer.decision, matters(about, cards, OF_AN_ORDER), self.using.book, once=once
            )
        return Response(cards=cards, extension=answer.extension)

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
    offered = partial(
        Service,
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
    return Registry(
        [
            offered(
                id="b12-patient-view",
                hook="patient-view",
                title="Vitamin B12 deficiency: cause, route and plan",
                description=(
                    "Reads results, problems, medicines, allergies and procedures; says how sure a B12 deficiency is "
                    "and why, and proposes draft orders for injections or tablets, with what to watch."
                ),
                answer=desk.patient_view,
            ),
            offered(
                id=SELECT,
                hook="order-select",
                title="Vitamin B12 orders as they are chosen",
                description=(
                    "Looks at the selected draft orders of B12, folic acid and medicines that cause deficiency: drug, "
                    "route, dose and interval beside the cause and the hazards on record; corrects them."
                ),
                answer=desk.orders,
            ),
            offered(
                id="b12-order-sign",
                hook="order-sign",
                title="Vitamin B12 orders before they are signed",
                description=(
                    "The last look at all draft orders: what is unsafe or does not fit, with the corrected order. "
                    "What was said when an order was chosen is not said again unless the order changed."
                ),
                answer=desk.orders,
            ),
            offered(
                id="b12-problem-list-item-create",
                hook="problem-list-item-create",
                title="Vitamin B12 deficiency on the problem list",
                description="When B12 deficiency is put on the problem list: its cause, the plan, and tests to send.",
                answer=desk.problem_list,
            ),
            offered(
                id="b12-medication-refill",
                hook="medication-refill",
                title="Vitamin B12 refills",
                description=(
                    "When B12 is refilled: the order itself, injections too close together, monitoring that is due, "
                    "and whether tablets, a spray or an end of treatment may be offered."
                ),
                answer=desk.orders,
            ),
        ]
    )


@contextmanager
def _of_the_context(name: str) -> Iterator[None]:
    """Refuse what the context should not hold: no Bundle, or another patient's resource."""
    try:
        yield
    except OtherPatient as error:
        raise WrongPatient(str(error), f"context.{name}") from error
    except NotFhir as error:
        raise InvalidContext(f"context.{name}: {error}.", f"context.{name}") from error


def _selected(call: Call) -> list[str]:
    return msgspec.json.decode(call.context.fields["selections"], type=list[str])


def _medicines(data: Mapping[str, Prefetched]) -> tuple[str, ...]:
    """Return the Medications that orders refer to and the answers do not hold."""
    orders = (had.resources for key, had in data.items() if key in MEDICINES)
    return unresolved_medications(chain.from_iterable(orders))[:FOLLOW_LIMIT]


def _page(read: Sheet) -> Page:
    name = name_of(read.items[0]).rpartition("/")[2] if read.kind != "Bundle" and read.items else None
    return Page(kind=read.kind, id=name, resources=read.items, next=read.next, failure=read.failure)


def _unchecked(call: Call) -> tuple[str, ...]:
    """Return what could not be had, or not whole, in words for the card."""
    lacking = [(key, had) for key, had in call.data.items() if had.why is not None]
    failed = (f"{TITLES[key]} ({had.why})" for key, had in lacking if had.state is State.FAILED)
    cut = (f"{TITLES[key]}, not all of it" for key, had in lacking if had.truncated)
    return tuple(chain(failed, cut))
