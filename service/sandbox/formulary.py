"""What the order form offers, and the unsigned MedicationRequest that it makes of a clinician's choice."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from service.domain.protocol import Book
from service.sandbox.elements import UCUM, coding
from service.sandbox.facts import codes
from service.sandbox.pad import new_id
from service.sandbox.resources import CLINICIAN
from service.sandbox.wire import EhrError, Json

MOST = 1000


class ChoiceError(EhrError):
    """The user asked for something that is not on offer."""

    status = 400


@dataclass(frozen=True, slots=True)
class Medicine:
    """A product to choose: its codes, the unit its dose is counted in, and the route it is usually given by."""

    id: str
    text: str
    codings: tuple[tuple[str, str, str], ...]
    one: str
    many: str
    unit: str
    route: str


@dataclass(frozen=True, slots=True)
class Often:
    """How often a dose is given."""

    id: str
    text: str
    frequency: int
    period: int
    unit: str


@dataclass(frozen=True, slots=True)
class Formulary:
    """Everything the order form offers; routes are (id, coding)."""

    medicines: tuple[Medicine, ...]
    routes: tuple[tuple[str, tuple[str, str, str]], ...]
    often: tuple[Often, ...]


def formulary(book: Book) -> Formulary:
    """The products of all protocols of a book, each once, with what the order form has besides."""
    products = {product.id: product for protocol in book.protocols.values() for product in protocol.products}
    medicines = [
        Medicine(p.id, p.text, p.codings, p.unit_one, p.unit_many, p.per.unit, p.routes[0].value)
        for p in products.values()
    ]
    systems, known = codes()["systems"], codes()["medicines"]
    for fact, (one, many, unit) in _entry()["also"].items():
        codings = tuple((systems[system], code, display) for system, code, display in known[fact]["codings"])
        medicines.append(Medicine(fact, known[fact]["text"], codings, one, many, unit, known[fact]["route"]))
    often = tuple(Often(each["id"], each["text"], *each["timing"]) for each in _entry()["often"])
    routes = {name: (systems[system], code, display) for name, (system, code, display) in codes()["routes"].items()}
    routes |= {route.value: told for route, told in book.routes.items()}
    return Formulary(tuple(medicines), tuple(routes.items()), often)


def draft(patient: str, offered: Formulary, chosen: "Choice", today: date) -> Json:
    """A new unsigned order of what was chosen; raises ChoiceError naming what is not on offer."""
    medicine = _one(offered.medicines, chosen.medicine, "medicine")
    order: Json = {
        "resourceType": "MedicationRequest",
        "id": new_id(),
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [coding(*each) for each in medicine.codings], "text": medicine.text},
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": today.isoformat(),
        "requester": {"reference": f"Practitioner/{CLINICIAN}"},
    }
    if not chosen.dose or not chosen.often:
        raise ChoiceError("The order is not whole", "Say how much is given and how often.")
    return changed(order, offered, chosen, medicine)


def changed(order: Json, offered: Formulary, chosen: "Choice", medicine: Medicine | None = None) -> Json:
    """An order with another dose, interval or route; what was not chosen anew stays as it is."""
    first: Json = next(iter(order.get("dosageInstruction") or ()), {})
    dosage = {key: value for key, value in first.items() if key not in ("text", "patientInstruction")}
    if chosen.dose:
        kept = _quantity(first)
        unit = {"unit": medicine.one, "system": UCUM, "code": medicine.unit} if medicine else kept
        dosage["doseAndRate"] = [{"doseQuantity": unit | {"value": _amount(chosen.dose)}}]
    if chosen.often:
        often = _one(offered.often, chosen.often, "interval")
        bounds = {k: v for k, v in ((first.get("timing") or {}).get("repeat") or {}).items() if k.startswith("bounds")}
        repeat = {"frequency": often.frequency, "period": often.period, "periodUnit": often.unit}
        dosage["timing"] = {"repeat": bounds | repeat}
    route = chosen.route or (medicine.route if medicine else "")
    if route:
        known = dict(offered.routes)
        if route not in known:
            raise ChoiceError("No such route", f"The form offers {', '.join(known)}.")
        dosage["route"] = {"coding": [coding(*known[route])], "text": route.capitalize()}
    dosage["text"] = _said(dosage, offered)
    return order | {"dosageInstruction": [dosage]}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form says; an empty field is not chosen."""

    medicine: str = ""
    dose: str = ""
    often: str = ""
    route: str = ""


def _said(dosage: Json, offered: Formulary) -> str:
    quantity = _quantity(dosage)
    repeat: Json = (dosage.get("timing") or {}).get("repeat") or {}
    timing = tuple(repeat.get(key) for key in ("frequency", "period", "periodUnit"))
    often = next((o.text for o in offered.often if (o.frequency, o.period, o.unit) == timing), "")
    if not often and timing[0]:
        often = f"{timing[0]} in {timing[1]} {timing[2]}"
    amount = f"{quantity.get('value')} {quantity.get('unit', '')}".strip() if quantity else ""
    route = str((dosage.get("route") or {}).get("text") or "").lower()
    return ", ".join(part for part in (amount, often, route) if part)


def _quantity(dosage: Json) -> Json:
    first: Json = next(iter(dosage.get("doseAndRate") or ()), {})
    return first.get("doseQuantity") or {}


def _amount(text: str) -> float | int:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = 0.0
    if not 0 < value <= MOST:
        raise ChoiceError("The dose is no number", f"Write a number above 0 and up to {MOST}, not “{text[:20]}”.")
    return int(value) if value.is_integer() else value


def _one(offered: Iterable[Any], wanted: str, what: str) -> Any:
    for each in offered:
        if each.id == wanted:
            return each
    raise ChoiceError(f"No such {what}", f"The form does not offer “{wanted[:60]}”.")


@cache
def _entry() -> dict[str, Any]:
    text = files("service.sandbox").joinpath("data", "order_entry.yaml").read_text(encoding="utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table
