"""What every answer must be, whatever was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from cds_hooks.conformance import caller
from cds_hooks.conformance.ledger import Ledger, Verdict
from cds_hooks.conformance.responses import check_answer
from cds_hooks.invariants import check_response

from .seeds import PATIENT, SEEDED, STRANGER
from .world import Answer, Shot

ASSESSMENT = "org.b12-cds.assessment"
_ROUTED = re.compile(r"/cds-services/[a-z0-9-]+(/feedback)?/?")
_NAMED = re.compile(rb'"(resourceType|id)": "[^"]*someone-else')
REFUSALS = frozenset({400, 404, 405, 412, 413, 415})
#: Our own resources are built without anything empty; one of the client's is given back as it was sent.
AS_SENT = frozenset({"A3", "A4"})


def judge(shot: Shot, answer: Answer) -> bool:
    """Return whether the answer rests on a decision; raises AssertionError for one that must never be given."""
    for secret in SEEDED:
        assert secret not in answer.log, f"the log holds {secret!r}: {answer.log}"
    if answer.reached:
        assert answer.status == 500, f"{shot.broken} failed, and the answer is {answer.status}"
        assert _refused(answer), "a failure of ours is no OperationOutcome"
        assert "ZeroDivisionError" in answer.log
        return False
    if answer.status != 200:
        # A resource is named by what it says are its type and its id.
        assert STRANGER.encode() not in answer.body or _NAMED.search(shot.body), "another patient is named"
        assert answer.status in REFUSALS, f"{answer.status}: {answer.log}"
        assert not _ROUTED.fullmatch(shot.path) or _refused(answer), "a refusal that is no OperationOutcome"
        return False
    said = json.loads(answer.body)
    if shot.path.endswith("/feedback"):
        assert set(said) == {"received"}
        return False
    return _cards(shot, answer, said)


def _refused(answer: Answer) -> bool:
    told = json.loads(answer.body)
    issue = told.get("issue") or [{}]
    return (
        told.get("resourceType") == "OperationOutcome"
        and "cards" not in told
        and bool(issue[0].get("diagnostics"))
        and answer.headers["Content-Type"] == "application/fhir+json"
    )


def _cards(shot: Shot, answer: Answer, said: Any) -> bool:
    decided = (said.get("extension") or {}).get(ASSESSMENT) is not None
    assert decided, "an answer that no decision stands behind"
    broken = check_response(said)
    ours = _ours(said)
    if broken and set(broken) <= AS_SENT:
        broken = check_response(ours)
    assert not broken, f"breaks {broken}"
    ledger = Ledger()
    check_answer(ledger, caller.Answer(200, {"content-type": "application/json"}, answer.body), shot.path)
    findings = [f for result in ledger.results() if result.verdict is Verdict.FAILED for f in result.findings]
    assert all(f.rule in AS_SENT for f in findings), findings
    assert STRANGER not in json.dumps(ours), "another patient is named"
    owners = {reference for reference in _references(ours["cards"]) if reference.startswith("Patient/")}
    assert owners <= {f"Patient/{_patient(shot)}"}, f"cards about {owners}"
    assert not (said["cards"] and _is_of_a_stranger(shot)), "cards from another patient's data"
    return True


def _ours(said: Any) -> Any:
    """Return the answer without the resources that are the client's own, put right."""
    kept = json.loads(json.dumps(said))
    for card in kept["cards"]:
        for suggestion in card.get("suggestions", ()):
            for action in suggestion["actions"]:
                if action["type"] == "update":
                    owners = [{"reference": name} for name in _references(action["resource"].get("subject")) if name]
                    action["resource"] = {"resourceType": "Basic", "id": "as-sent", "subject": owners or "not said"}
    return kept


def _patient(shot: Shot) -> str:
    return str(json.loads(shot.body)["context"]["patientId"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "reference" and isinstance(part, str):
                yield part
            else:
                yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _is_of_a_stranger(shot: Shot) -> bool:
    """Return whether a resource of a Bundle that is read says plainly that it is another patient's."""
    asked = json.loads(shot.body)
    bundles = [*(asked.get("prefetch") or {}).items(), *asked["context"].items()]
    return any(_names(bundle, STRANGER) for key, bundle in bundles if key in _READ)


_READ = frozenset(
    {"b12", "bloods", "conditions", "medicationRequests", "medicationStatements", "medicationAdministrations"}
    | {"allergies", "procedures", "familyHistory", "draftOrders", "medications"}
)


def _names(bundle: Any, stranger: str) -> bool:
    entries = bundle.get("entry") if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" else None
    resources = [each.get("resource") for each in entries or () if isinstance(each, dict)]
    return any(
        isinstance(resource, dict)
        and isinstance(resource.get("resourceType"), str)
        and {"reference": f"Patient/{stranger}"} in (resource.get("subject"), resource.get("patient"))
        for resource in resources
    )


assert PATIENT != STRANGER
