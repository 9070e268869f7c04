"""The pages of one launch: the story with its pictures, the plan changed, written, printed, and as a calendar file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from service.consult import Consultant, UnknownProtocol
from service.domain.terms import Route
from service.fhir.gate import GateError
from service.fhir.reading import OtherPatient
from service.pages.blueprint import told
from service.pages.charts import picture
from service.settings import WrongSettings
from service.smart import views
from service.smart.calendar import Plan, plan
from service.smart.charts import drawn, timelines
from service.smart.choice import Choice, Chosen, bases
from service.smart.client import NotAccepted, SmartFhir
from service.smart.drafts import drafts_of, missing_scopes, others_unsigned, read_back, stopped, unlike, write
from service.smart.handout import handout
from service.smart.ics import ics
from service.smart.session import EXTENSION, Session, current
from service.smart.story import Shelf, Story, story_of

_KEPT = "smart_choices"
_MOST = 8
_NO_STORE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Open:
    """What a page of this launch works on."""

    session: Session
    story: Story
    choice: Choice
    chosen: Chosen | None
    refusals: tuple[Any, ...]
    plan: Plan | None

    @property
    def drafts(self) -> tuple[dict[str, Any], ...]:
        """Return what would be written."""
        story = self.story
        return drafts_of(story.decision, story.book, self.chosen, self.plan, self.session.patient)


def assets() -> Blueprint:
    """Return the app's own style sheet."""
    return Blueprint("smart_assets", __name__, static_folder="static", static_url_path="/smart/assets")


def furnish(blueprint: Blueprint) -> None:
    """Add the pages to the blueprint of one launch; who is launched and with what knowledge is in `app.extensions`."""
    shelf = Shelf()
    blueprint.record_once(lambda state: state.app.register_blueprint(assets()))

    @blueprint.get("/")
    def story() -> str:
        here = _open(shelf, anew=True)
        return render_template("smart/story.html", **_told(here))

    @blueprint.post("/plan")
    def choose() -> AnyResponse:
        _keep({} if "reset" in request.form else _wished())
        return redirect(url_for("smart.story", _anchor="plan"), 303)

    @blueprint.get("/chart/<name>.svg")
    def chart(name: str) -> Response:
        here = _open(shelf)
        found = next((t for t in timelines(here.story.decision, here.plan) if t.analyte.value == name), None)
        return picture(drawn(found)) if found is not None else abort(404)

    @blueprint.get("/write")
    def ask() -> str:
        here = _open(shelf, anew=True)
        return render_template("smart/write.html", **_told(here), **_asked(here))

    @blueprint.post("/write")
    def sign() -> AnyResponse | tuple[str, int]:
        here = _open(shelf, anew=True)
        asked = _asked(here)
        if here.refusals or asked["lacking"] or asked["unsigned"] or not asked["drafts"]:
            return render_template("smart/write.html", **_told(here), **asked), 409
        try:
            done = write(SmartFhir(here.session), here.session.scopes, asked["drafts"])
        except NotAccepted as error:
            return told("Nothing was written", f"{error} All of it or none is written, so none is."), 502
        except GateError:
            current_app.logger.exception("a draft failed the gate")
            return told(
                "Nothing was written", "The drafts failed our own checks. Please tell whoever runs this app."
            ), 500
        already = len(done.resources) - done.new
        flash(f"{done.new} new in the record{f', {already} there already' if already else ''}.", "success")
        return redirect(url_for("smart.written"), 303)

    @blueprint.get("/written")
    def written() -> str:
        here = _open(shelf, anew=True)
        drafts = here.drafts
        found = read_back(SmartFhir(here.session), drafts)
        return render_template("smart/written.html", **_told(here), found=found, faults=unlike(drafts, found))

    @blueprint.get("/print")
    def printed() -> str | AnyResponse:
        here = _open(shelf)
        if here.chosen is None or here.plan is None:
            return redirect(url_for("smart.story"), 303)
        page = handout(here.story, here.chosen, here.plan)
        return render_template("smart/print.html", **_told(here), page=page)

    @blueprint.get("/plan.ics")
    def dates() -> Response:
        here = _open(shelf)
        if here.plan is None or here.chosen is None:
            abort(404)
        seed = f"{here.session.patient}|{here.chosen.option.regimen.id}"
        made = ics(here.plan, here.story.decision.evidence.today, seed)
        headers = _NO_STORE | {"Content-Disposition": "attachment; filename=b12-plan.ics"}
        return Response(made, mimetype="text/calendar", headers=headers)

    @blueprint.errorhandler(OtherPatient)
    def other(_: OtherPatient) -> tuple[str, int]:
        words = "The record system sent resources of another patient, so none of it was used."
        return told("The chart cannot be read", words), 502


