"""Every way a call can be refused, each with its HTTP status and its FHIR OperationOutcome.

Refusal
├── MalformedRequest   400  not JSON, or an element of the wrong shape
├── InvalidContext     400  the context breaks its hook's definition
├── WrongHook          400  the service exists, for another hook
├── WrongPatient       400  the request speaks of two patients
├── ForbiddenServer    400  a fhirServer that no allow-list could hold
├── Unauthorized       401  the caller is not known to be a client; why stands in the log alone
├── UnknownService     404
├── NoFeedback         404  the service exists, and takes no feedback
├── MethodNotAllowed   405
├── MissingPrefetch    412  required data neither sent nor to be fetched
├── TooLarge           413
├── UnsupportedMedia   415
├── TooMany            429  the client calls faster than it may
├── InternalFault      500  our own fault: a correlation id and nothing else
└── Unavailable        503  what the answer depends on cannot be had now

A refusal is raised where it is found and becomes HTTP only in the blueprint. Diagnostics name elements, never
their values: a value may identify a patient.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """A call that will not be answered with cards."""

    status: ClassVar[int]
    code: ClassVar[str]
    """A code of http://hl7.org/fhir/issue-type."""
    text: ClassVar[str]

    def __init__(self, diagnostics: str, *expression: str) -> None:
        super().__init__(diagnostics)
        self.diagnostics = diagnostics
        self.expression = expression


class MalformedRequest(Refusal):
    """The body is not JSON, or an element has the wrong shape."""

    status, code, text = 400, "structure", "The request is not a valid CDS Hooks request."


class InvalidContext(Refusal):
    """The context breaks the definition of its hook."""

    status, code, text = 400, "value", "The context does not fit the hook."


class WrongHook(Refusal):
    """The service was called for a hook it does not serve."""

    status, code, text = 400, "value", "This service does not serve that hook."


class WrongPatient(Refusal):
    """Two elements of the request name different patients."""

    status, code, text = 400, "conflict", "The request does not speak of one patient."


class ForbiddenServer(Refusal):
    """The fhirServer is not a URL that any allow-list could hold."""

    status, code, text = 400, "value", "The fhirServer cannot be called."


class UnknownService(Refusal):
    """No service has this id."""

    status, code, text = 404, "not-found", "There is no such CDS service."


class NoFeedback(Refusal):
    """The service takes no feedback."""

    status, code, text = 404, "not-found", "This service takes no feedback."


class MethodNotAllowed(Refusal):
    """The path exists, for other HTTP methods."""

    status, code, text = 405, "not-supported", "This method is not allowed here."

    def __init__(self, *allowed: str) -> None:
        self.allowed = allowed
        super().__init__(f"Allowed here: {', '.join(allowed)}.")


class MissingPrefetch(Refusal):
    """Data the service cannot do without was neither sent nor to be fetched (D11, E4)."""

    status, code, text = 412, "processing", "Data that this service requires could not be obtained."

    def __init__(self, diagnostics: str, *expression: str, states: Mapping[str, str]) -> None:
        super().__init__(diagnostics, *expression)
        self.states = states


class TooLarge(Refusal):
    """The body is larger than this service reads."""

    status, code, text = 413, "too-long", "The request is too large."


class UnsupportedMedia(Refusal):
    """The body is not declared to be plain JSON."""

    status, code, text = 415, "not-supported", "The request must be application/json."


class Unauthorized(Refusal):
    """The caller is not known to be a client: the answer is the same whatever the reason (J15).

    `reason` is for the log, and holds nothing that the caller wrote.
    """

    status, code, text = 401, "login", "Not authorized."

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("A JSON Web Token of a known client is required.")


class TooMany(Refusal):
    """The client calls more often than was agreed."""

    status, code, text = 429, "throttled", "Too many calls."

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(f"Try again in {seconds} s.")


class Unavailable(Refusal):
    """Something the answer depends on cannot be had now; the same call may succeed later."""

    status, code, text = 503, "transient", "The service cannot answer now."


class InternalFault(Refusal):
    """The service failed; the caller gets a correlation id to quote, and the log holds the rest."""

    status, code, text = 500, "exception", "The service failed."

    def __init__(self, correlation_id: str) -> None:
        super().__init__(f"Correlation id: {correlation_id}")


def operation_outcome(refusal: Refusal) -> dict[str, Any]:
    """Say a refusal as a FHIR OperationOutcome (CDS Hooks: Returning OperationOutcome, E6)."""
    issue: dict[str, Any] = {
        "severity": "error",
        "code": refusal.code,
        "details": {"text": refusal.text},
        "diagnostics": refusal.diagnostics,
    }
    if refusal.expression:
        issue["expression"] = list(refusal.expression)
    return {"resourceType": "OperationOutcome", "issue": [issue]}
