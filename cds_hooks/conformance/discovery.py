"""Discovery: is it there, does it stay the same, and does it describe each service as CDS Hooks says?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from cds_hooks.conformance.caller import Answer, Caller, Unreachable
from cds_hooks.conformance.ledger import Ledger
from cds_hooks.conformance.responses import check_emptiness, check_extensions
from cds_hooks.conformance.rules import RULES
from cds_hooks.conformance.templates import check_templates

PATH = "/cds-services"
_SEMVER = re.compile(r"(\d+)\.\d+(\.\d+)?(-[0-9A-Za-z.\-]+)?(\+[0-9A-Za-z.\-]+)?")
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@%]+")
_PUBLISHED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "patient-view": frozenset({"1.0"}),
        "order-select": frozenset({"1.0", "1.0.1", "1.0.2"}),
        "order-sign": frozenset({"1.0", "1.0.1", "1.1"}),
        "encounter-start": frozenset({"1.0"}),
        "encounter-discharge": frozenset({"1.0"}),
        "appointment-book": frozenset({"1.0"}),
        "order-dispatch": frozenset({"1.0", "1.1"}),
        "allergyintolerance-create": frozenset({"0.1"}),
        "medication-refill": frozenset({"0.1"}),
        "problem-list-item-create": frozenset({"0.1"}),
        "medication-verify": frozenset({"0.1"}),
    }
)
"""The versions that HL7's hook library has published, without a last part of zero."""


@dataclass(frozen=True, slots=True)
class Found:
    """One service as discovery describes it: what is needed to call it."""

    id: str
    hook: str
    url: str
    templates: Mapping[str, Any]


def base_of(url: str) -> str:
    """Return the discovery URL of what an operator typed: with or without `/cds-services`, in http or https.

    Raises `Unreachable` for what is no URL.
    """
    typed = url.strip().rstrip("/")
    parts = urlsplit(typed)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Unreachable(f"{url!r} is not an http or https URL")
    return typed if typed.endswith(PATH) else typed + PATH


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def discover(caller: Caller, ledger: Ledger, url: str) -> tuple[Found, ...]:
    """Read and check discovery (sections A and B); return the services that can be called.

    Raises `Unreachable` when nothing answers there, or when it answers only callers that it trusts.
    """
    _check_scheme(ledger, url)
    first = caller.get(url, "discovery")
    if not first.status:
        if "certificate" in first.error:
            return ()
        raise Unreachable(f"{url}: {first.error}")
    if first.unauthorized:
        raise Unreachable(
            f"{url}: {first.status}; it asks for authentication: give --keys FILE, and the service the public half"
        )
    if not ledger.expect("B1", first.ok, "discovery", f"answered {first.told}"):
        return ()
    again = caller.get(url, "discovery, again")
    ledger.expect("B1", again.ok and again.value == first.value, "discovery, again", "the second answer is another")
    return tuple(_services(ledger, url, first))


def _check_scheme(ledger: Ledger, url: str) -> None:
    if urlsplit(url).scheme == "https":
        ledger.expect("A2", True, "the URL", "")
    elif is_loopback(url):
        ledger.cannot("a service on this machine alone needs no TLS", "A2")
    else:
        ledger.expect("A2", False, "the URL", "http, not https")


def _services(ledger: Ledger, url: str, answer: Answer) -> Iterator[Found]:
    if not ledger.expect("B2", answer.status == 200, "discovery", f"answered {answer.status}, not 200"):
        return
    if not ledger.expect("A1", answer.is_json, "discovery", "the body is not JSON, or is not declared so"):
        return
    body = answer.value
    listed = body.get("services") if isinstance(body, dict) else None
    if not ledger.expect("B2", isinstance(listed, list), "discovery", "no object with an array of services"):
        return
    check_emptiness(ledger, body, "discovery")
    check_extensions(ledger, body, "discovery")
    seen: set[tuple[str, str]] = set()
    for number, entry in enumerate(listed or ()):
        place = f"discovery services[{number}]"
        if not ledger.expect("B2", isinstance(entry, dict), place, "not an object"):
            continue
        yield from _entry(ledger, url, entry, place, seen)


def _entry(ledger: Ledger, url: str, entry: dict[str, Any], place: str, seen: set[tuple[str, str]]) -> Iterator[Found]:
    hook, name = entry.get("hook"), entry.get("id")
    ledger.expect("B4", _is_text(hook), place, "no hook")
    ledger.expect("B5", _is_text(entry.get("title")), place, "no title")
    ledger.expect("B6", _is_text(entry.get("description")), place, "no description")
    fits = isinstance(name, str) and _SEGMENT.fullmatch(name) is not None and (name, str(hook)) not in seen
    ledger.expect("B7", fits, place, "no id that can stand in a URL, or one that stands twice for one hook")
    if "usageRequirements" in entry:
        ledger.expect("B9", isinstance(entry["usageRequirements"], str), place, "usageRequirements is not text")
    version = _version(ledger, entry, place)
    _check_hook_version(ledger, str(hook), entry.get("hookVersion"), place)
    templates = entry.get("prefetch", {})
    if "prefetch" not in entry:
        ledger.cannot("the service declares no prefetch", *(rule for rule in RULES if rule[0] == "C"), "B8")
    elif ledger.expect("C1", isinstance(templates, dict), place, "prefetch is not an object of templates"):
        check_templates(ledger, str(hook), templates, version=version, where=place)
    if isinstance(name, str) and fits and isinstance(hook, str) and hook:
        seen.add((name, hook))
        yield Found(name, hook, f"{url}/{name}", templates if isinstance(templates, dict) else {})


def _version(ledger: Ledger, entry: dict[str, Any], place: str) -> int:
    """Return the major edition that a service declares, 2 when it declares none."""
    if "version" not in entry:
        ledger.cannot("the service declares no version, which 3.0 recommends", "B10")
        return 2
    match = _SEMVER.fullmatch(str(entry["version"]))
    ledger.expect("B10", match is not None, place, "version is not a semantic version")
    return int(match[1]) if match else 2


def _check_hook_version(ledger: Ledger, hook: str, version: Any, place: str) -> None:
    if version is None:
        ledger.cannot("no service declares a hookVersion", "B11")
    elif hook not in _PUBLISHED:
        ledger.cannot(f"the versions of {hook} are not known here", "B11")
    else:
        plain = re.sub(r"(\.\d+)\.0$", r"\1", str(version))
        ledger.expect("B11", plain in _PUBLISHED[hook], place, f"{hook} has no version {version}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""
