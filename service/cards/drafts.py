"""What is said of unsigned orders: one card a matter, and what puts the orders right in one click."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cds_hooks.wire import Action, ActionType, Card, Indicator, SelectionBehavior, Suggestion
from service.cards.compose import Told, card
from service.cards.plan import plan
from service.cards.suggestions import circumstances, orders, stopping, tests
from service.cards.text import bullets, capital, escaped, fitted, listed
from service.cards.therapy import GIVEN, dose_said, often_said
from service.domain.draft import Draft
from service.domain.faults import Finding, Kind, Remedy, Urgency
from service.domain.pace import Change, regimens
from service.domain.record import Form
from service.domain.review import Matter
from service.domain.terms import Route
from service.ids import Space, part_of

Json = dict[str, Any]
Corrects = Callable[[Json, Change], Json]
_INDICATORS = {
    Urgency.CRITICAL: Indicator.CRITICAL,
    Urgency.WARNING: Indicator.WARNING,
    Urgency.INFO: Indicator.INFO,
}
_GONE = (Remedy.REMOVE, Remedy.REPLACE)
_PLANNED = (Remedy.REPLACE, Remedy.ADD)
_SUGGESTION = Space("urn:b12-cds:suggestion")


@dataclass(frozen=True, slots=True)
class Originals:
    """The orders as they were sent, by `Type/id`, and how one is put right."""

    orders: Mapping[str, Json]
    corrects: Corrects


def card_of(matter: Matter, told: Told, originals: Originals) -> Card:
    """Return the card of one matter."""
    suggestions = _suggestions(matter, told, originals)
    remedies = {finding.remedy for finding in matter.findings}
    together = remedies <= {*_GONE, Remedy.ADD, Remedy.STOP}
    return card(
        f"draft|{matter.kind.value}",
        told,
        _summary(matter, told),
        _detail(matter, told),
        _INDICATORS[matter.urgency],
        suggestions,
        SelectionBehavior.AT_MOST_ONE if together else SelectionBehavior.ANY,
    )


def _says(kind: Kind, told: Told) -> str:
    return told.book.wording.phrases[f"draft-{kind.value}"]


def _title(draft: Draft) -> str:
    chief = draft.b12 or draft.medicines[0]
    return chief.concept.title


def _summary(matter: Matter, told: Told) -> str:
    titles = capital(listed(dict.fromkeys(_title(draft) for draft in matter.drafts)))[:-1]
    return fitted([f"{titles}: {_says(matter.kind, told)}"])


def _detail(matter: Matter, told: Told) -> str:
    decision, book = told.decision, told.book
    planned = any(finding.remedy in _PLANNED for finding in matter.findings)
    blocks = [
        bullets("Not signed yet", (_course(draft) for draft in matter.drafts)),
        bullets("What is wrong", _wrong(matter, told)),
        told.common.found,
        told.common.cause,
        *(plan(decision, book) if planned else ()),
        bullets("Not read", _unread(matter, told)),
        told.common.unknown,
        told.common.basis,
    ]
    return "\n\n".join(block for block in blocks if block)


def _wrong(matter: Matter, told: Told) -> Iterator[str]:
    for finding in matter.findings:
        why = f" ({escaped(finding.why)})" if finding.why else ""
        yield capital(_says(finding.kind, told).rstrip(".") + why)
        off_label = any(Route.SUBCUTANEOUS in r.off_label for r in _regimens(finding, told))
        if finding.change is not None and finding.change.route is Route.SUBCUTANEOUS and off_label:
            yield told.book.wording.phrases["off-label"]


def _regimens(finding: Finding, told: Told) -> tuple[Any, ...]:
    b12 = finding.draft.b12
    return regimens(told.decision, b12.concept.id) if b12 is not None else ()


def _unread(matter: Matter, told: Told) -> Iterator[str]:
    says = told.book.wording.phrases
    for draft in matter.drafts:
        yield from (f"{element} ({escaped(draft.name)})" for element in draft.unread)
        if not draft.can_change:
            yield says["draft-without-id"]


def _course(draft: Draft) -> str:
    """Return a draft in words, as far as it could be read."""
    told = []
    for e in draft.medicines:
        interval = often_said(e.every_days) if e.every_days is not None else ""
        form = GIVEN.get(e.form, "") if e.form is not Form.UNKNOWN else ""
        parts = [f"{e.concept.title} {dose_said(e.dose)}".strip(), form, interval]
        told.append(", ".join(part for part in parts if part))
    return f"{'; '.join(told)} ({escaped(draft.name)})"


def _suggestions(matter: Matter, told: Told, originals: Originals) -> tuple[Suggestion, ...]:
    gone = {f.draft.name: f.draft for f in matter.findings if f.remedy in _GONE}
    of = _Of(matter, told, originals)
    if gone:
        return (*of.instead(tuple(gone.values())), *of.corrections(set(gone)))
    if matter.findings[0].remedy is Remedy.TEST:
        return of.asked()
    if matter.findings[0].remedy is Remedy.ADD:
        return of.plans(())
    return of.corrections(set())


@dataclass(frozen=True, slots=True)
class _Of:
    """Makes the suggestions of one matter; ids are its own, so that two cards never share one."""

    matter: Matter
    told: Told
    originals: Originals

    @property
    def seed(self) -> str:
        return f"{self.told.address.seed}|draft|{self.matter.kind.value}"

    def plans(self, first: tuple[Action, ...]) -> tuple[Suggestion, ...]:
        """Return the options of the plan, each after the actions that make room for it."""
        told, decision = self.told, self.told.decision
        about = circumstances(decision, told.book, told.address.patient, told.address.encounter, self.seed)
        made = orders(decision, told.book, about, told.address.original)
        if self.matter.kind is Kind.ORAL_SERVES:
            routes = [option.route for option, _ in decision.schedules]
            made = tuple(s for s, route in zip(made, routes, strict=False) if not route.injected)
        return tuple(msgspec.structs.replace(s, actions=first + s.actions) for s in made)

    def instead(self, drafts: tuple[Draft, ...]) -> tuple[Suggestion, ...]:
        """Return what takes the place of drafts that must go: the plan, or nothing."""
        gone = tuple(a for draft in drafts if (a := away(draft, self.originals)) is not None)
        if len(gone) < len(drafts):
            return ()
        replaced = any(f.remedy is Remedy.REPLACE for f in self.matter.findings)
        names = listed(dict.fromkeys(_title(draft) for draft in drafts))
        removal = Suggestion(
            label=f"Remove the draft: {names}", uuid=part_of(self.seed, _SUGGESTION, "remove"), actions=gone
        )
        return (self.plans(gone) if replaced else ()) or (removal,)

    def corrections(self, but: set[str]) -> tuple[Suggestion, ...]:
        """Return one suggestion for each draft that stays: all its changes at once, and what it takes the place of.

        What runs already is stopped once, whichever of several drafts takes its place.
        """
        by_draft = {d: [f for f in self.matter.findings if f.draft.name == d.name] for d in self.matter.drafts}
        staying = {draft: mine for draft, mine in by_draft.items() if draft.name not in but}
        ending = [draft for draft, mine in staying.items() if all(f.remedy is Remedy.STOP for f in mine)]
        groups = [[draft] for draft in staying if draft not in ending] + ([ending] if ending else [])
        made = []
        for group in groups:
            mine = [f for draft in group for f in staying[draft]]
            changed = (action for draft in group for action in self._changed(draft, staying[draft]))
            made.append(
                Suggestion(
                    label=f"Recommended: {'; '.join(dict.fromkeys(map(_words, mine)))}",
                    uuid=part_of(self.seed, _SUGGESTION, group[0].name),
                    isRecommended=True,
                    actions=(*changed, *self._stopped(mine)),
                )
            )
        return tuple(s for s in made if s.actions) or (() if but else self._removal_of_what_cannot_be_stopped())

    def asked(self) -> tuple[Suggestion, ...]:
        """Return the tests that answer the question."""
        told = self.told
        wanted = tuple(dict.fromkeys(i for f in self.matter.findings for i in f.tests))
        about = circumstances(told.decision, told.book, told.address.patient, told.address.encounter, self.seed)
        return tests(told.decision._replace(investigations=wanted), about)

    def _changed(self, draft: Draft, found: list[Finding]) -> tuple[Action, ...]:
        changes = [f.change for f in found if f.change is not None]
        order = self.originals.orders.get(draft.name)
        if not changes or order is None or not draft.can_change:
            return ()
        whole = changes[0]
        for other in changes[1:]:
            whole = whole.with_(other)
        resource = self.originals.corrects(order, whole)
        return (Action(type=ActionType.UPDATE, description=f"Correct the draft: {_title(draft)}", resource=resource),)

    def _stopped(self, found: list[Finding]) -> tuple[Action, ...]:
        stops = tuple(dict.fromkeys(e for f in found for e in f.stops))
        by = listed(dict.fromkeys(_title(f.draft) for f in found))
        return stopping(stops, by, self.told.address.original)

    def _removal_of_what_cannot_be_stopped(self) -> tuple[Suggestion, ...]:
        return self.instead(self.matter.drafts)


def away(draft: Draft, originals: Originals) -> Action | None:
    """Return the action that takes an order away: an unsigned one is deleted, a signed one stopped."""
    if not draft.can_change:
        return None
    order = originals.orders.get(draft.name, {})
    if order.get("status") in (None, "draft") or order.get("intent") in ("proposal", "plan"):
        words = f"Remove the draft: {_title(draft)}"
        return Action(type=ActionType.DELETE, description=words, resourceId=draft.name)
    stopped = order | {"status": "stopped"}
    return Action(type=ActionType.UPDATE, description=f"Stop {_title(draft)}", resource=stopped)


def _words(finding: Finding) -> str:
    change = finding.change
    if finding.stops:
        return f"stop {listed(dict.fromkeys(e.concept.title for e in finding.stops))}"
    if change is None:
        return finding.kind.value
    if change.unit is not None:
        return "correct the unit of the dose"
    if change.route is not None:
        return "give it deep under the skin"
    return f"give it {change.text}" if change.text else "correct how often it is given"
