"""Calling an application without a network, and checking it."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import flask
import requests
from requests.adapters import BaseAdapter
from urllib3.response import HTTPResponse
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client as Browser

from cds_hooks.conformance.ledger import Verdict
from cds_hooks.conformance.report import Report
from cds_hooks.conformance.run import Plan, check
from cds_hooks.conformance.tokens import Client, new_keys

from .stub import Stub

URL = "https://service.example"
FREE_PORT = 0


class InProcess(BaseAdapter):
    """Sends requests to a WSGI application."""

    def __init__(self, app: flask.Flask) -> None:
        super().__init__()
        self.app = app

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        target = urlsplit(str(request.url))
        told = Browser(self.app).open(
            target.path,
            base_url=f"{target.scheme}://{target.netloc}",
            query_string=target.query,
            method=request.method,
            headers=list(request.headers.items()),
            data=request.body or b"",
        )
        answer = requests.Response()
        answer.status_code = told.status_code
        answer.headers.update(told.headers.items())
        answer.raw = HTTPResponse(io.BytesIO(told.data), status=told.status_code, preload_content=False)
        answer.url, answer.request = str(request.url), request
        return answer

    def close(self) -> None:
        """There is nothing to close."""


@cache
def client() -> Client:
    """Our client; its keys are made once."""
    return Client(keys=new_keys())


def session(app: flask.Flask) -> requests.Session:
    made = requests.Session()
    for scheme in ("https", "http"):
        made.mount(f"{scheme}://service.example", InProcess(app))
    return made


def checked(stub: Stub, url: str = URL, **changes: Any) -> Report:
    plan: dict[str, Any] = {"client": client(), "session": session(stub.app())} | changes
    return check(url, Plan(**plan))


def broken(report: Report) -> dict[str, Verdict]:
    """The rules that a report finds broken, each with its verdict."""
    return {result.rule.id: result.verdict for result in report.results if result.findings}


def told(report: Report) -> str:
    """What was found, for a test that fails."""
    return report.as_text(everything=False)


@contextmanager
def served(app: flask.Flask) -> Iterator[str]:
    """Serve an application on loopback while the block runs; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: a test's output is its assertions."""
