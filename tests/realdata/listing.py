"""What the service makes of a chart, as lists a person can read from top to bottom."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from service.domain.record import Exposure, Finding, Problem, Record, Result, When
from service.evaluate import Unusable, evaluate, shipped
from service.fhir.pages import Broken, sheet
from service.fhir.reading import OtherPatient

from .charts import Chart, Json, without_patient

Listing = dict[str, Any]
_MANY_DIGITS = re.compile(r"[0-9]+\.[0-9]{5,}")


def listing(chart: Chart, today: date) -> Listing:
    """Return what is read in a chart, what is refused and why, what is passed over, and the answer of each protocol.

    Every resource stands in exactly one of the three lists; one that says two things is found twice.
    """
    made: Listing = {"sha256": hashlib.sha256(chart.document).hexdigest()[:16]}
    try:
        record = _record(chart, today)
    except Unusable as error:
        return made | {"no chart": str(error)}
    except OtherPatient as error:
        chart = without_patient(chart)
        made["request refused"] = str(error)
        record = _record(chart, today)
    read = [*_findings(record)]
    refused = {unreadable.resource for unreadable in record.unreadable}
    told = {resource for resource, _ in read} | refused
    if strange := told - {name for name, _ in chart.resources}:
        raise LookupError(f"{chart.name}: what is told of {strange} was never sent")
    made["patient"] = _person(record)
    made["found"] = [line for _, line in read]
    made["refused"] = [f"{u.resource}: {u.why}" for u in record.unreadable]
    made["not all sent"] = list(record.unchecked)
    if undecoded := [name for name, resource in chart.resources if _broken(resource)]:
        made["not decodable"] = undecoded
    made["passed over"] = _counted(_about(resource) for name, resource in chart.resources if name not in told)
    made["answers"] = {name: _answer(chart, name, today) for name in sorted(shipped().book.protocols)}
    return made


def _broken(resource: Json) -> bool:
    """Return whether a resource of a kind that is read does not fit the shape it is read by."""
    return any(isinstance(item.resource, Broken) for item in sheet(json.dumps(resource).encode()).items)


def _record(chart: Chart, today: date) -> Record:
    using = shipped()
    protocol = next(iter(using.book.protocols))
    return evaluate(chart.document, protocol=protocol, today=today, using=using).decision.evidence.record


def _answer(chart: Chart, protocol: str, today: date) -> str:
    answer = evaluate(chart.document, protocol=protocol, today=today, using=shipped())
    said = answer.assessment
    causes = ", ".join(cause["id"] for cause in said["causes"])
    chosen = next((option["regimen"] for option in said["options"] if option["recommended"]), "no plan")
    cards = ", ".join(card.indicator for card in answer.cards)
    return f"{said['status']} ({said['rule']}); cause: {causes or 'none'}; {chosen}; cards: {cards or 'none'}"


def _person(record: Record) -> str:
    notes = [f"born {_day(record.birth)}"]
    notes += ["dead"] if record.deceased else []
    notes += ["Black ethnicity"] if record.black_ethnicity else []
    return f"{record.patient}, {', '.join(notes)}"


def _findings(record: Record) -> Iterator[tuple[str, str]]:
    for result in record.results:
        yield result.resource, f"{_day(result.taken)} {_result(result)}, {result.resource}"
    for problem in record.problems:
        yield problem.resource, f"{_day(problem.onset)} {_problem(problem)}, {problem.resource}"
    for exposure in record.exposures:
        yield exposure.resource, f"{exposure.start or 'no date'} {_exposure(exposure)}, {exposure.resource}"
    facts: Iterable[Finding] = (*record.procedures, *record.allergies, *record.states)
    for fact in facts:
        yield fact.resource, f"{_day(fact.when)} {fact.concept.id}, {fact.resource}"


def _result(result: Result) -> str:
    said = [f"{result.analyte} {_MANY_DIGITS.sub(lambda found: f'{float(found[0]):.6g}', result.shown)}"]
    if (measure := result.measure) is not None:
        compared = f"{measure.comparator}{measure.value:.6g} {measure.unit}"
        said += [] if said[0].endswith(f" {compared}") else [f"= {compared}"]
    if result.range_low is not None or result.range_high is not None:
        said.append(f"range {result.range_low} to {result.range_high}")
    if result.positive is not None:
        said.append("positive" if result.positive else "negative")
    if result.flag is not None:
        said.append(f"flagged {result.flag.value}")
    return " ".join(said)


def _problem(problem: Problem) -> str:
    said = [problem.concept.id, "active" if problem.active else "not active"]
    said += [f"ended {_day(problem.ended)}"] if problem.ended else []
    said += [] if problem.certain else ["not certain"]
    said += ["in words only"] if problem.text_only else []
    return " ".join(said)


def _exposure(exposure: Exposure) -> str:
    said = [exposure.concept.id, exposure.course, exposure.form]
    said += [f"to {exposure.end}"] if exposure.end else []
    said += [f"every {exposure.every_days} days"] if exposure.every_days else []
    said += [] if exposure.systemic else ["local"]
    return " ".join(said)


def _day(when: When | None) -> str:
    if when is None:
        return "no date"
    return f"{when.earliest}" if when.earliest == when.latest else f"{when.earliest} to {when.latest}"


def _about(resource: Json) -> str:
    """Return what a resource is about: its kind, its codes and what they are called."""
    concept = resource.get("code") or resource.get("medicationCodeableConcept")
    if not isinstance(concept, dict):
        reference = resource.get("medicationReference") or {}
        return " ".join([resource["resourceType"], reference.get("display", "")]).rstrip()
    codes = [f"{c.get('system', '').rpartition('/')[2]} {c.get('code')}" for c in concept.get("coding", ())]
    name = next((c["display"] for c in concept.get("coding", ()) if c.get("display")), concept.get("text", ""))
    parts = [c.get("code", {}).get("coding", [{}])[0].get("code", "?") for c in resource.get("component", ())]
    inside = f" with {', '.join(parts)}" if parts else ""
    return " ".join(part for part in (resource["resourceType"], ", ".join(codes), name) if part) + inside


def _counted(lines: Iterable[str]) -> list[str]:
    return [f"{number} x {line}" for line, number in sorted(Counter(lines).items())]
