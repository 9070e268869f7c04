"""The requests: one realistic hook request, re-keyed to our templates, of patients who need treatment today.

In three sizes: a few resources, the request as it is, and one whose charts go back nine times as far.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from bench.client import Body
from service.knowledge.load import load
from service.prefetch import templates

Json = dict[str, Any]


class Size(StrEnum):
    """How much is sent."""

    SMALL = "small"
    USUAL = "usual"
    LARGE = "large"


#: How many times as much the large request holds.
LARGER = 9
PAYLOAD = Path(__file__).parent / "payloads" / "hook-realistic.json"
#: The patient of the payload, and the B12 result that decides.
PATIENT, DECIDING = "b12-bench-1", "obs-1"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|T)")
#: The newest result is this old.
_RECENT = timedelta(days=7)
#: What a request that needs fallback still sends; six keys are left to be fetched.
_SENT = ("medicationStatements", "medicationAdministrations", "procedures", "familyHistory")
_HAEMOGLOBIN, _MMA = "718-7", "13964-2"


def bodies(count: int, today: date, size: Size = Size.USUAL) -> list[Body]:
    """Return requests for so many patients: their own ids, values and hook instances; the same every day's run."""
    chance = random.Random(12)
    whole = _sized(request(today), size)
    return [_body(whole, number, chance) for number in range(1, count + 1)]


def request(today: date) -> Json:
    """Return the payload with our prefetch keys, its dates moved up to today and its deciding B12 low."""
    whole: Json = orjson.loads(PAYLOAD.read_bytes())
    sent = whole["prefetch"]
    sent = _moved(sent, today - _RECENT - max(_days(sent["observations"])))
    _set_low(next(e["resource"] for e in sent["observations"]["entry"] if e["resource"]["id"] == DECIDING))
    tests = _split(sent["observations"])
    empty = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    had = {"patient": sent["patient"], "conditions": sent["conditions"], "medicationRequests": sent["medications"]}
    return whole | {"prefetch": {key: (had | tests).get(key, empty) for key in queries()}}


@cache
def queries() -> dict[str, str]:
    """Return the prefetch templates of the service by their key."""
    return {template.key: template.url for template in templates(load().index)}


def _sized(whole: Json, size: Size) -> Json:
    """Return the request with fewer or more resources; the larger one repeats the chart with other ids, earlier."""
    if size is Size.USUAL:
        return whole
    sent = dict(whole["prefetch"])
    if size is Size.SMALL:
        deciding = [e for e in sent["b12"]["entry"] if e["resource"]["id"] == DECIDING]
        little = {key: page | {"entry": [], "total": 0} for key, page in sent.items() if key != "patient"}
        few = {"b12": sent["b12"] | {"entry": [_bare(e) for e in deciding], "total": 1}}
        person = {key: sent["patient"][key] for key in ("resourceType", "id", "gender", "birthDate")}
        return whole | {"prefetch": little | few | {"patient": person}}
    for key, page in sent.items():
        if page.get("entry"):
            more = [e for times in range(LARGER) for e in _again(page["entry"], times)]
            sent[key] = page | {"entry": more, "total": len(more)}
    return whole | {"prefetch": sent}


def _bare(entry: Json) -> Json:
    wanted = ("resourceType", "id", "status", "code", "subject", "effectiveDateTime", "valueQuantity")
    return {"resource": {key: entry["resource"][key] for key in wanted}}


def _again(entries: list[Json], times: int) -> list[Json]:
    """Return entries once more, years earlier, each another resource."""
    if not times:
        return entries
    earlier = _moved(entries, -timedelta(days=400 * times))
    for entry in earlier:
        entry["resource"]["id"] += f"-{times}"
    return earlier


def _body(whole: Json, number: int, chance: random.Random) -> Body:
    one = deepcopy(whole)
    for observation in _observations(one):
        quantity, code = observation["valueQuantity"], observation["code"]["coding"][0]["code"]
        if observation["id"] == DECIDING:
            quantity["value"] = float(chance.randrange(90, 149))
        elif code == _HAEMOGLOBIN:
            quantity["value"] = chance.randrange(95, 119) / 10
        elif code == _MMA:
            quantity["value"] = float(chance.randrange(400, 990))
        else:
            # No two patients have the same results, whatever may be remembered of how they are printed.
            digits = len(f"{quantity['value']}".partition(".")[2])
            quantity["value"] = round(quantity["value"] * chance.uniform(0.9, 1.1), digits)
    patient = f"b12-bench-{number}"
    one["hookInstance"] = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    json = orjson.dumps(one).replace(PATIENT.encode() + b'"', patient.encode() + b'"')
    return Body(patient, one["hookInstance"], json)


def _set_low(deciding: Json) -> None:
    """Make the deciding B12 one that every protocol calls low."""
    deciding["valueQuantity"]["value"] = 120.0
    interpretation = deciding["interpretation"][0]
    interpretation["coding"][0] |= {"code": "L", "display": "Low"}
    interpretation["text"] = "Low"


def _observations(whole: Json) -> Iterator[Json]:
    for key in ("b12", "bloods"):
        yield from (entry["resource"] for entry in whole["prefetch"][key]["entry"])


def _split(observations: Json) -> dict[str, Json]:
    """Return the B12 results under their own key, and all others, asked for or not, as blood tests."""
    rare = queries()["b12"]
    apart: dict[str, list[Json]] = {"b12": [], "bloods": []}
    for entry in observations["entry"]:
        coding = entry["resource"]["code"]["coding"][0]
        apart["b12" if f"{coding['system']}|{coding['code']}" in rare else "bloods"].append(entry)
    return {key: observations | {"total": len(found), "entry": found} for key, found in apart.items()}


def _days(observations: Json) -> Iterator[date]:
    return (date.fromisoformat(e["resource"]["effectiveDateTime"][:10]) for e in observations["entry"])


def _moved(value: Any, by: timedelta) -> Any:
    """Return the resources with every date but the birth moved."""
    if isinstance(value, dict):
        return {key: child if key == "birthDate" else _moved(child, by) for key, child in value.items()}
    if isinstance(value, list):
        return [_moved(child, by) for child in value]
    found = _DATE.match(value) if isinstance(value, str) else None
    return (date.fromisoformat(found[0]) + by).isoformat() + value[found.end() :] if found else value


def without(body: Body, server: str) -> Body:
    """Return a request that leaves six keys for its FHIR server to answer: all but four of those that hold nothing."""
    whole = orjson.loads(body.json)
    empty = {key: page for key, page in whole["prefetch"].items() if key in _SENT}
    return replace(body, json=orjson.dumps(whole | {"fhirServer": server, "prefetch": empty}))
