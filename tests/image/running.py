"""Starting what an image holds as a container engine would, in a network and a process table of its own, and asking it.

Run by `tests.image.run` inside a network namespace: nothing but the service listens there, and nothing leads out.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .layers import devices, inside, mount, unmount

SETTINGS = {"B12_PROTOCOL": "uk-ng239", "B12_AUTHENTICATION": "off"}
REQUEST = Path(__file__).parents[2] / "docs" / "requests" / "patient-view.json"
PORT = 8000
#: From the start of the process until the health check passes, on a busy machine.
START_SECONDS = 60
STOP_SECONDS = 10
#: From <linux/if.h> and <linux/sockios.h>: a new network namespace has its loopback switched off.
_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 0x1


class Failed(AssertionError):
    """The image does not do what it must; the message says what."""


@dataclass(frozen=True)
class Image:
    """What a container engine knows of an image once it is built."""

    root: Path
    environment: Mapping[str, str]
    user: str
    volumes: tuple[str, ...]
    health: tuple[str, ...]
    command: tuple[str, ...]


def must(held: bool, said: str) -> None:
    """Raise Failed with what was to hold, unless it does."""
    if not held:
        raise Failed(f"this does not hold: {said}")
    print(f"  holds: {said}", flush=True)


@contextmanager
def container(image: Image, state: Path) -> Iterator[Image]:
    """Prepare the root: nothing in it can be written but /tmp and the volumes."""
    points = []
    mount("--bind", str(image.root), str(image.root))
    mount("-o", "remount,bind,ro", str(image.root))
    points.append(image.root)
    with devices(image.root):
        try:
            mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(image.root / "tmp"))
            points.append(image.root / "tmp")
            for number, volume in enumerate(image.volumes):
                kept = state / str(number)
                subprocess.run(["cp", "-a", str(inside(image.root, volume)), str(kept)], check=True)
                mount("--bind", str(kept), str(inside(image.root, volume)))
                points.append(inside(image.root, volume))
            yield image
        finally:
            for point in reversed(points[1:]):
                unmount(point)
    unmount(image.root)


def started(image: Image, command: tuple[str, ...], settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a command in the image: as its user, with no way to more rights and none of this machine's environment."""
    words = ["setpriv", "--no-new-privs", "--inh-caps=-all"]
    words += ["unshare", "--pid", "--ipc", "--uts", "--fork"]
    words += ["chroot", f"--userspec={image.user}", "--groups=", str(image.root), "/usr/bin/env", *command]
    return subprocess.Popen(
        words, env={**image.environment, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def ended(image: Image, *command: str, settings: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Return the exit code and the words of a command that was run in the image to its end."""
    running = started(image, command, settings or {})
    said, _ = running.communicate(timeout=60)
    return running.returncode, said.decode()


def asked(path: str, body: object = None) -> tuple[int, Any]:
    """Return status and JSON of one request to the service."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=20)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def check(image: Image) -> None:
    """Try everything that the image must do; raises Failed."""
    code, said = ended(image, *image.command)
    must(code != 0 and "B12_" in said, "without any setting it does not start, and names one")
    code, said = ended(image, *image.command, settings={**SETTINGS, "B12_PROTOCOL": ""})
    must(code != 0 and "B12_PROTOCOL" in said, "nor without a protocol")
    code, said = ended(image, *image.health)
    must(code != 0, "its health check fails while nothing runs")
    code, said = ended(image, "touch", "/written")
    must(code != 0 and "Read-only file system" in said, "nothing can be written to its root")
    must(ended(image, "touch", "/tmp/written", *(f"{volume}/w" for volume in image.volumes))[0] == 0, "its volumes can")
    begun = time.monotonic()
    running = started(image, image.command, SETTINGS)
    try:
        healthy = False
        while not healthy and running.poll() is None and time.monotonic() - begun < START_SECONDS:
            healthy = ended(image, *image.health)[0] == 0
        seconds = time.monotonic() - begun
        must(healthy and running.poll() is None, f"its health check passes after {seconds:.1f} s")
        _check_answers(image, running)
        _stop(running)
    except Failed:
        _kill(running)
        print(running.communicate()[0].decode(), end="", flush=True)
        raise


def _check_answers(image: Image, running: subprocess.Popen[bytes]) -> None:
    processes = _below(running.pid)
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in processes}
    must(owners == {int(image.user.partition(":")[0])}, f"its {len(processes)} processes run as user {image.user}")
    memory = sum(_memory(pid) for pid in processes)
    print(f"  memory: {memory / 1024:.0f} MB resident in {len(processes)} processes, nothing asked yet", flush=True)
    status, discovery = asked("/cds-services")
    must(status == 200 and len(discovery["services"]) > 0, "discovery lists its services")
    begun = time.monotonic()
    status, answer = asked("/cds-services/b12-patient-view", json.loads(REQUEST.read_bytes()))
    taken = (time.monotonic() - begun) * 1000
    must(status == 200 and len(answer["cards"]) > 0, f"a hook is answered, the first in {taken:.0f} ms")
    must(len(answer["cards"][0]["suggestions"]) > 0, f"with a draft order: {answer['cards'][0]['summary']!r}")
    must(asked("/readyz")[0] == 200, "it says that it is ready")


def _stop(running: subprocess.Popen[bytes]) -> None:
    # The service is the first process of a process table of its own: its signal goes to it, not to who started it.
    begun = time.monotonic()
    (first,) = _children(running.pid)
    os.kill(first, signal.SIGTERM)
    running.wait(STOP_SECONDS)
    must(running.returncode == 0, f"told to stop it ends by itself, in {time.monotonic() - begun:.1f} s")


def _kill(running: subprocess.Popen[bytes]) -> None:
    """End the first process of the container's table, and with it all others; the one that started it ends then."""
    for first in _children(running.pid) if running.poll() is None else ():
        os.kill(first, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _below(pid: int) -> list[int]:
    found = []
    for child in _children(pid):
        found += [child, *_below(child)]
    return found


def _memory(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def _switch_loopback_on() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _GET_FLAGS, struct.pack("16sh", b"lo", 0)))
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh", name, flags | _UP))


def main() -> None:
    """Try the image that standard input describes, and leave its state in the folder that is named."""
    told = json.load(sys.stdin)
    state = Path(told.pop("state"))
    image = Image(**{**told, "root": Path(told["root"])})
    _switch_loopback_on()
    with container(image, state):
        check(image)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"The image fails: {failure}")
