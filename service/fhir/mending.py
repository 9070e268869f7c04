"""Unsigned orders as clients really send them, made readable: what does not fit is left out and named."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.json import Decoder

from service.domain.index import CodeIndex
from service.domain.terms import Role
from service.fhir.decoding import decode_amounts, decode_concept, decode_dosages, decode_one
from service.fhir.pages import UNFIT

Json = dict[str, Any]
#: Elements of which FHIR allows many, and some clients send one without its list.
_LISTS = ("contained", "dosageInstruction", "identifier", "note", "supportingInformation", "reasonCode")
_DOSAGE = ("text", "timing", "route", "doseAndRate")
#: A code for a medicine that has none, so that its name is looked up.
_WORD = re.compile(r"[a-z]+")
_NO_CODE = "uncoded"


def mended(order: Json, name: str, index: CodeIndex, b12_words: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
    """Return a drafted MedicationRequest that can be read as a draft, and the elements that could not be."""
    found: Json = {key: [value] if key in _LISTS and isinstance(value, dict) else value for key, value in order.items()}
    found |= {"id": name, "status": "draft", "intent": "order"}
    unread: list[str] = []
    medicine = found.get("medicationCodeableConcept")
    if isinstance(medicine, dict):
        found["medicationCodeableConcept"] = _concept(medicine, index, b12_words)
    if isinstance(found.get("dosageInstruction"), list):
        dosages = [_dosage(d, unread) for d in found["dosageInstruction"] if isinstance(d, dict)]
        found["dosageInstruction"] = dosages
    kept = {key: value for key, value in found.items() if value is not None}
    kept = {key: value for key, value in kept.items() if _reads_alone(key, value, unread)}
    return kept, tuple(dict.fromkeys(unread))


def _reads_alone(key: str, value: Any, unread: list[str]) -> bool:
    if key in ("resourceType", "id", "status", "intent"):
        return True
    fits = _fits(decode_one, {"resourceType": "MedicationRequest", key: value})
    fits = fits and (key != "medicationCodeableConcept" or _fits(decode_concept, value))
    fits = fits and (key != "dosageInstruction" or _fits(decode_dosages, value))
    if not fits:
        unread.append(key)
    return fits


def _dosage(dosage: Json, unread: list[str]) -> Json:
    """Return the elements of a dosage that can be read."""
    kept: Json = {}
    for key in _DOSAGE:
        value = dosage.get(key)
        if key == "doseAndRate" and isinstance(value, dict):
            value = [value]
        if value is None:
            continue
        if _fits(decode_dosages, [{key: value}]) and (key != "doseAndRate" or _fits(decode_amounts, value)):
            kept[key] = value
        else:
            unread.append(f"dosageInstruction.{key}")
    return kept


def _concept(medicine: Json, index: CodeIndex, b12_words: tuple[str, ...]) -> Json:
    """Return a medicine's code; one that is told in words only gets what its words name."""
    codings = medicine.get("coding")
    codings = [codings] if isinstance(codings, dict) else codings
    known = [c for c in codings or () if isinstance(c, dict)] if isinstance(codings, list) else []
    if any(_is_known(c, medicine, index) for c in known):
        return medicine | {"coding": known}
    texts = [t for t in (medicine.get("text"), *(c.get("display") for c in known)) if isinstance(t, str)]
    named = next((t for t in texts if index.medicine(_NO_CODE, _NO_CODE, t) is not None), None)
    by_name = [{"system": _NO_CODE, "code": _NO_CODE, "display": named}] if named is not None else []
    return medicine | {"coding": [*known, *_cobalamin(" ".join(texts).lower(), index, b12_words), *by_name]}


def _cobalamin(text: str, index: CodeIndex, b12_words: tuple[str, ...]) -> Iterator[Json]:
    """Yield a code of the B12 that a text names; of an unsigned order words are enough to look twice."""
    b12 = [(key, concept) for key, concept in index.concepts.items() if Role.COBALAMIN in concept.roles]
    named = [each for each in b12 if each[1].title in _WORD.findall(text)]
    if not named and any(word in text for word in b12_words):
        named = [each for each in b12 if Role.KIND_NOT_SAID in each[1].roles]
    # One that says no form, where there is one: the text may say it otherwise.
    named.sort(key=lambda each: each[1].form is not None)
    yield from ({"system": system, "code": code} for (system, code), _ in named[:1])


def _is_known(coding: Json, medicine: Json, index: CodeIndex) -> bool:
    said = [coding.get("system"), coding.get("code"), coding.get("display") or medicine.get("text")]
    system, code, name = (part if isinstance(part, str) else "" for part in said)
    return index.medicine(system, code, name) is not None


def _fits(decoder: Decoder[Any], value: Any) -> bool:
    try:
        decoder.decode(msgspec.json.encode(value))
    except UNFIT:
        return False
    return True
