"""How inputs are made: real requests, changed in structure or bytes; what the document allows; faults within."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.vignettes import PROTOCOLS

from .changes import changed, encoded
from .seeds import SERVER, TOKEN, Seed, calls, feedback
from .world import MAX_BODY, Shot

Strategy = st.SearchStrategy[Shot]
#: Each a place in the tree, a kind of change, and a choice within the kind.
CHANGES = st.tuples(st.integers(0, 2**20), st.integers(0, 255), st.integers(0, 255))
KEYS = {
    "patient": "Patient",
    "b12": "Observation",
    "bloods": "Observation",
    "conditions": "Condition",
    "medicationRequests": "MedicationRequest",
    "medicationStatements": "MedicationStatement",
    "medicationAdministrations": "MedicationAdministration",
    "allergies": "AllergyIntolerance",
    "procedures": "Procedure",
    "familyHistory": "FamilyMemberHistory",
}
#: What fails inside, from the first step of a call to the last.
WITHIN = (
    "service.fhir.reading.Reader.read",
    "service.consult.decide",
    "service.consult.Consultant.consult",
    "service.answer.cards_of",
    "service.answer.assessment",
    "service.answer.carried",
    "service.ordering.review",
    "service.ordering.read_drafts",
    "service.ordering.cards_of",
    "service.ordering.card_of",
    "service.ordering.refill_cards",
    "service.memory.Memory.speak",
    "service.memory.one_a_matter",
    "service.memory.one_a_matter",
    "service.store.asking.Question.is_answered",
    "service.store.writer.Writer.put",
    "service.store.feedback.keep",
    "cds_hooks.completion.read_sent",
    "cds_hooks.feedback._Item.read",
    "service.hooks.name_of",
    "service.hooks.sheet_of",
    "service.cards.compose.orders",
)


@st.composite
def structure(draw: st.DrawFn) -> Shot:
    """A real call, changed in up to five places."""
    seed = draw(st.sampled_from(calls()))
    tree = changed(seed.tree(), draw(st.lists(CHANGES, max_size=5)))
    return Shot("structure", seed.path, encoded(tree), protocol=draw(st.sampled_from(PROTOCOLS)))


@st.composite
def one_resource(draw: st.DrawFn) -> Shot:
    """A real call in which one resource or one draft is changed in up to eight places."""
    seed = draw(st.sampled_from(calls()))
    tree = seed.tree()
    bundles = [b for b in (*tree["prefetch"].values(), *tree["context"].values()) if isinstance(b, dict)]
    entries = [entry for bundle in bundles for entry in bundle.get("entry", ())] or [{"resource": bundles[0]}]
    entry = entries[draw(st.integers(0, 2**20)) % len(entries)]
    changed(entry["resource"], draw(st.lists(CHANGES, min_size=1, max_size=8)))
    return Shot("one resource", seed.path, encoded(tree), protocol=draw(st.sampled_from(PROTOCOLS)))


@st.composite
def served(draw: st.DrawFn) -> Shot:
    """A call whose data has to be fetched from a server that answers changed data, or none."""
    seed = draw(st.sampled_from(calls()))
    tree = seed.tree()
    taken = draw(st.sets(st.sampled_from([*KEYS]), min_size=1, max_size=4))
    pages: dict[str, bytes] = {}
    for key in sorted(taken):
        value = changed([tree["prefetch"].pop(key)], draw(st.lists(CHANGES, max_size=3)))
        how = draw(st.integers(0, 9))
        link = {"relation": "next", "url": f"{SERVER}?page={key}"}
        if how == 0 and value and isinstance(value[0], dict):
            value[0]["link"] = [link]
            pages["page"] = encoded(value[0])
        body = encoded(value[0] if value else None)
        if how > 1:
            pages[KEYS[key]] = body
        elif how == 1:
            pages[KEYS[key]] = draw(
                st.sampled_from([b"", b"<html>", body[: len(body) // 2], b"[" * 9999, b"\xff" + body])
            )
    tree |= {"fhirServer": SERVER}
    if draw(st.booleans()):
        scope = {"token_type": "Bearer", "expires_in": 300, "scope": "patient/*.read", "subject": "cds"}
        tree |= {"fhirAuthorization": {"access_token": TOKEN} | scope}
    return Shot("served", seed.path, encoded(tree), served=pages, protocol=draw(st.sampled_from(PROTOCOLS)))


def _cut(body: bytes, at: int) -> bytes:
    return body[: at % (len(body) or 1)]


def _flipped(body: bytes, at: int) -> bytes:
    there = at % len(body)
    return body[:there] + bytes([body[there] ^ (1 << at % 8)]) + body[there + 1 :]


def _inserted(body: bytes, at: int) -> bytes:
    what = (
        b"\0",
        b"\xff",
        b'"',
        b"{",
        b"NaN",
        b"1e9999",
        b"/* */",
        b",,",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b'"a":1,"a":2,',
    )
    there = at % len(body)
    return body[:there] + what[at % len(what)] + body[there:]


_BYTES: tuple[Callable[[bytes, int], bytes], ...] = (
    _cut,
    _flipped,
    _flipped,
    _inserted,
    lambda body, at: body + body,
    lambda body, at: b" " * (at % 999) + body + b"\n",
    lambda body, at: b"\xef\xbb\xbf" + body,
    lambda body, at: body.decode("latin-1").encode("utf-16"),
    lambda body, at: body.decode("latin-1").encode("utf-32-be"),
    lambda body, at: b"[" * (at % 60_000) + body,
    lambda body, at: b'{"a":' * (at % 60_000) + b"1" + b"}" * (at % 60_000),
    lambda body, at: gzip.compress(body),
    lambda body, at: body + b" " * MAX_BODY if at % 8 == 0 else b"",
    lambda body, at: b"null",
)
_TYPES = (
    "application/json",
    "application/fhir+json",
    "application/json; charset=utf-8",
    "application/json; charset=latin-1",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    ";;",
)


@st.composite
def damaged(draw: st.DrawFn) -> Shot:
    """A real request damaged in its bytes or its headers, or sent by another method or to another path."""
    seed: Seed = draw(st.sampled_from((*calls(), *feedback())))
    body = seed.body
    for change, at in draw(st.lists(st.tuples(st.sampled_from(_BYTES), st.integers(0, 2**20)), max_size=3)):
        body = change(body or b"0", at)
    headers = {"Content-Type": "application/json"}
    if draw(st.integers(0, 4)) == 0:
        headers["Content-Type"] = draw(st.sampled_from(_TYPES))
    if draw(st.integers(0, 9)) == 0:
        headers["Content-Encoding"] = draw(st.sampled_from(["identity", "gzip", "br", "Quillfeather"]))
    method = draw(st.sampled_from(["POST"] * 12 + ["PUT", "GET", "DELETE", "PATCH"]))
    path = seed.path + draw(st.sampled_from([""] * 12 + ["/", "-more", "/..", "/feedback", "%00", "/%2e%2e/"]))
    return Shot("damaged", path, body, method, headers)


@st.composite
def told_back(draw: st.DrawFn) -> Shot:
    """Feedback, changed in up to four places."""
    seed = draw(st.sampled_from(feedback()))
    return Shot("feedback", seed.path, encoded(changed(seed.tree(), draw(st.lists(CHANGES, max_size=4)))))


@st.composite
def broken(draw: st.DrawFn) -> Shot:
    """A good request while something within the service fails."""
    seed = draw(st.sampled_from((*calls(), *feedback())))
    protocol = draw(st.sampled_from(PROTOCOLS))
    return Shot("broken within", seed.path, seed.body, broken=draw(st.sampled_from(WITHIN)), protocol=protocol)


def documented(document: Any) -> Strategy:
    """Return inputs that the OpenAPI document allows, and such that it does not."""
    from schemathesis import openapi
    from schemathesis.generation.modes import GenerationMode

    paths = [path for path in document["paths"] if path.startswith("/cds-services/")]
    schema = openapi.from_dict(document)
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    return st.one_of([schema[path]["POST"].as_strategy(mode) for path in paths for mode in modes]).map(_of_case)


def _of_case(case: Any) -> Shot:
    body = case.body if isinstance(case.body, bytes) else encoded(_plain(case.body))
    return Shot("documented", case.path, body)


def _plain(value: Any) -> Any:
    """Return what a generated body is, as JSON has it; a body that is none becomes null."""
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError, OverflowError):
        return None