def _open(shelf: Shelf, *, anew: bool = False) -> Open:
    """Return what this launch works on; raises NoSession and FhirError, which are shown as pages."""
    who = current()
    using, protocol, today = _knowledge(who)
    key = (who.fhir, who.patient, who.token, protocol, today)
    fhir = SmartFhir(who)
    story = shelf.had(key, lambda: story_of(fhir, who.patient, using, protocol, today), anew=anew)
    choice = _kept()
    chosen, refusals = views.chosen_of(story, choice)
    calendar = plan(chosen.dated, story.decision, story.book, moved=chosen.base.moved) if chosen is not None else None
    return Open(who, story, choice, chosen, refusals, calendar)


def _knowledge(who: Session) -> tuple[Consultant, str, date]:
    """Return who decides, the protocol that the card named if there is one, else the site's, and the day."""
    desk = current_app.extensions[EXTENSION]
    if desk.settings.protocol is None:
        raise WrongSettings("B12_PROTOCOL is not set: the app follows one guideline")
    using, usual = desk.offers.consultant(desk.settings.protocol, desk.settings.site_codes)
    named = who.app_context.get("protocol", usual)
    try:
        using.protocol(named)
    except UnknownProtocol:
        named = usual
    return using, named, desk.settings.today()


def _told(here: Open) -> dict[str, Any]:
    """Return what every page shows."""
    story, book = here.story, here.story.book
    decision = story.decision
    found = bases(decision)
    name, about = views.who(story.patient)
    own = here.chosen.base if here.chosen is not None else None
    offers = views.offers(story, here.choice, here.chosen)
    return {
        "watched": here.plan.watched if here.plan is not None else (),
        "name": name,
        "about": about,
        "story": story,
        "decision": decision,
        "trace": story.trace,
        "today": decision.evidence.today,
        "own": views.shown(own, here.chosen, story, book) if own is not None else None,
        "others": [
            views.shown(b, None, story, book)
            for b in found
            if own is None or b.option.regimen.id != own.option.regimen.id
        ],
        "changes": views.changes(here.chosen) if here.chosen is not None else (),
        "refusals": here.refusals,
        "offers": offers,
        "barred": views.barred(offers),
        "rows": views.rows(here.plan, book) if here.plan is not None else (),
        "months": views.months(here.plan) if here.plan is not None else (),
        "charts": timelines(decision, here.plan),
        "evidence": views.evidence(story.trace),
        "stops": stopped(decision, here.chosen) if here.chosen is not None else (),
        "start": (here.choice.start or decision.evidence.today).isoformat(),
        "anchor": views.anchor,
        "tone": views.tone,
        "on": views.on,
        "cited": lambda cite: views.cited(cite, book),
    }


def _asked(here: Open) -> dict[str, Any]:
    """Return what would be written and what stands against it."""
    drafts, decision = here.drafts, here.story.decision
    waiting = [e.resource for e in decision.evidence.therapy.drafts]
    originals = {name: found for name in waiting if (found := here.story.original(name)) is not None}
    return {
        "drafts": drafts,
        "lacking": missing_scopes(here.session.scopes, drafts),
        "unsigned": others_unsigned(decision, drafts, originals),
    }


def _wished() -> dict[str, str]:
    return {
        name: value for name in ("plan", "route", "product", "start", "interval") if (value := request.form.get(name))
    }


def _keep(wished: dict[str, str]) -> None:
    """Keep the choice of this launch, and of a few others that are open beside it."""
    kept = {name: value for name, value in session.get(_KEPT, {}).items() if name != g.smart_launch}
    session[_KEPT] = {**dict(list(kept.items())[-_MOST:]), g.smart_launch: wished}


def _kept() -> Choice:
    """Return the choice of this launch; what is not of its kind counts as not chosen."""
    wished = session.get(_KEPT, {}).get(g.smart_launch, {})
    return choice_of(wished)


def choice_of(wished: dict[str, str]) -> Choice:
    """Return a form's wishes; a date or number that is none is left out."""
    try:
        start = date.fromisoformat(wished.get("start", ""))
    except ValueError:
        start = None
    interval = wished.get("interval", "")
    routes = {route.value: route for route in Route}
    return Choice(
        regimen=wished.get("plan"),
        route=routes.get(wished.get("route", "")),
        product=wished.get("product"),
        start=start,
        months=int(interval) if interval.isdecimal() and len(interval) < 4 else None,
    )
