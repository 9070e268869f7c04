"""The sandbox's FHIR R4 server: sekmet-fhir in a thread of this process, on loopback, gone when we leave."""

import logging
import socket
import tempfile
import threading
import time
from types import TracebackType
from typing import Any, Self

import uvicorn
from sekmet.config import Settings, SimulatorSettings
from sekmet.main import create_app

from service.sandbox.r4 import Versioned, complete

LOOPBACK = "127.0.0.1"
# The server answers in about a second; ten mean that something is wrong.
START_SECONDS = 10.0
STOP_SECONDS = 5.0


class ServerError(RuntimeError):
    """The embedded FHIR server does not run."""


class FhirServer:
    """A context manager: inside it `base` is the address of an empty, private FHIR R4 server."""

    def __init__(self, port: int = 0) -> None:
        """Keep the wished port; 0 lets the system choose a free one."""
        self._wished_port = port
        self._base: str | None = None

    @property
    def base(self) -> str:
        """The FHIR base URL, known only while the server runs."""
        if self._base is None:
            raise ServerError("The FHIR server is not running: use it in a with statement.")
        return self._base

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="b12-sandbox-")
        # Bound here and handed over, so that no one can take the port between choosing and listening.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((LOOPBACK, self._wished_port))
            port = int(self._socket.getsockname()[1])
            base = f"http://{LOOPBACK}:{port}/fhir"
            config = uvicorn.Config(
                OnlyFhir(_quiet_app(_settings(base, port, self._files.name)), port),
                log_config=None,
                log_level="error",
                access_log=False,
                lifespan="off",
                loop="asyncio",
                timeout_graceful_shutdown=1,
            )
            self._server = uvicorn.Server(config)
            self._thread = threading.Thread(
                target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox-fhir", daemon=True
            )
            self._thread.start()
            self._wait()
        except BaseException:
            self._socket.close()
            self._files.cleanup()
            raise
        self._base = base
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base = None
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
        self._socket.close()
        self._files.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self._server.should_exit = True
                raise ServerError(f"The sandbox FHIR server did not start within {START_SECONDS:.0f} s.")
            time.sleep(0.01)


class OnlyFhir:
    """Lets only FHIR requests from this machine through: no admin pages, no writes by a foreign web page."""

    def __init__(self, app: Any, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in (LOOPBACK, "localhost")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "http" or self._allows(scope):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def _allows(self, scope: Any) -> bool:
        headers = dict(scope["headers"])
        path = scope["path"]
        if not (path == "/fhir" or path.startswith("/fhir/")):
            return False  # sekmet's own pages can switch its order-filling simulator on
        if headers.get(b"host") not in self._hosts:
            return False  # a foreign name that resolves to loopback (DNS rebinding)
        return b"origin" not in headers or scope["method"] in {"GET", "HEAD", "OPTIONS"}


def _settings(base: str, port: int, files: str) -> Settings:
    # sekmet's defaults listen on all interfaces and "dispense" each order that is written: wrong here.
    return Settings(
        base_url=base,
        host=LOOPBACK,
        port=port,
        data_dir=files,
        db_path=":memory:",
        own_private_key_path=f"{files}/unused.pem",
        facility_name="B12 CDS sandbox",
        software_name="B12 CDS sandbox (sekmet-fhir)",
        simulator=SimulatorSettings(enabled=False, auto=[]),
        log_inbound=False,
    )


def _quiet_app(settings: Settings) -> Any:
    # create_app sets the root logger to INFO unless it is configured already: so for a moment it is.
    logging.getLogger("sekmet").setLevel(logging.ERROR)
    root, held = logging.getLogger(), logging.NullHandler()
    root.addHandler(held)
    try:
        app = create_app(settings)
    finally:
        root.removeHandler(held)
    complete(app.state.ctx)
    return Versioned(app, app.state.ctx.store)
