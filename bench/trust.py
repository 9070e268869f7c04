"""`python -m bench.trust`: what it costs to know who calls, in this process, by algorithm."""

from __future__ import annotations

import io
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from bench.bodies import bodies
from service.app import create_app
from service.settings import Settings

BASE, SERVICE, ISSUER = "https://cds.example", "/cds-services/b12-patient-view", "https://ehr.example"
PATIENTS, ROUNDS = 60, 8
KEYS: dict[str, ECKey | RSAKey] = {
    "RS384": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
}
CLIENTS = f"""issuers:
  - issuer: {ISSUER}
    keys-file: keys.json
    algorithms: [ES256, ES384, RS384]
    clients: [{{name: bench, protocol: us-aafp, rate: 1000000/minute}}]
"""
Wsgi = Callable[..., Iterator[bytes]]


def main() -> int:
    """Print the processor time of a call without a token, and with one of each algorithm, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder)
        public = [{**key.as_dict(private=False), "kid": name} for name, key in KEYS.items()]
        (site / "keys.json").write_bytes(msgspec.json.encode({"keys": public}))
        (site / "clients.yaml").write_text(CLIENTS, encoding="utf-8")
        off = create_app(Settings(protocol="us-aafp", authentication="off")).wsgi_app
        on = create_app(Settings(clients=site / "clients.yaml", base_urls=(BASE,))).wsgi_app
    sent = [body.json for body in bodies(PATIENTS, date.today())]
    times: dict[str, list[float]] = {"none": [], **{name: [] for name in KEYS}}
    for turn in range(ROUNDS + 1):
        for body in sent:
            taken = {"none": _call(off, body), **{name: _call(on, body, _token(name)) for name in KEYS}}
            if turn:
                for name, ms in taken.items():
                    times[name].append(ms)
    print("| token | p50 CPU ms | least | p50 over none |\n|---|--:|--:|--:|")
    for name, had in times.items():
        over = median(had) / median(times["none"]) - 1
        print(f"| {name} | {median(had):.2f} | {min(had):.2f} | {over:+.0%} |")
    return 0


def _token(algorithm: str) -> str:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": BASE + SERVICE, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
    header = {"alg": algorithm, "kid": algorithm, "typ": "JWT"}
    return jws.serialize_compact(header, msgspec.json.encode(said), KEYS[algorithm], algorithms=[algorithm])


def _call(app: Wsgi, body: bytes, token: str | None = None) -> float:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": SERVICE,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    said: list[str] = []
    begun = time.thread_time()
    answer = b"".join(app(environ, lambda status, *_: said.append(status)))
    taken = (time.thread_time() - begun) * 1000
    if not said[0].startswith("200"):
        raise AssertionError(f"{said[0]}: {answer[:200]!r}")
    return taken


if __name__ == "__main__":
    sys.exit(main())
