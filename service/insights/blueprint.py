"""`/insights`: the report as a page, its charts, and the same as JSON and CSV; for whoever is let in."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from threading import Lock

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from service.insights import charts, tables, words
from service.insights.door import Door
from service.insights.export import as_csv, as_json
from service.insights.reading import history
from service.insights.report import MEASURES, Report, report, span
from service.pages.blueprint import told as said
from service.pages.charts import picture
from service.store.database import Database, StoreError

log = logging.getLogger("service.insights")
#: Seconds that a report is used again: its charts are asked for one by one.
_FRESH = 15.0


class Reports:
    """Today's report, read from the database when the last one is too old."""

    def __init__(self, database: Database, today: Callable[[], date] | None = None) -> None:
        self._database = database
        self._today = today or (lambda: datetime.now(UTC).date())
        self._lock = Lock()
        self._kept: tuple[float, Report] | None = None

    def now(self, *, anew: bool = False) -> Report:
        """Return the report; raises StoreError."""
        with self._lock:
            if self._kept is None or anew or time.monotonic() - self._kept[0] > _FRESH:
                made = report(history(self._database, *span(self._today())))
                self._kept = time.monotonic(), made
            return self._kept[1]


def insights(reports: Reports | None, door: Door) -> Blueprint:
    """Return the pages; without `reports` nothing is kept, and that is said."""
    pages = Blueprint("insights", __name__, url_prefix="/insights", template_folder="templates")

    @pages.before_request
    def admit() -> AnyResponse | tuple[str, int] | None:
        if door.is_closed:
            return said("The report is closed", "No access token is set: B12_INSIGHTS_TOKEN."), 403
        if request.endpoint in ("insights.login", "insights.enter") or door.lets_in():
            return None
        if request.endpoint == "insights.report":
            return redirect(url_for("insights.login"), 303)
        return said("Not signed in", "Open the report and sign in first."), 401

    @pages.errorhandler(StoreError)
    def unreachable(error: StoreError) -> tuple[str, int]:
        log.error("no report: %s", error)
        return said("No report now", "The database cannot be reached. The service itself goes on."), 503

    @pages.get("/login")
    def login() -> str:
        return render_template("insights/login.html", wrong=None)

    @pages.post("/login")
    def enter() -> AnyResponse | tuple[str, int]:
        if not door.may_try(request.remote_addr or ""):
            return render_template("insights/login.html", wrong="Too many tries. Wait a minute."), 429
        if not door.enter(request.form.get("token", "")):
            log.warning("a wrong access token was given for /insights")
            return render_template("insights/login.html", wrong="This is not the access token."), 403
        return redirect(url_for("insights.report"), 303)

    @pages.post("/logout")
    def leave() -> AnyResponse:
        door.leave()
        return redirect(url_for("insights.login"), 303)

    def had(*, anew: bool = False) -> Report:
        if reports is None:
            raise StoreError("no database is set")
        return reports.now(anew=anew)

    @pages.get("", endpoint="report")
    def page() -> AnyResponse | str | tuple[str, int]:
        if reports is None:
            return said("Nothing is kept", "No database is set, so there is nothing to report: B12_DATABASE."), 503
        told = had(anew=True)
        rules = list(dict.fromkeys(each.rule for each in told.controls))
        outside = [each.rule for each in told.flagged]
        rule = request.args.get("rule", "")
        if rule not in rules:
            rule = next(iter([*outside, *rules]), "")
        chosen = [each for each in told.controls if each.rule == rule]
        return render_template(
            "insights/report.html",
            told=told,
            flags=list(words.flags(told)),
            rules=[(each, [c for c in told.controls if c.rule == each]) for each in rules],
            rule=rule,
            chosen=chosen,
            measures=MEASURES,
            words=words,
            tables=tables,
            heights=charts.heights(told),
            is_open=door.is_open,
        )

    @pages.get("/chart/<name>.svg")
    def chart(name: str) -> AnyResponse | tuple[str, int]:
        draw = charts.CHARTS.get(name)
        if draw is None:
            return said("No such chart", "The report has no chart of this name."), 404
        return picture(draw(had()))

    @pages.get("/control/<rule>/<measure>.svg")
    def control(rule: str, measure: str) -> AnyResponse | tuple[str, int]:
        for each in had().controls:
            if (each.rule, each.measure) == (rule, measure):
                return picture(charts.control(each))
        return said("No such chart", "The report has no chart of this rule."), 404

    @pages.get("/report.json")
    def document() -> Response:
        response = jsonify(as_json(had(anew=True)))
        response.headers["Cache-Control"] = "no-store"
        return response

    @pages.get("/report.csv")
    def sheet() -> Response:
        headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="b12-insights.csv"'}
        return Response(as_csv(had(anew=True)), mimetype="text/csv", headers=headers)

    return pages
