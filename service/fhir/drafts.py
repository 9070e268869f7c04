"""Reading the unsigned orders of a hook's context: leniently, by what is there, and only this patient's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from service.domain.draft import Draft, Drafts
from service.domain.index import CodeIndex
from service.domain.orders import MICROGRAMS
from service.domain.record import Exposure, Measure, Unreadable
from service.domain.terms import Analyte, Role, Route
from service.fhir.decoding import decode_kind, decode_raw_bundle, decode_raw_entry
from service.fhir.doses import MASS
from service.fhir.mending import mended
from service.fhir.pages import UNFIT, Item, NotFhir, sheet, texts_in
from service.fhir.reading import OtherPatient, Reader
from service.fhir.shapes import NOTHING, Medication

Json = dict[str, Any]
_ID = re.compile(r"(?!\.+$)[A-Za-z0-9\-.]{1,64}")
_MEDICINE, _TEST = "MedicationRequest", "ServiceRequest"
#: A strength in the name of a product: so much in each tablet, or in so many millilitres.
_STRENGTH = re.compile(
    r"(\d[\d,]*(?:\.\d+)?)\s*(mg|milligrams?|micrograms?|mcg|ug|µg|μg)\b(?:\s*(?:/|per|in)\s*(\d+(?:\.\d+)?)?\s*(m)l\b)?",
    re.IGNORECASE,
)
_MILLILITRES = frozenset({"ml", "millilitre", "millilitres", "milliliter", "milliliters"})
_MASSES = frozenset(MICROGRAMS)


@dataclass(frozen=True, slots=True)
class Sent:
    """The unsigned orders as read, and each as it was sent, by `Type/id`."""

    drafts: Drafts
    originals: Mapping[str, Json] = field(repr=False)


def read_drafts(
    raw: bytes | msgspec.Raw,
    reader: Reader,
    patient_id: str,
    *,
    selected: Iterable[str] | None = None,
    chart: Iterable[Item] = (),
    titles: Mapping[str, tuple[Analyte, ...]] | None = None,
) -> Sent:
    """Return what a Bundle of unsigned orders says; `selected` names those that are spoken of, None all.

    Medicines that an order refers to are looked for among the orders and in the chart; `titles` are the names of tests
    that have no code. Raises NotFhir for what is no Bundle, and OtherPatient for another patient's order.
    """
    entries = [*_entries(raw)]
    orders: dict[str, tuple[Json, Json, tuple[str, ...]]] = {}
    others: list[Json] = []
    for place, tree in enumerate(entries, 1):
        if tree.get("resourceType") != _MEDICINE:
            others.append(tree)
            continue
        given = tree.get("id")
        name = given if isinstance(given, str) and _ID.fullmatch(given) else f"unnamed-{place}"
        orders[name] = (tree, *mended(tree, name, reader.index, reader.words.b12.any))
    for name, (tree, _, unread) in orders.items():
        if "subject" in unread and _is_of_another(tree.get("subject"), patient_id):
            raise OtherPatient(f"{_MEDICINE}/{name} belongs to another patient")
    bundle = {
        "resourceType": "Bundle",
        "entry": [{"resource": r} for r in (*others, *(m for _, m, _ in orders.values()))],
    }
    medicines = [item for item in chart if type(item.resource) is Medication]
    record = reader.read((*medicines, *sheet(msgspec.json.encode(bundle)).items), patient_id)
    wanted = None if selected is None else {reference.rpartition("/")[2] for reference in selected}
    drafts = []
    for name, (tree, readable, unread) in orders.items():
        resource = f"{_MEDICINE}/{name}"
        taken = tuple(e for e in record.exposures if e.resource == resource)
        drafts.append(_draft(name, tree, readable, unread, taken, reader.index, wanted))
    return Sent(
        Drafts(
            tuple(drafts),
            frozenset(_tests(others, reader.index, titles or {})),
            tuple(_unreadable(drafts, record.unreadable)),
        ),
        {f"{_MEDICINE}/{name}": tree for name, (tree, _, _) in orders.items()},
    )


def _is_of_another(subject: Any, patient_id: str) -> bool:
    """Return whether a subject that does not fit its shape names another patient all the same."""
    named = [text.rpartition("Patient/")[2] for text in texts_in(subject) if "Patient/" in text]
    return any(name != patient_id for name in named)


def _entries(raw: bytes | msgspec.Raw) -> Iterable[Json]:
    try:
        if decode_kind.decode(raw).resourceType != "Bundle":
            raise NotFhir("not a Bundle")
        for entry in decode_raw_bundle.decode(raw).entry:
            found = decode_raw_entry.decode(entry).resource
            tree = msgspec.json.decode(found) if found is not NOTHING else None
            if isinstance(tree, dict):
                yield tree
    except UNFIT as error:
        raise NotFhir("its entries cannot be read") from error


def _draft(
    name: str,
    tree: Json,
    readable: Json,
    unread: tuple[str, ...],
    taken: tuple[Exposure, ...],
    index: CodeIndex,
    wanted: set[str] | None,
) -> Draft:
    dosages = readable.get("dosageInstruction") or []
    words = _words(readable)
    unit = _unit(dosages, index)
    if unit is None:
        taken = tuple(_counted(e, dosages, words) for e in taken)
    repeats = [((d.get("timing") or {}).get("repeat") or {}) for d in dosages]
    prior = tree.get("priorPrescription")
    replaces = prior.get("reference") if isinstance(prior, dict) else None
    group = readable.get("groupIdentifier")
    return Draft(
        name=f"{_MEDICINE}/{name}",
        medicines=taken,
        route=_route(dosages, words, index),
        unit=unit,
        dosages=len(dosages),
        counted=any("count" in repeat for repeat in repeats),
        group=str(group.get("value")) if isinstance(group, dict) and group.get("value") else None,
        replaces=frozenset({"/".join(replaces.split("/")[-2:])} if isinstance(replaces, str) else ()),
        selected=wanted is None or name in wanted,
        can_change=tree.get("id") == name,
        unread=unread,
    )


def _words(readable: Json) -> str:
    """Return how a medicine is called."""
    medicine = readable.get("medicationCodeableConcept") or {}
    texts = [medicine.get("text"), *(c.get("display") for c in medicine.get("coding") or ())]
    return " ".join(text for text in texts if isinstance(text, str))


def _quantities(dosages: list[Json]) -> Iterable[Json]:
    for dosage in dosages:
        for amount in dosage.get("doseAndRate") or ():
            quantity = amount.get("doseQuantity") or (amount.get("doseRange") or {}).get("high")
            if quantity:
                yield quantity


def _unit(dosages: list[Json], index: CodeIndex) -> str | None:
    """Return the unit of mass in which the first dose is said."""
    for quantity in _quantities(dosages):
        said = str(quantity.get("code") or quantity.get("unit") or "")
        unit = index.aliases.get(said, said)
        if unit in _MASSES:
            return unit
    return None


def _counted(exposure: Exposure, dosages: list[Json], words: str) -> Exposure:
    """Return an order with its dose worked out of tablets or millilitres, where its product names one strength."""
    if Role.COBALAMIN not in exposure.concept.roles or exposure.dose is not None:
        return exposure
    strengths = {(_micrograms(n, u), Decimal(of or 1), bool(ml)) for n, u, of, ml in _STRENGTH.findall(words)}
    quantity = next(iter(_quantities(dosages)), None)
    if len(strengths) != 1 or quantity is None or quantity.get("value") is None:
        return exposure
    ((strength, of, liquid),) = strengths
    unit = str(quantity.get("code") or quantity.get("unit") or "").lower()
    if liquid is not (unit in _MILLILITRES):
        return exposure
    try:
        dose = Decimal(str(quantity["value"])) * strength / of
    except InvalidOperation:
        return exposure
    return exposure._replace(dose=Measure(dose.normalize(), MASS)) if dose > 0 else exposure


def _micrograms(number: str, unit: str) -> Decimal:
    milli = unit.lower().startswith(("mg", "milli"))
    return Decimal(number.replace(",", "")) * MICROGRAMS["mg" if milli else MASS]


def _route(dosages: list[Json], words: str, index: CodeIndex) -> Route | None:
    """Return the route that an order says, in code or in words."""
    routes = {(system, code): route for route, (system, code, _) in index.routes.coding.items()}
    for dosage in dosages:
        said = dosage.get("route") or {}
        for coding in said.get("coding") or ():
            found = routes.get((str(coding.get("system")), str(coding.get("code"))))
            if found is not None:
                return found
        texts = (said.get("text"), *(c.get("display") for c in said.get("coding") or ()), dosage.get("text"), words)
        text = " ".join(t for t in texts if isinstance(t, str)).lower()
        named = next((route for route in Route if route.value in text), None)
        if named is not None:
            return named
    return None


def _tests(others: list[Json], index: CodeIndex, titles: Mapping[str, tuple[Analyte, ...]]) -> Iterable[Analyte]:
    """Yield what the drafted requests for tests ask."""
    for tree in others:
        code = tree.get("code")
        if tree.get("resourceType") != _TEST or not isinstance(code, dict):
            continue
        codings = code.get("coding")
        for coding in codings if isinstance(codings, list) else ():
            key = (str(coding.get("system")), str(coding.get("code"))) if isinstance(coding, dict) else ("", "")
            found = index.tests.get(key)
            if found is not None:
                yield found.test.analyte
        yield from titles.get(str(code.get("text")), ())


def _unreadable(drafts: list[Draft], told: tuple[Unreadable, ...]) -> Iterable[Unreadable]:
    yield from told
    for draft in drafts:
        yield from (Unreadable(draft.name, f"{element} cannot be read") for element in draft.unread)
