"""The client: raw sockets, so that it costs little; it looks at every answer, outside the time it takes."""

from __future__ import annotations

import random
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Any

import orjson

from bench.tokens import Signer

SERVICE, BARE = "/cds-services/b12-patient-view", "/parse"
PEER = SERVICE
_CHUNK = 256 * 1024
_TIMEOUT = 30.0
_DRAW = 12


class WrongAnswer(AssertionError):
    """An answer that was timed and is not what was asked for."""


@dataclass(frozen=True, slots=True)
class Body:
    """One request, and what its answer must speak of."""

    patient: str
    hook_instance: str
    json: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint to be timed; without a port it is orjson in this process. A peer knows one trivial rule."""

    name: str
    port: int | None = None
    path: str = SERVICE
    signer: Signer | None = None
    peer: bool = False


@dataclass(slots=True)
class Answers:
    """What was answered: looked at one by one, and never the same twice."""

    seen: set[str] = field(default_factory=set)

    def check(self, target: Target, body: Body, answer: bytes) -> None:
        """Raise WrongAnswer unless this is a 200 of this request: with its orders, from the service."""
        head, _, said = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise WrongAnswer(f"{target.name}: {head[:80]!r} {said[:400]!r}")
        told = orjson.loads(said)
        if target.peer:
            if told["cards"][0]["summary"] != "B12 is low":
                raise WrongAnswer(f"{target.name}: {told}")
            return
        if target.path == BARE:
            if told != {"patient": body.patient}:
                raise WrongAnswer(f"{target.name}: {told}")
            return
        self._check_orders(target, body, told)

    def _check_orders(self, target: Target, body: Body, told: dict[str, Any]) -> None:
        suggested = [suggestion for card in told["cards"] for suggestion in card.get("suggestions", ())]
        resources = [action["resource"] for suggestion in suggested for action in suggestion["actions"]]
        subjects = {r["subject"]["reference"] for r in resources if r["resourceType"] == "MedicationRequest"}
        recommended = any(suggestion.get("isRecommended") for suggestion in suggested)
        if told["extension"]["org.b12-cds.assessment"]["status"] != "confirmed":
            raise WrongAnswer(f"{target.name}: not confirmed")
        if subjects != {f"Patient/{body.patient}"} or not recommended:
            raise WrongAnswer(f"{target.name}: no orders for its patient")
        names = {card["uuid"] for card in told["cards"]}
        if names & self.seen:
            raise WrongAnswer(f"{target.name}: an answer was given twice")
        self.seen |= names


class Connection:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, message: bytes) -> bytes:
        """Send one request and return the whole answer, head included."""
        self._socket.sendall(message)
        got = self._socket.recv(_CHUNK)
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += self._more()
        whole = end + 4 + _length(got[:end])
        while len(got) < whole:
            got += self._more()
        return got

    def _more(self) -> bytes:
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise WrongAnswer("the connection was closed")
        return chunk

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    place = lower.find(b"content-length:")
    if place < 0:
        raise WrongAnswer(f"no Content-Length: {head[:200]!r}")
    return int(lower[place + 15 :].split(b"\r", 1)[0])


def message(target: Target, body: Body, token: str | None = None) -> bytes:
    """Return the request as it travels, its hook instance never used before; signed now unless a token is given."""
    fresh = body.json.replace(body.hook_instance.encode(), str(uuid.uuid4()).encode(), 1)
    head = f"POST {target.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    if target.signer is not None:
        head += f"Authorization: Bearer {token or target.signer.token()}\r\n"
    return f"{head}Content-Length: {len(fresh)}\r\n\r\n".encode() + fresh


def in_turn(targets: list[Target], bodies: list[Body], rounds: int, warm: int) -> dict[str, list[float]]:
    """Ask every target about every body in turn, so that drift hits all alike; return the milliseconds of each.

    The order is drawn anew for every body, always the same draw: whoever always followed the same other would be
    measured in the state in which that one leaves the machine, its server just awake or long asleep. Tokens are signed
    before a round: as long as its client signs a server sleeps, and only some are sent tokens.
    """
    answers = Answers()
    asked = {t.name: Connection(t.port) for t in targets if t.port is not None}
    times: dict[str, list[float]] = {t.name: [] for t in targets}
    number, drawn = 0, random.Random(_DRAW)
    for turn in range(rounds):
        sent = bodies if turn else bodies[:warm] + bodies
        tokens = {t.name: [t.signer.token() for _ in sent] for t in targets if t.signer is not None}
        for body in sent:
            number += 1
            for target in drawn.sample(targets, len(targets)):
                token = tokens[target.name].pop() if target.name in tokens else None
                taken = _one(target, body, token, asked, answers)
                if number > warm:
                    times[target.name].append(taken)
    for connection in asked.values():
        connection.close()
    return times


def _one(target: Target, body: Body, token: str | None, asked: dict[str, Connection], answers: Answers) -> float:
    if target.port is None:
        begun = time.perf_counter()
        orjson.loads(body.json)
        return (time.perf_counter() - begun) * 1000
    sent = message(target, body, token)
    begun = time.perf_counter()
    answer = asked[target.name].ask(sent)
    taken = (time.perf_counter() - begun) * 1000
    answers.check(target, body, answer)
    return taken


def rates(
    targets: list[Target], bodies: list[Body], connections: tuple[int, ...], waves: int, seconds: float
) -> dict[str, list[float]]:
    """Return the requests a second of each target at so many connections: the median of waves that take turns."""
    had: dict[tuple[str, int], list[float]] = {}
    for _ in range(waves):
        for many in connections:
            for target in targets:
                had.setdefault((target.name, many), []).append(at_once(target, bodies, many, seconds))
    return {target.name: [median(had[target.name, many]) for many in connections] for target in targets}


def at_once(target: Target, bodies: list[Body], connections: int, seconds: float) -> float:
    """Return the requests a second over so many connections; the answers are looked at afterwards."""
    turn = count()
    end = time.perf_counter() + seconds

    def work() -> list[tuple[Body, bytes]]:
        connection, had = Connection(target.port or 0), []
        while time.perf_counter() < end:
            body = bodies[next(turn) % len(bodies)]
            had.append((body, connection.ask(message(target, body))))
        connection.close()
        return had

    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        running = [pool.submit(work) for _ in range(connections)]
        done = [pair for each in running for pair in each.result()]
    taken = time.perf_counter() - begun
    answers = Answers()
    for body, answer in done:
        answers.check(target, body, answer)
    return len(done) / taken


def paced(target: Target, bodies: list[Body], rate: float, seconds: float, connections: int) -> list[float]:
    """Return the milliseconds from when each request was due, at so many a second: waiting in line counts."""
    due = count()
    begun = time.perf_counter() + 0.05

    def work() -> list[tuple[Body, bytes, float]]:
        connection, had = Connection(target.port or 0), []
        while (at := (number := next(due)) / rate) < seconds:
            body = bodies[number % len(bodies)]
            sent = message(target, body)
            time.sleep(max(0.0, begun + at - time.perf_counter()))
            answer = connection.ask(sent)
            had.append((body, answer, (time.perf_counter() - begun - at) * 1000))
        connection.close()
        return had

    with ThreadPoolExecutor(connections) as pool:
        running = [pool.submit(work) for _ in range(connections)]
        done = [one for each in running for one in each.result()]
    answers = Answers()
    for body, answer, _ in done:
        answers.check(target, body, answer)
    return [taken for _, _, taken in done]
