"""How the demo EHR speaks HTTP: JSON in and out, and every failure in words with its OperationOutcome."""

from threading import local
from typing import Any

import requests

Json = dict[str, Any]
_kept = local()
FHIR_JSON = "application/fhir+json"


class EhrError(Exception):
    """Something that the EHR must show its user instead of a page of cards."""

    status = 502  # what a page answers that shows it

    def __init__(self, title: str, text: str) -> None:
        """Say what failed, and what the other side said about it."""
        super().__init__(f"{title}: {text}")
        self.title, self.text = title, text


class UnreachableError(EhrError):
    """No answer at all."""


class RefusedError(EhrError):
    """An answer with an error status."""


class NotUnderstoodError(EhrError):
    """An answer that is not what the specification promises."""


def exchange(who: str, method: str, url: str, timeout: float, body: Json | None = None) -> Json:
    """Send one request and read its JSON object; `who` names the other side in an error."""
    headers = {"Accept": f"{FHIR_JSON}, application/json"}
    try:
        answer = _line().request(method, url, json=body, headers=headers, timeout=timeout, allow_redirects=False)
    except requests.RequestException as error:
        raise UnreachableError(f"{who} does not answer", f"{method} {url}: {type(error).__name__}") from error
    if not answer.ok:
        raise RefusedError(f"{who} answered {answer.status_code}", outcome_text(answer))
    try:
        document = answer.json() if answer.content else {}
    except requests.JSONDecodeError as error:
        raise NotUnderstoodError(f"{who} did not answer with JSON", answer.text[:500]) from error
    if not isinstance(document, dict):
        raise NotUnderstoodError(f"{who} did not answer with a JSON object", answer.text[:500])
    return document


def _line() -> requests.Session:
    """This thread's session: its connections stay open, and no proxy stands before the machine's own servers."""
    found: requests.Session | None = getattr(_kept, "session", None)
    if found is None:
        found = _kept.session = requests.Session()
        found.trust_env = False
    return found


def outcome_text(answer: requests.Response) -> str:
    """The diagnostics of an OperationOutcome, or else the beginning of whatever was sent."""
    try:
        issues = answer.json()["issue"]
        said = [issue.get("diagnostics") or issue["details"]["text"] for issue in issues]
    except (requests.JSONDecodeError, KeyError, TypeError, AttributeError):
        said = []
    return " ".join(said) or answer.text[:500] or "Nothing more was said."
