"""Bundles and the decoders of everything that arrives: whole, one resource at a time, or one element at a time."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field
from msgspec.json import Decoder

from service.fhir.shapes import (
    NOTHING,
    Amounts,
    CodeableConcept,
    Dosage,
    Inherited,
    Meta,
    Quantity,
    Range,
    Readable,
    Reference,
    Resource,
    Shape,
)


class Link(Shape):
    """Bundle.link."""

    relation: str | None = None
    url: str | None = None


class Entry(Shape):
    """Bundle.entry, its resource typed at once."""

    fullUrl: str | None = None
    resource: Readable | None = None


class RawEntry(Shape):
    """Bundle.entry, its resource still to be decoded, so that a bad one costs only itself, and a bad URL nothing."""

    fullUrl: Any = None
    resource: Raw = NOTHING


class Bundle(Resource, tag="Bundle"):
    """A Bundle whose resources are all readable."""

    link: tuple[Link, ...] = ()
    entry: tuple[Entry, ...] = ()


class RawBundle(Struct):
    """A Bundle whose links and entries are decoded one at a time."""

    link: Raw = NOTHING
    entry: tuple[Raw, ...] = ()


class Kind(Struct):
    """What a resource is."""

    resourceType: str


class Head(Struct):
    """What is needed of a resource that is not read: whose it is."""

    subject: Reference | tuple[Reference, ...] | None = None
    patient: Reference | None = None
    beneficiary: Reference | None = None
    for_: Reference | None = field(default=None, name="for")


decode_any = Decoder(Readable | Bundle, strict=True)
decode_one = Decoder(Readable, strict=True)
decode_raw_bundle = Decoder(RawBundle, strict=True)
decode_raw_entry = Decoder(RawEntry, strict=True)
decode_links = Decoder(tuple[Link, ...], strict=True)
decode_kind = Decoder(Kind, strict=True)
decode_head = Decoder(Head, strict=True)
decode_meta = Decoder(Meta | None, strict=True)
decode_concept = Decoder(CodeableConcept | None, strict=True)
decode_concepts = Decoder(tuple[CodeableConcept, ...] | None, strict=True)
decode_ranges = Decoder(tuple[Range, ...] | None, strict=True)
decode_inherited = Decoder(tuple[Inherited, ...] | None, strict=True)
decode_dosage = Decoder(Dosage, strict=True)
decode_dosages = Decoder(tuple[Dosage, ...], strict=True)
decode_amounts = Decoder(tuple[Amounts, ...] | None, strict=True)
decode_quantity = Decoder(Quantity | None, strict=True)
