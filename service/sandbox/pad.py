"""The orders a clinician has in hand and has not signed: added, corrected, taken back, then written at once."""

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from service.sandbox.orders import ORDERS, Intention, as_ordered, places_of, repointed
from service.sandbox.wire import EhrError, Json

FHIR_ID = re.compile(r"(?!\.+$)[A-Za-z0-9.-]{1,64}")
#: Under this an order of the pad is known to the FHIR server, so that one signature writes it once.
IDENTITY = "urn:b12-cds:sandbox:order"


class WrongPadError(EhrError):
    """What the form says to be in hand is nobody's order, or another patient's."""

    status = 400


@dataclass(frozen=True, slots=True)
class Pad:
    """Unsigned orders; `kept` are on the FHIR server already, `gone` are there and are no longer wanted."""

    patient: str
    orders: tuple[Json, ...] = ()
    kept: frozenset[str] = frozenset()
    gone: tuple[str, ...] = ()

    @property
    def medicines(self) -> tuple[str, ...]:
        """The medicines in hand, as a hook's selections name them."""
        return tuple(name_of(order) for order in self.orders if order["resourceType"] == "MedicationRequest")

    @property
    def bundle(self) -> Json:
        """The orders as a hook's context holds them."""
        return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order} for order in self.orders]}

    def written(self) -> str:
        """The pad as a form carries it."""
        return json.dumps({"orders": self.orders, "kept": sorted(self.kept), "gone": self.gone})

    def taking(self, suggestion: Json) -> "Pad":
        """The pad after a suggestion: what it takes away is gone, what it corrects or adds is in hand."""
        actions = suggestion.get("actions") or []
        new = [a["resource"] for a in actions if a.get("type") == "create" and a["resource"].get("id")]
        made = {order["id"]: new_id() for order in new}
        moved = {name_of(order): f"{order['resourceType']}/{made[order['id']]}" for order in new}
        orders, gone, kept = {name_of(order): order for order in self.orders}, dict.fromkeys(self.gone), set(self.kept)
        for action in actions:
            kind = action.get("type")
            if kind == "delete":
                name = _target(action)
                if orders.pop(name, None) is None or name in kept:
                    gone[name] = None
                kept.discard(name)
                continue
            order = repointed(action["resource"], moved)
            if kind == "create":
                order = order | {"id": made.get(order.get("id", "")) or new_id()}
            elif name_of(order) not in orders:
                kept.add(name_of(order))
            orders[name_of(order)] = order
        return replace(self, orders=tuple(orders.values()), gone=tuple(gone), kept=frozenset(kept))

    def transaction(self, now: datetime) -> Json:
        """The Bundle that signs all that is in hand: written once, however often it is sent."""
        new = [order for order in self.orders if name_of(order) not in self.kept]
        places = places_of(new)
        entries: list[Json] = [{"request": {"method": "DELETE", "url": name}} for name in self.gone]
        for order in self.orders:
            name = name_of(order)
            resource = repointed(order, places)
            if resource.get("status") in ("draft", None):
                resource = as_ordered(resource, Intention.SIGN, now)
            if name in self.kept:
                version = (order.get("meta") or {}).get("versionId")
                request = {"method": "PUT", "url": name} | ({"ifMatch": f'W/"{version}"'} if version else {})
                entries.append({"resource": resource, "request": request})
                continue
            identity = {"system": IDENTITY, "value": resource.pop("id")}
            resource["identifier"] = [*(resource.get("identifier") or ()), identity]
            request = {
                "method": "POST",
                "url": order["resourceType"],
                "ifNoneExist": f"identifier={IDENTITY}|{identity['value']}",
            }
            entries.append({"fullUrl": places[name], "resource": resource, "request": request})
        return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def read(text: str, patient: str) -> Pad:
    """The pad that a form carries; raises WrongPadError when it is no pad of this patient."""
    try:
        told = json.loads(text)
        orders, kept, gone = told["orders"], told["kept"], told["gone"]
        good = all(_is_order(order, patient) for order in orders) and all(map(_is_name, (*kept, *gone)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        good = False
    if not good:
        raise WrongPadError("The orders in hand cannot be read", "Open the chart and begin again.")
    return Pad(patient, tuple(orders), frozenset(kept), tuple(gone))


def name_of(order: Json) -> str:
    """An order's `Type/id`."""
    return f"{order['resourceType']}/{order['id']}"


def names_on_server(pad: Pad) -> Iterable[str]:
    """What signing changes or removes on the FHIR server."""
    return sorted(pad.kept | set(pad.gone))


def new_id() -> str:
    """An id nobody has."""
    return f"order-{secrets.token_hex(6)}"


def _target(action: Json) -> str:
    target = action.get("resourceId")
    if isinstance(target, list):  # CDS Hooks 3.0 writes an array
        target = target[0] if len(target) == 1 else None
    if not _is_name(target):
        raise EhrError("An action cannot be carried out", "A delete action has no resourceId Type/id.")
    return str(target)


def _is_order(order: Json, patient: str) -> bool:
    mine = order["subject"]["reference"] == f"Patient/{patient}"
    return mine and order["resourceType"] in ORDERS and FHIR_ID.fullmatch(order["id"]) is not None


def _is_name(name: object) -> bool:
    kind, _, identity = str(name).partition("/")
    return kind in ORDERS and FHIR_ID.fullmatch(identity) is not None
