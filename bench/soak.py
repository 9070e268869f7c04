"""`python -m bench.soak`: a hundred thousand requests; every answer right, memory flat.

`python -m bench.soak --faults` instead: FHIR servers that fail, workers that are killed, and no wrong answer.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from threading import Event

import orjson

from bench import servers
from bench.bodies import bodies, without
from bench.client import Answers, Body, Connection, Target, WrongAnswer, message

PATIENTS, CONNECTIONS = 200, 8
#: Memory is compared between these parts of the run, in MiB; what is remembered is bounded, and full by the first.
EARLY, SLACK_MIB = 0.2, 12.0
FAULT_SECONDS, KILL_EVERY = 40.0, 2.5


@dataclass(slots=True)
class Tally:
    """What came back."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def take(self, target: Target, body: Body, answer: bytes) -> None:
        """Judge one answer: right, refused aloud, or wrong."""
        head, _, said = answer.partition(b"\r\n\r\n")
        status = head[9:12].decode()
        try:
            kind = _judged(target, body, status, orjson.loads(said), answer)
        except (WrongAnswer, KeyError, ValueError) as error:
            self.wrong.append(f"{status}: {error}")
            kind = "wrong"
        self.answers[kind] += 1


def _judged(target: Target, body: Body, status: str, told: dict[str, object], answer: bytes) -> str:
    if status != "200":
        if told["resourceType"] != "OperationOutcome":
            raise WrongAnswer("a refusal without an OperationOutcome")
        return f"refused {status}"
    if b"Not checked:" in answer:
        if f'"Patient/{body.patient}"'.encode() not in answer and b'"Patient/' in answer:
            raise WrongAnswer("another patient")
        return "answered, and said what could not be had"
    Answers().check(target, body, answer)
    return "answered whole"


def main() -> int:
    """Run one of the two; the exit code says whether an answer was wrong or memory grew."""
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--requests", type=int, default=100_000)
    wanted.add_argument("--faults", action="store_true")
    asked = wanted.parse_args()
    return _faults() if asked.faults else _soak(asked.requests)


def _soak(requests: int) -> int:
    sent, number, tally = bodies(PATIENTS, date.today()), count(), Tally()
    with servers.service() as server:
        target = Target("the service", server.port)

        def work() -> None:
            connection = Connection(server.port)
            while (mine := next(number)) < requests:
                body = sent[mine % len(sent)]
                tally.take(target, body, connection.ask(message(target, body)))
            connection.close()

        begun, sizes = time.perf_counter(), []
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            running = [pool.submit(work) for _ in range(CONNECTIONS)]
            while not all(each.done() for each in running):
                sizes.append((sum(tally.answers.values()), server.megabytes() or 0.0))
                time.sleep(1)
            _raise(running)
        taken = time.perf_counter() - begun
    early = max((size for done, size in sizes if done <= requests * EARLY), default=0.0)
    grown = sizes[-1][1] - early
    print(f"{requests} requests in {taken:.0f} s ({requests / taken:.0f} a second): {dict(tally.answers)}")
    print(f"memory of the largest worker: {early:.0f} MiB after a fifth, {sizes[-1][1]:.0f} at the end ({grown:+.1f})")
    return _verdict(tally, grown)


def _faults() -> int:
    """Ask while upstream fails and workers die: what is answered must be right, what is not must be said."""
    chance, number, tally, over = random.Random(7), count(), Tally(), Event()
    lost, killed = Counter[str](), 0
    with ExitStack() as running:
        fhir = running.enter_context(
            servers.granian("bench.slow_fhir:application", 1, 32, BENCH_FHIR_SECONDS="0", BENCH_FHIR_FAULTS="yes")
        )
        base = f"http://127.0.0.1:{fhir.port}/fhir"
        server = running.enter_context(
            servers.service(B12_FHIR_SERVERS=json.dumps([base]), B12_FETCH_SECONDS="0.5", B12_DATABASE="none")
        )
        whole = bodies(PATIENTS, date.today())
        sent = [body if turn % 2 else without(body, base) for turn, body in enumerate(whole)]
        target = Target("the service", server.port)

        def work() -> None:
            while not over.is_set():
                with suppress(OSError):
                    _until_it_breaks(target, sent, number, tally, lost, over)

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            busy = [pool.submit(work) for _ in range(CONNECTIONS)]
            end = time.monotonic() + FAULT_SECONDS
            while time.monotonic() < end:
                time.sleep(KILL_EVERY)
                workers = server.workers()
                if len(workers) > 1:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
            over.set()
            _raise(busy)
    print(f"{killed} workers killed in {FAULT_SECONDS:.0f} s; {dict(tally.answers)}")
    print(f"connections lost with a worker, and asked again: {sum(lost.values())}")
    return _verdict(tally, 0.0)


def _until_it_breaks(
    target: Target, sent: list[Body], number: count[int], tally: Tally, lost: Counter[str], over: Event
) -> None:
    connection = Connection(target.port or 0)
    try:
        while not over.is_set():
            body = sent[next(number) % len(sent)]
            tally.take(target, body, connection.ask(message(target, body)))
    except (OSError, WrongAnswer) as broken:
        lost[type(broken).__name__] += 1
    finally:
        connection.close()


def _raise(running: list[Future[None]]) -> None:
    for each in running:
        each.result()


def _verdict(tally: Tally, grown: float) -> int:
    for words in tally.wrong[:10]:
        print(f"wrong: {words}", file=sys.stderr)
    if grown > SLACK_MIB:
        print(f"memory grew by {grown:.0f} MiB, more than {SLACK_MIB:.0f}", file=sys.stderr)
    return 1 if tally.wrong or grown > SLACK_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
