"""Order entry: an order is chosen or a draft edited, the service looks at it, and the clinician signs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from service.sandbox.desk import COMMENT, Advice, Desk, StaleError, reason, untold
from service.sandbox.formulary import Choice, ChoiceError, changed, draft
from service.sandbox.pad import Pad, name_of, names_on_server, read
from service.sandbox.views import CardView, OrderView, cards, chosen, order_view
from service.sandbox.wire import EhrError, Json

SELECT, SIGN = "order-select", "order-sign"


@dataclass(slots=True)
class Entry:
    """All that the order page shows: what is in hand, what the service said of it, and what was written."""

    patient: str
    protocol: str
    choice: Choice = field(default_factory=Choice)
    editing: Json | None = None
    pad: Pad | None = None
    hook: str = ""
    advice: Advice | None = None
    written: tuple[str, ...] = ()
    untold: str = ""
    failures: list[EhrError] = field(default_factory=list)

    @property
    def cards(self) -> tuple[CardView, ...]:
        """What the service said."""
        return self.advice.cards if self.advice else ()

    @property
    def in_hand(self) -> tuple[OrderView, ...]:
        """The orders in hand as people read them."""
        if self.pad is None:
            return ()
        kinds = {True: "Change", False: "New order"}
        changed_ = (order_view(kinds[name_of(order) in self.pad.kept], order) for order in self.pad.orders)
        return (*changed_, *(OrderView("Remove", name, ()) for name in self.pad.gone))


def begin(desk: Desk, patient: str, protocol: str, choice: Choice, edited: str) -> Entry:
    """The empty form, or a draft on record to edit; raises EhrError."""
    desk.check(patient, protocol)
    entry = Entry(patient, protocol, choice)
    if edited:
        entry.editing = _draft_on_record(desk, patient, edited)
    return entry


def step(desk: Desk, form: Mapping[str, str]) -> Entry:
    """Do what a button of the form says: choose, take, sign or anyway; a failure is told on the page."""
    entry = Entry(form.get("patient", ""), form.get("protocol", ""), _choice(form))
    steps: dict[str, Callable[[Desk, Entry, Mapping[str, str]], None]] = {
        "choose": _choose,
        "take": _take,
        "sign": _sign,
        "anyway": _anyway,
    }
    try:
        desk.check(entry.patient, entry.protocol)
        if form.get("step") not in steps:
            raise ChoiceError("Nothing was done", "The form does not say what to do.")
        if form.get("pad"):
            entry.pad = read(form["pad"], entry.patient)
        steps[form["step"]](desk, entry, form)
    except EhrError as error:
        entry.failures.append(error)
    return entry


def _choose(desk: Desk, entry: Entry, form: Mapping[str, str]) -> None:
    edited = form.get("draft", "")
    if edited:
        entry.editing = _draft_on_record(desk, entry.patient, edited)
        order = changed(entry.editing, desk.offered, entry.choice)
        entry.pad = Pad(entry.patient, (order,), frozenset({name_of(order)}))
    else:
        order = draft(entry.patient, desk.offered, entry.choice, desk.ehr.now().date())
        entry.pad = Pad(entry.patient, (order,))
    _ask(desk, entry, SELECT, entry.pad.medicines)


def _take(desk: Desk, entry: Entry, form: Mapping[str, str]) -> None:
    """The card's suggestion in place of what was in hand, if the service still says the same."""
    pad, hook = _pad(entry), form.get("hook", "")
    if hook not in (SELECT, SIGN):
        raise ChoiceError("Nothing was done", "The form does not say which card it answers.")
    _ask(desk, entry, hook, pad.medicines)
    found = chosen(entry.advice.exchange.response, form.get("suggestion", "")) if entry.advice else None
    if found is None:
        raise StaleError("Nothing was changed", "The advice has changed since it was shown. Read it again.")
    before = set(pad.medicines)
    entry.pad = pad.taking(found[1])
    entry.untold = untold(lambda: desk.ehr.accepted(hook, *found))
    new = tuple(name for name in entry.pad.medicines if name not in before) or entry.pad.medicines
    _ask(desk, entry, SELECT, new)


def _sign(desk: Desk, entry: Entry, form: Mapping[str, str]) -> None:  # noqa: ARG001
    """The last question; where the service is silent the orders are signed."""
    _ask(desk, entry, SIGN, ())
    if entry.advice is not None and not entry.cards:
        _write(desk, entry)


def _anyway(desk: Desk, entry: Entry, form: Mapping[str, str]) -> None:
    """Sign in spite of a card, and tell the service why."""
    why, comment = reason(form), form.get("comment", "").strip()[:COMMENT]
    entry.hook = SIGN
    _write(desk, entry)
    for card in form.get("cards", "").split():
        entry.untold = untold(partial(desk.ehr.overridden, SIGN, {"uuid": card}, why, comment)) or entry.untold


def _ask(desk: Desk, entry: Entry, hook: str, selections: tuple[str, ...]) -> None:
    pad = _pad(entry)
    entry.hook, entry.advice = hook, None
    if not pad.medicines:
        return
    more: Json = {"draftOrders": pad.bundle} | ({"selections": list(selections)} if hook == SELECT else {})
    answer = desk.ehr.fire(hook, entry.patient, entry.protocol, more)
    entry.advice = Advice(entry.protocol, answer, cards(answer.response))


def _write(desk: Desk, entry: Entry) -> None:
    pad = _pad(entry)
    for name in names_on_server(pad):
        if desk.ehr.read(name).get("subject", {}).get("reference") != f"Patient/{pad.patient}":
            raise ChoiceError("Nothing was written", f"{name} is not this patient's.")
    entry.written = desk.ehr.write(pad.transaction(desk.ehr.now()))


def _pad(entry: Entry) -> Pad:
    if entry.pad is None or not (entry.pad.orders or entry.pad.gone):
        raise ChoiceError("Nothing is in hand", "Choose an order first.")
    return entry.pad


def _draft_on_record(desk: Desk, patient: str, identity: str) -> Json:
    desk.check(identity)
    order = desk.ehr.read(f"MedicationRequest/{identity}")
    if order.get("status") != "draft" or order.get("subject", {}).get("reference") != f"Patient/{patient}":
        raise ChoiceError("This order cannot be edited", "It is no unsigned draft of this patient.")
    return order


def _choice(form: Mapping[str, str]) -> Choice:
    return Choice(*(form.get(name, "").strip() for name in ("medicine", "dose", "often", "route")))
