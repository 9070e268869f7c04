"""Doing what a document says, in a folder of its own: its files, its service, its commands and its requests."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from service.serving import until_healthy
from tests.e2e.running import free_port

from .fences import ROOT, Block, Kind

#: Where the documents say that the service is, and what it counts; a test puts its own ports there.
WRITTEN, COUNTS = "127.0.0.1:8000", "127.0.0.1:9464"
_SECONDS = 60
_BODY_FILE = re.compile(r"^< (?P<file>\S+)\s*$")


class Untrue(AssertionError):
    """A document says what is not so; the message names the block."""


@dataclass
class Trial:
    """One document, tried block by block, each in the order in which a reader would."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    counts: int = field(default_factory=free_port)
    said: str = ""
    answer: Any = None
    _service: subprocess.Popen[bytes] | None = None
    _token: dict[str, Any] = field(default_factory=dict)
    _keys: dict[str, ECKey | RSAKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "docs").symlink_to(ROOT / "docs")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("B12_")}
        scripts = str(Path(sys.executable).parent)
        self.environment = {**kept, "HOME": str(self.folder), "PATH": f"{scripts}:{kept.get('PATH', '')}"}
        self.environment.pop("XDG_DATA_HOME", None)

    def prepare(self, blocks: list[Block]) -> None:
        """Make the keys of every client that a token block speaks of, since the service reads them when it starts."""
        for block in blocks:
            if block.kind is Kind.TOKEN:
                head = json.loads(block.body)["header"]
                key = ECKey.generate_key("P-384") if head["alg"].startswith("ES") else RSAKey.generate_key(2048)
                shown = {**key.as_dict(private=False), "kid": head["kid"]}
                self._keys[head["kid"]] = key
                file = self.folder / block.marks["keys"]
                before = json.loads(file.read_text(encoding="utf-8"))["keys"] if file.exists() else []
                file.write_text(json.dumps({"keys": [*before, shown]}), encoding="utf-8")

    def do(self, block: Block) -> None:
        """Do what one block says; raises Untrue."""
        match block.kind:
            case Kind.FILE:
                text = self._here(block.body)
                if keys := block.marks.get("keys"):
                    text = re.sub(r"keys: https://\S+", f"keys-file: {keys}", text)
                (self.folder / block.marks["file"]).write_text(text, encoding="utf-8")
            case Kind.SERVE:
                self._serve(block)
            case Kind.RUN:
                self._run(block)
            case Kind.SEND:
                self._send(block)
            case Kind.TOKEN:
                self._token = json.loads(block.body)
            case Kind.SAID:
                self._compare(block)
            case Kind.NOT_RUN | Kind.SHOWN:
                pass

    def end(self) -> None:
        """Stop the service that this trial started."""
        if self._service is not None:
            os.killpg(self._service.pid, signal.SIGTERM)
            try:
                self._service.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._service.pid, signal.SIGKILL)
                self._service.wait(5)
            self._service = None

    def _here(self, text: str) -> str:
        return text.replace(WRITTEN, f"127.0.0.1:{self.port}").replace(COUNTS, f"127.0.0.1:{self.counts}")

    def _serve(self, block: Block) -> None:
        self.end()
        self.port = free_port()
        log = self.folder / "service.log"
        command = self._here(block.body.rstrip()) + f" --port {self.port} --workers 1"
        with log.open("wb") as written:
            self._service = subprocess.Popen(
                ["bash", "-c", command],
                env=self.environment,
                cwd=self.folder,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        if not until_healthy(f"http://127.0.0.1:{self.port}", self._service, 60):
            raise Untrue(f"{block.place}: the service does not start: {log.read_text(errors='replace')[-2000:]}")

    def _run(self, block: Block) -> None:
        command = "set -euo pipefail\n" + self._here(re.sub(r"^\$ ", "", block.body, flags=re.MULTILINE))
        ended = subprocess.run(
            ["bash", "-c", command],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
        self.said = (ended.stdout + ended.stderr).decode(errors="replace")
        if ended.returncode != int(block.marks.get("exit", "0")):
            raise Untrue(f"{block.place}: exit code {ended.returncode}: {self.said[-2000:]}")

    def _send(self, block: Block) -> None:
        if self._service is None:
            raise Untrue(f"{block.place}: a request before any service is started")
        head, _, body = block.body.partition("\n\n")
        first, *lines = head.strip().splitlines()
        method, path, *_ = first.split()
        headers = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        headers.pop("Host", None)
        if "Authorization" in headers:
            headers["Authorization"] = f"Bearer {self._signed(path)}"
        if file := _BODY_FILE.match(body):
            body = (self.folder / file["file"]).read_text(encoding="utf-8")
        address = self._here(path if path.startswith("http://") else f"http://{WRITTEN}{path}")
        answer = requests.request(method, address, headers=headers, data=body.strip().encode() or None, timeout=20)
        self.said = answer.text
        self.answer = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        if answer.status_code != int(block.marks["status"]):
            raise Untrue(f"{block.place}: {answer.status_code}: {answer.text[:1000]}")

    def _signed(self, path: str) -> str:
        """A token as the client of the last token block signs it, for one call of one address."""
        head, now = self._token["header"], int(time.time())
        payload = dict(self._token["payload"])
        written = urlsplit(payload["aud"])
        payload |= {"aud": f"{written.scheme}://{written.netloc}{path}", "jti": str(uuid.uuid4())}
        payload |= {"iat": now, "exp": now + 300} | ({"nbf": now - 300} if "nbf" in payload else {})
        return jwt.encode(head, payload, self._keys[head["kid"]], algorithms=[head["alg"]])

    def _compare(self, block: Block) -> None:
        if block.language == "json":
            if not within(json.loads(block.body), self.answer):
                raise Untrue(f"{block.place}: not in what was answered: {json.dumps(self.answer)[:1500]}")
            return
        for line in filter(None, map(str.strip, block.body.splitlines())):
            form = ".*".join(re.escape(part) for part in line.split("…"))
            if not re.search(form, self.said):
                raise Untrue(f"{block.place}: nothing says {line!r}: {self.said[-2000:]}")


def within(part: Any, whole: Any) -> bool:
    """Return whether all that `part` says stands in `whole`; of a list, each in some place; "…" stands for any text."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and within(part[name], whole[name]) for name in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(within(each, found) for found in whole) for each in part)
    if isinstance(part, str) and isinstance(whole, str):
        return re.fullmatch(".*".join(re.escape(word) for word in part.split("…")), whole, re.DOTALL) is not None
    return bool(part == whole)
