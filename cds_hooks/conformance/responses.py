"""Every answer that is received: JSON, nothing empty, HL7's invariants of cards, and OperationOutcomes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from cds_hooks.conformance.caller import Answer
from cds_hooks.conformance.ledger import Ledger
from cds_hooks.conformance.rules import AS_RULE, RULES
from cds_hooks.invariants import breaches, emptiness

_OPTIONAL = frozenset(
    {"actions", "appContext", "autolaunchable", "detail", "display", "extension", "hookVersion", "icon"}
    | {"isRecommended", "links", "overrideReasons", "prefetch", "resourceId", "selectionBehavior", "suggestions"}
    | {"systemActions", "title", "topic", "url", "usageRequirements", "uuid", "version"}
)
"""The specification's own optional elements; `url` and `display` are optional in some of their places."""

_IN_FREE_CONTENT = re.compile(r"\.(resource|extension)\b.")
_GLOBAL_KEY = re.compile(r"[^.:/]+([.:/]+[^.:/]+)+")

_OF_CARDS = tuple(rule for rule in RULES if rule[0] == "F")
_OF_ANSWERS = (*_OF_CARDS, "A3", "A4", "A5", "E2", "G1", "I1", "I2")
_NEEDS = {
    "F6": "suggestions",
    "F7": "suggestions",
    "F15": "suggestions",
    "F17": "suggestions",
    "F18": "suggestions",
    "F19": "suggestions",
    "F20": "actions",
    "F21": "actions",
    "F22": "actions",
    "A5": "actions",
    "F23": "resourceId",
    "F8": "overrideReasons",
    "F10": "links",
    "F24": "links",
    "F25": "appContext",
    "F26": "autolaunchable",
    "F1": "uuid",
    "F3": "detail",
    "F12": "url",
    "F13": "icon",
    "F28": "system",
    "E2": "systemActions",
    "G1": "systemActions",
    "I1": "extension",
}
"""The element without which an answer shows nothing about a rule."""


def check_answer(ledger: Ledger, answer: Answer, where: str) -> list[Any] | None:
    """Check an answer to a call that was in order; return its cards, or None if it was refused or is no answer."""
    if not answer.ok:
        check_refusal(ledger, answer, where)
        ledger.cannot(f"calls were not answered with cards ({where}: {answer.told})", "E1", *_OF_ANSWERS)
        return None
    if answer.status == 204:
        ledger.expect("E3", False, where, "204 and nothing, where 200 and no cards belongs")
        return None
    if not ledger.expect("A1", answer.is_json, where, "the body is not JSON, or is not declared so"):
        return None
    body = answer.value
    shaped = isinstance(body, dict) and isinstance(body.get("cards"), list)
    if not ledger.expect("E1", answer.status == 200 and shaped, where, f"{answer.status}, not 200 with cards"):
        return None
    check_emptiness(ledger, body, where)
    check_extensions(ledger, body, where)
    _check_cards(ledger, body, where)
    cards: list[Any] = body["cards"]
    if not cards:
        ledger.expect("E3", True, where, "")
    return cards


def check_refusal(ledger: Ledger, answer: Answer, where: str) -> None:
    """Check that a refusal carries an OperationOutcome (E6); a caller that is not trusted is told nothing."""
    if answer.status >= 400 and not answer.unauthorized:
        told = answer.value if answer.is_json else None
        outcome = isinstance(told, dict) and told.get("resourceType") == "OperationOutcome" and bool(told.get("issue"))
        ledger.expect("E6", outcome, where, f"{answer.status} without an OperationOutcome")


def check_emptiness(ledger: Ledger, body: Any, where: str) -> None:
    """Check that nothing empty is sent: an optional element of the specification (A4), or anything else (A3)."""
    empty: dict[str, list[str]] = {"A3": [], "A4": []}
    for breach in emptiness(body):
        name = re.sub(r"\[\d+\]$", "", breach.path.rpartition(".")[2])
        optional = name in _OPTIONAL and not _IN_FREE_CONTENT.search(f".{breach.path}")
        empty["A4" if optional else "A3"].append(breach.path)
    for rule, paths in empty.items():
        ledger.expect(rule, not paths, where, f"empty: {', '.join(paths[:5])}")


def check_extensions(ledger: Ledger, body: Any, where: str) -> None:
    """Check every extension outside of FHIR resources: an object (I1) with keys that are globally unique (I2)."""
    for path, extension in _extensions(body):
        if ledger.expect("I1", isinstance(extension, dict), f"{where} {path}", "extension is not an object"):
            plain = [key for key in extension if not _GLOBAL_KEY.fullmatch(key)]
            ledger.expect("I2", not plain, f"{where} {path}", f"not globally unique: {', '.join(plain[:5])}")


def _extensions(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            where = f"{path}.{key}" if path else key
            if key == "extension":
                yield where, part
            elif key not in ("resource", "prefetch"):
                yield from _extensions(part, where)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _extensions(part, f"{path}[{number}]")


def _check_cards(ledger: Ledger, body: dict[str, Any], where: str) -> None:
    for breach in breaches(body):
        rule = AS_RULE.get(breach.rule, breach.rule)
        known = breach.rule == "F19" and ledger.edition >= 3
        if rule != "I1" and not known:
            ledger.expect(rule, False, f"{where} {breach.path}", RULES[rule].text)
    shown = set(_names(body))
    for rule in (*_OF_CARDS, "A5", "E2", "G1"):
        needed = _NEEDS.get(rule, "summary")
        if needed in shown:
            ledger.expect(rule, True, where, "")
        else:
            ledger.cannot(f"no answer had {'a card' if needed == 'summary' else needed}", rule)


def _names(value: Any) -> Iterator[str]:
    """Yield the names of all elements outside of free content."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            if key not in ("resource", "extension"):
                yield from _names(part)
    elif isinstance(value, list):
        for part in value:
            yield from _names(part)
