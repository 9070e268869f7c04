"""What every page for people shares: one design, the headers that keep a page safe, the session, and forms' tokens."""

from __future__ import annotations

import secrets
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf.csrf import CSRFError, CSRFProtect

from service.pages.blueprint import pages, told

#: Nothing from elsewhere, and nothing inline.
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("style", "script", "img", "connect")),
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
#: Doors for programs: they have no session and no form, and know their callers by other means.
PROGRAMS = ("cds_hooks",)

#: Forms are refused without its token; a blueprint that programs call is exempted by `csrf.exempt(blueprint)`.
csrf = CSRFProtect()


def add_pages(app: Flask, *, secret: str | None) -> None:
    """Add the design and the safety of all pages to an application, after the doors for programs and before any pages.

    `secret` signs the sessions and must be the same for all workers; without one each process has its own.
    """
    app.secret_key = secret or secrets.token_urlsafe(32)
    app.config.update(
        SESSION_COOKIE_NAME="b12_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        # An hour is little for a chart that stays open through a morning; the session itself ends sooner or later.
        WTF_CSRF_TIME_LIMIT=None,
        # A page sends no address to others, and an https page without a referrer would be refused.
        WTF_CSRF_SSL_STRICT=False,
    )
    app.session_interface = PageSessions()
    csrf.init_app(app)
    for name in PROGRAMS:
        if name in app.blueprints:
            csrf.exempt(app.blueprints[name])
    app.register_blueprint(pages)
    app.register_error_handler(CSRFError, _forged)
    app.after_request(_safe)


class PageSessions(SecureCookieSessionInterface):
    """Signed cookies for pages, and no session at all where programs call."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a page; elsewhere none, and Flask's empty one takes its place."""
        if request.blueprint in PROGRAMS:
            return None
        return super().open_session(app, request)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Return whether the cookie may travel over TLS only: everywhere but on this machine itself."""
        return is_secure(request)


def is_secure(asked: Request) -> bool:
    """Return whether a cookie set now must be `Secure`: unless it is plain http to this machine itself."""
    forwarded = asked.headers.get("X-Forwarded-Proto", "").lower() == "https"
    return asked.is_secure or forwarded or not _is_loopback(urlsplit(asked.host_url).hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _safe(response: Response) -> Response:
    if response.mimetype == "text/html":
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def _forged(error: CSRFError) -> tuple[str, int]:  # noqa: ARG001
    return told(
        "Nothing was done", "The form did not come from this page, or the page is too old. Open it again."
    ), HTTPStatus.BAD_REQUEST
