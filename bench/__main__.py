"""`python -m bench`: measure, print the table, keep it in bench/RESULTS.md; fail when an answer is wrong."""

from __future__ import annotations

import gc
import json
import multiprocessing
import sys
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from statistics import median

from bench import client, loads, servers
from bench.bodies import bodies, without
from bench.client import BARE, Body, Target, WrongAnswer
from bench.report import Figures, Row, told, wrong

PATIENTS, ROUNDS, WARM = 200, 3, 50
CONNECTIONS, WAVES, WAVE_SECONDS = (1, 16), 3, 1.0
STARTS, FALLBACKS = 3, 20
RESULTS = Path(__file__).parent / "RESULTS.md"


def main() -> int:
    """Run everything once and return the exit code."""
    sent = bodies(PATIENTS, date.today())
    # The client is a process of its own; what it has imported must not slow its own measurements.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=gc.freeze) as apart:
        try:
            figures, under = _measured(apart, sent), loads.measured(apart)
        except WrongAnswer as error:
            print(f"bench: a wrong answer: {error}", file=sys.stderr)
            return 1
    table = "\n".join([told(figures), "## Under other loads", "", *loads.told(under)])
    print(table)
    RESULTS.write_text(table, encoding="utf-8")
    broken = wrong(figures)
    for words in broken:
        print(f"bench: {words}", file=sys.stderr)
    # A ratio is a claim to read, not a test: only an answer that is wrong fails the run.
    return 0


def _measured(apart: Executor, sent: list[Body]) -> Figures:
    starts = [_cold_start() for _ in range(STARTS)]
    with ExitStack() as running:
        ours = running.enter_context(
            servers.granian("bench.bare:application", B12_PROTOCOL=servers.PROTOCOL, B12_AUTHENTICATION="off")
        )
        other = running.enter_context(servers.gunicorn())
        targets = [
            Target("the service, granian", ours.port),
            Target("bare Flask + orjson.loads, same server", ours.port, BARE),
            Target("the service, gunicorn gthread", other.port),
            Target("orjson.loads alone, in process"),
        ]
        times = apart.submit(client.in_turn, targets, sent, ROUNDS, WARM).result()
        rates = apart.submit(client.rates, targets[:3], sent, CONNECTIONS, WAVES, WAVE_SECONDS).result()
        memory = (ours.megabytes(), None, other.megabytes(), None)
        rows = [Row(t.name, times[t.name], rates.get(t.name), size) for t, size in zip(targets, memory, strict=True)]
    return Figures(rows, len(sent), len(sent[0].json), median(starts), _fallback(apart, sent))


def _cold_start() -> float:
    with servers.service() as server:
        return server.start_seconds


def _fallback(apart: Executor, sent: list[Body]) -> list[float]:
    """Return the milliseconds of calls for which six queries go to a FHIR server that takes 100 ms each."""
    with servers.granian("bench.slow_fhir:application", workers=1, threads=16) as fhir:
        base = f"http://127.0.0.1:{fhir.port}/fhir"
        asked = [without(body, base) for body in sent[:FALLBACKS]]
        with servers.service(B12_FHIR_SERVERS=json.dumps([base])) as server:
            target = Target("six fallback queries", server.port)
            return apart.submit(client.in_turn, [target], asked, 1, 0).result()[target.name]


if __name__ == "__main__":
    sys.exit(main())
