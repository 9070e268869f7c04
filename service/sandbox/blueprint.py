"""The page at /sandbox: choose a patient and a protocol, see the cards, sign or keep a draft."""

import hmac
import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.sandbox.chart import Chart, chart, roll
from service.sandbox.ehr import ASSESSMENT, Exchange, SandboxEhr
from service.sandbox.orders import Intention
from service.sandbox.views import cards, chosen
from service.sandbox.wire import EhrError

T = TypeVar("T")
COOKIE = "b12_sandbox_form"
FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
SAID = {
    "sign": "Signed. The orders are active on the patient's record.",
    "draft": "Saved as an unsigned draft. Nothing is ordered until it is signed.",
}


class ChoiceError(EhrError):
    """The user asked for something that is not on offer."""

    status = 400


class ForgedFormError(EhrError):
    """The form did not come from this page."""

    status = 403


class StaleError(EhrError):
    """The advice is no longer what the user was shown."""

    status = 409


def blueprint(ehr: SandboxEhr, protocols: Sequence[tuple[str, str]]) -> Blueprint:
    """The sandbox's pages over an EHR; protocols are (id, title), the first is chosen at the start."""
    pages = Blueprint(
        "sandbox",
        __name__,
        url_prefix="/sandbox",
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    desk = _Desk(ehr, protocols)

    @pages.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint != "sandbox.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @pages.get("")
    def page() -> Response:
        return desk.show(request.args.get("patient", ""), request.args.get("protocol", ""))

    @pages.post("/orders")
    def orders() -> AnyResponse:
        form = request.form
        patient, protocol = form.get("patient", ""), form.get("protocol", "")
        try:
            desk.act(patient, protocol, form.get("intention", ""), form.get("suggestion", ""))
        except EhrError as error:
            return desk.show(patient, protocol, error)
        said = form["intention"]
        return redirect(url_for("sandbox.page", patient=patient, protocol=protocol, said=said), code=303)

    return pages


class _Desk:
    """Where the clinician sits: shows a page, and carries out what was clicked on it."""

    def __init__(self, ehr: SandboxEhr, protocols: Sequence[tuple[str, str]]) -> None:
        self.ehr, self.protocols = ehr, tuple(protocols)

    def show(self, patient: str, protocol: str, failure: EhrError | None = None) -> Response:
        """The page for a patient and a protocol, or the list of patients; a failure is a box, never a gap."""
        protocol = protocol or self.protocols[0][0]
        failures = [failure] if failure else []
        known = _attempt(lambda: roll(self.ehr), failures) or ()
        opened = answer = None
        # After a refused form nothing more is done for it than to say so.
        if patient and not isinstance(failure, ChoiceError | ForgedFormError):
            opened = _attempt(lambda: self._opened(patient, protocol), failures)
        if opened:
            answer = _attempt(lambda: self.ehr.call(patient, protocol), failures)
        token = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)
        html = render_template(
            "sandbox/page.html",
            protocols=self.protocols,
            patient=patient,
            protocol=protocol,
            roll=known,
            chart=opened,
            answer=answer,
            cards=cards(answer.response) if answer else (),
            assessment=_assessment(answer),
            exchanged=_exchanged(answer),
            failures=failures,
            said=SAID.get(request.args.get("said", "")),
            token=token,
        )
        response = make_response(html, failures[0].status if failures else 200)
        response.set_cookie(COOKIE, token, path="/sandbox", httponly=True, samesite="Strict")
        return response

    def act(self, patient: str, protocol: str, intention: str, suggestion: str) -> None:
        """Ask the service again, and carry out the suggestion only if it still is what was shown."""
        _same_site()
        self._check(patient, protocol)
        if intention not in SAID:
            raise ChoiceError("Nothing was written", "The form does not say whether to sign or to save.")
        found = chosen(self.ehr.call(patient, protocol).response, suggestion)
        if found is None:
            raise StaleError("Nothing was written", "The advice has changed since it was shown. Read it again.")
        carry_out = self.ehr.accept if Intention(intention) is Intention.SIGN else self.ehr.draft
        carry_out(*found)

    def _opened(self, patient: str, protocol: str) -> Chart:
        self._check(patient, protocol)
        return chart(self.ehr, patient, datetime.now(UTC).date())

    def _check(self, patient: str, protocol: str) -> None:
        if not FHIR_ID.fullmatch(patient):
            raise ChoiceError("No such patient", "The patient id is not a FHIR id.")
        if protocol not in dict(self.protocols):
            offered = ", ".join(identity for identity, _ in self.protocols)
            raise ChoiceError("No such protocol", f"The sandbox offers {offered}.")


def _same_site() -> None:
    """Double submit: the form repeats a cookie that a foreign page can neither read nor send."""
    cookie, repeated = request.cookies.get(COOKIE, ""), request.form.get("token", "")
    foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}
    if foreign or not cookie or not hmac.compare_digest(cookie.encode(), repeated.encode()):
        raise ForgedFormError("Nothing was written", "The form did not come from this page, or the page is too old.")


def _attempt(work: Callable[[], T], failures: list[EhrError]) -> T | None:
    try:
        return work()
    except EhrError as error:
        failures.append(error)
        return None


def _assessment(answer: Exchange | None) -> dict[str, object]:
    extension = answer.response.get("extension") if answer else None
    return (extension or {}).get(ASSESSMENT) or {}


def _exchanged(answer: Exchange | None) -> tuple[tuple[str, str], ...]:
    if answer is None:
        return ()
    documents = (("Response", answer.response), ("Request", answer.request))
    return tuple((title, json.dumps(document, indent=2, ensure_ascii=False)) for title, document in documents)
