"""The pages at /sandbox: patients, a chart with its cards, two guidelines side by side, and order entry."""

import gzip
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.sandbox.chart import roll
from service.sandbox.desk import Desk, Visit
from service.sandbox.ehr import Exchange, SandboxEhr
from service.sandbox.entry import Entry, begin, step
from service.sandbox.facts import patients
from service.sandbox.formulary import Choice, Formulary
from service.sandbox.wire import EhrError

SAID = {
    "sign": "Signed. The orders are active on the patient's record.",
    "draft": "Saved as an unsigned draft. Nothing is ordered until it is signed.",
}
SET_ASIDE = "Card set aside. The service was told why, and keeps quiet about it for a while."
#: Where a newcomer begins: three patients who show the product.
BEGIN = ("nora-neurology", "mina-metformin", "walt-warfarin")
SMALL = 4096  # bytes below which packing gains nothing


def blueprint(ehr: SandboxEhr, protocols: Sequence[tuple[str, str]], offered: Formulary) -> Blueprint:
    """The sandbox's pages over an EHR; protocols are (id, title), the first is chosen at the start."""
    pages = Blueprint(
        "sandbox",
        __name__,
        url_prefix="/sandbox",
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    desk = Desk(ehr, protocols, offered)
    usual = desk.protocols[0][0]
    pages.after_request(_packed)

    @pages.context_processor
    def known() -> dict[str, Any]:
        launch = "sandbox_consent.launch"
        return {
            "protocols": desk.protocols,
            "exchanged": _exchanged,
            "launch": launch if launch in current_app.view_functions else None,
        }

    @pages.get("")
    def page() -> Response:
        asked = request.args
        patient, protocol = asked.get("patient", ""), asked.get("protocol", "")
        if not patient:
            return _list(desk, "", protocol or usual)
        return _chart(desk.visit(patient, protocol, asked.get("beside", "")))

    @pages.post("/find")
    def find() -> Response:
        # Posted: a name in an address would be kept by whoever keeps addresses.
        return _list(desk, request.form.get("name", "").strip(), usual)

    @pages.post("/orders")
    def orders() -> AnyResponse:
        return _done(desk, lambda: desk.accept(request.form), SAID.get(request.form.get("intention", ""), ""))

    @pages.post("/override")
    def override() -> AnyResponse:
        return _done(desk, lambda: desk.override(request.form), SET_ASIDE)

    @pages.get("/order")
    def order() -> Response:
        asked = request.args
        patient, protocol = asked.get("patient", ""), asked.get("protocol", "") or usual
        choice = Choice(*(asked.get(name, "") for name in ("medicine", "dose", "often", "route")))
        try:
            return _entry(desk, begin(desk, patient, protocol, choice, asked.get("draft", "")))
        except EhrError as error:
            return _entry(desk, Entry(patient, protocol, choice, failures=[error]))

    @pages.post("/order")
    def order_step() -> Response:
        return _entry(desk, step(desk, request.form))

    return pages


def _list(desk: Desk, name: str, protocol: str) -> Response:
    visit = Visit("", protocol)
    found = visit.attempt(lambda: roll(desk.ehr, desk.ehr.now().date(), name)) or ()
    stories = {patient.id for patient in patients()}
    return _answer(
        "sandbox/patients.html",
        visit.failures,
        roll=found,
        name=name,
        protocol=protocol,
        begin=[each for wanted in BEGIN for each in found if each.id == wanted],
        synthetic=all(each.id in stories for each in found),
        few=len(found) <= len(stories),
    )


def _chart(visit: Visit) -> Response:
    return _answer("sandbox/chart.html", visit.failures, visit=visit)


def _entry(desk: Desk, entry: Entry) -> Response:
    visit = Visit(entry.patient, entry.protocol)
    person = visit.attempt(partial(desk.ehr.read, f"Patient/{entry.patient}")) if not entry.failures else None
    return _answer("sandbox/order.html", entry.failures, entry=entry, offered=desk.offered, person=person)


def _done(desk: Desk, work: Callable[[], str], said: str) -> AnyResponse:
    """Do it and show the chart anew; a failure is a box on the chart, where that can still be opened."""
    form = request.form
    patient, protocol, other = (form.get(name, "") for name in ("patient", "protocol", "beside"))
    try:
        besides = work()
    except EhrError as error:
        # After what was not on offer nothing more is done than to say so.
        visit = Visit(patient, protocol) if error.status == 400 else desk.visit(patient, protocol, other)
        visit.failures.insert(0, error)
        return _chart(visit)
    flash(said, "success")
    if besides:
        flash(besides, "warning")
    shown = url_for("sandbox.page", patient=patient, protocol=form.get("shown") or protocol, beside=other or None)
    return redirect(shown, code=303)


def _answer(template: str, failures: Sequence[EhrError], **shown: Any) -> Response:
    """A page; a failure is a box on it and its status, never a gap."""
    return make_response(render_template(template, failures=failures, **shown), failures[0].status if failures else 200)


def _packed(response: Response) -> Response:
    """Charts repeat themselves: packed they are a tenth."""
    if response.mimetype == "text/html" and request.accept_encodings.quality("gzip") > 0:
        plain = response.get_data()
        if len(plain) > SMALL:
            response.set_data(gzip.compress(plain, 6, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")
    return response


def _exchanged(answer: Exchange) -> tuple[tuple[str, str], ...]:
    """An exchange as the developer's panel shows it."""
    documents = (("Response", answer.response), ("Request", answer.request))
    # The standard library's own indenting is slow enough to be seen.
    return tuple(
        (title, msgspec.json.format(msgspec.json.encode(said), indent=1).decode()) for title, said in documents
    )
