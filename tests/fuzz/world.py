"""The service under fire, in this process: the production application, its memory, a FHIR server of ours."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any
from unittest import mock

import flask.testing

from cds_hooks.prefetch import FetchFailed
from service.app import create_app
from service.evaluate import shipped
from service.settings import Settings
from tests.vignettes import PROTOCOLS, TODAY

from .seeds import SERVER

MAX_BODY = 1024 * 1024
SECONDS = 10
"""An answer that takes longer is a hang."""


class _Hung(BaseException):
    """An input is not answered; no handler of the service's may catch this."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One input: a request, what the FHIR server holds by type or `page`, and what is broken inside."""

    kind: str
    path: str
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    served: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    broken: str | None = None
    protocol: str = PROTOCOLS[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, how long it took, what was logged meanwhile, and whether what is broken inside was reached."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float
    log: str
    reached: bool = False


class World:
    """The application under each protocol."""

    def __init__(self, folder: Path) -> None:
        self._served: Mapping[str, bytes] = {}
        self._log = _Log()
        self._http: dict[str, flask.testing.FlaskClient] = {}
        self._memories: list[Any] = []
        for protocol in PROTOCOLS:
            settings = _OnOneDay(
                protocol=protocol,
                authentication="off",
                database=str(folder / f"{protocol}.sqlite3"),
                fhir_servers=(SERVER,),
                max_body=MAX_BODY,
            )
            app = create_app(settings, shipped())
            self._memories.append(app.extensions["memory"])
            self._http[protocol] = app.test_client()

    def answer(self, shot: Shot) -> Answer:
        """Return the answer; raises AssertionError when there is none in time."""
        self._served = shot.served
        self._log.lines.clear()
        started = time.perf_counter()
        try:
            with _within(SECONDS), _sabotaged(shot.broken) as inside:
                said = self._http[shot.protocol].open(
                    shot.path, method=shot.method, data=shot.body, headers=[*shot.headers.items()]
                )
                body = said.get_data()
        except _Hung:
            raise AssertionError(f"no answer within {SECONDS} s") from None
        seconds = time.perf_counter() - started
        reached = inside is not None and inside.called
        return Answer(said.status_code, dict(said.headers), body, seconds, "\n".join(self._log.lines), reached)

    def openapi(self) -> Any:
        """Return what the service says it offers."""
        return next(iter(self._http.values())).get("/openapi.json").get_json()

    @contextmanager
    def listening(self) -> Iterator[World]:
        """Hear what is logged, as production logs it, until the block is left; then let the database go."""
        loggers = [logging.getLogger(), logging.getLogger("cds_hooks")]
        levels = [logger.level for logger in loggers]
        loggers[0].addHandler(self._log)
        loggers[0].setLevel(logging.WARNING)
        loggers[1].setLevel(logging.INFO)
        try:
            with mock.patch("service.fhir.client.FhirClient.__call__", lambda _, *asked: self._fetch(*asked)):
                yield self
        finally:
            loggers[0].removeHandler(self._log)
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
            for memory in self._memories:
                memory.close()

    def _fetch(self, server: str, path: str, token: str | None, deadline: float) -> bytes:
        body = self._served.get("page" if "page=" in path else path.partition("?")[0].partition("/")[0])
        if body is None:
            raise FetchFailed("the FHIR server does not know this (404)")
        return body


class _OnOneDay(Settings):
    def today(self) -> date:
        return TODAY


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def _sabotaged(target: str | None) -> Iterator[Any]:
    if target is None:
        yield None
        return
    with mock.patch(target, side_effect=ZeroDivisionError("Zebedee Quillfeather")) as inside:
        yield inside


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def hung(number: int, frame: FrameType | None) -> None:
        raise _Hung

    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
