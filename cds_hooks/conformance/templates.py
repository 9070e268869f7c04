"""Prefetch templates: whether they are what CDS Hooks lets a service declare, and filling them in as a client does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cds_hooks.conformance.ledger import Ledger
from cds_hooks.hooks import HOOKS, Shape

_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_FIELD = re.compile(r"context\.([A-Za-z]\w*)")
_PATH = re.compile(r"context\.[A-Za-z]\w*[.\[(].*")
_USERS = frozenset({"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"})
_DATE = re.compile(r"today\(\)\s*(?:([+-])\s*(\d+)\s*days?)?")
_VARIABLE = re.compile(r"%(\w+)")
_QUERY = re.compile(r"[A-Z][A-Za-z]+(/[A-Za-z0-9\-.]+(/_history/[A-Za-z0-9\-.]+)?|\?\S+)")
_RESULT_PARAMETERS = frozenset({"_count", "_sort", "_maxresults", "_id", "_lastUpdated"})
_FORMER = frozenset({("order-dispatch", "order")})
"""Tokens of an earlier version of a hook, which services may still name."""
_ODD_PREFIX = re.compile(r"(ne|sa|eb|ap)\d{4}")


def check_templates(ledger: Ledger, hook: str, templates: Mapping[str, Any], *, version: int, where: str) -> None:
    """Check each template of one service (C2-C9, B8); `version` is the major edition that the service declares."""
    keys = list(templates)
    for number, (key, template) in enumerate(templates.items()):
        place = f"{where} prefetch.{key}"
        if not ledger.expect("B8", isinstance(template, str), place, "the template is not a string"):
            continue
        tokens = [token.strip() for token in _TOKEN.findall(template)]
        plain = _TOKEN.sub("", template)
        if not ledger.expect("C3", "{" not in plain and "}" not in plain, place, "{{ and }} do not match"):
            continue
        _check_query(ledger, template, place)
        for token in tokens:
            _check_token(ledger, hook, token, version, place)
            for name in _VARIABLE.findall(token):
                known = name in keys[:number] or name not in keys
                ledger.expect("C8", known, place, f"%{name} does not stand before it")
        if not any(_VARIABLE.search(token) for token in tokens):
            ledger.cannot("no template depends on another", "C8")


def _check_query(ledger: Ledger, template: str, place: str) -> None:
    # A token that is the whole target, such as a user's reference, stands for `Type/id`.
    whole = _TOKEN.fullmatch(template) is not None
    filled = _TOKEN.sub("id", template)
    is_query = whole or _QUERY.fullmatch(filled) is not None
    if not ledger.expect("C2", is_query, place, f"not a relative read or search: {template[:80]}"):
        return
    for pair in filter(None, filled.partition("?")[2].split("&")):
        name, _, value = pair.partition("=")
        plain, _, modifier = name.partition(":")
        if plain.startswith("_") and plain not in _RESULT_PARAMETERS:
            ledger.expect("C9", False, place, f"{plain} is not in the common subset")
        else:
            common = modifier in ("", "in") and "." not in plain and not _ODD_PREFIX.match(value)
            ledger.expect("C9", common, place, f"{pair[:60]} is not in the common subset")


def _check_token(ledger: Ledger, hook: str, token: str, version: int, place: str) -> None:
    field = _FIELD.fullmatch(token)
    of_three = version >= 3 and ("%" in token or _DATE.fullmatch(token) is not None or token.startswith("today()"))
    known = bool(field or _PATH.fullmatch(token) or token in _USERS or of_three)
    if not ledger.expect("C3", known, place, f"{{{{{token}}}}} is no token of this edition") or not _is_context(token):
        return
    if field is None:
        ledger.expect("C4", version >= 3, place, f"{{{{{token}}}}} is a path into the context, which 2.0 has not")
        return
    if hook not in HOOKS:
        ledger.cannot(f"the definition of {hook} is not known here", "C4", "C5")
        return
    if (hook, field[1]) in _FORMER:
        return
    fields = {known.name: known for known in HOOKS[hook]}
    if ledger.expect("C5", field[1] in fields, place, f"{hook} has no field {field[1]}"):
        usable = fields[field[1]].is_token or (fields[field[1]].shape is Shape.REFERENCES and hook == "order-dispatch")
        ledger.expect("C4", usable or version >= 3, place, f"context.{field[1]} is not a primitive")


def _is_context(token: str) -> bool:
    return token.startswith("context.")


def fill(template: Any, context: Mapping[str, Any]) -> str | None:
    """Fill in the tokens of a template, or return None when one of them has no value here."""
    if not isinstance(template, str):
        return None
    values = [_value(token.strip(), context) for token in _TOKEN.findall(template)]
    if None in values:
        return None
    left = iter(values)
    return _TOKEN.sub(lambda _: str(next(left)), template)


def _value(token: str, context: Mapping[str, Any]) -> str | None:
    if field := _FIELD.fullmatch(token):
        value = context.get(field[1])
        return value if isinstance(value, str) else None
    if token in _USERS:
        kind, _, name = str(context.get("userId", "")).partition("/")
        return name if token == f"user{kind}Id" else None
    if date := _DATE.fullmatch(token):
        days = int(date[2] or 0) * (-1 if date[1] == "-" else 1)
        return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    return None
