"""The same answers under other loads: three sizes, one and sixteen connections, nothing sent along, tokens on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles

from bench import client, servers
from bench.bodies import Size, bodies, without
from bench.client import BARE, SERVICE, Body, Target
from bench.tokens import BASE, Signer, signers

MANY, WAVES, WAVE_SECONDS, PACED_SECONDS = 16, 3, 1.0, 4.0
_PATIENTS = {Size.SMALL: 200, Size.USUAL: 200, Size.LARGE: 20}
_ROUNDS = {Size.SMALL: 4, Size.USUAL: 2, Size.LARGE: 4}
_BARE, _NOTHING = "bare", "no token and no store"


@dataclass(frozen=True, slots=True)
class Load:
    """One load: what is sent, milliseconds of each request, of the floor's, and requests a second at 1 and 16."""

    name: str
    bytes: int
    times: Sequence[float]
    floor: Sequence[float] | None
    rates: Sequence[float] | None
    floor_rates: Sequence[float] | None

    @property
    def ratio(self) -> float | None:
        """Return how many times the floor's p50 it takes."""
        return median(self.times) / median(self.floor) if self.floor else None


@dataclass(frozen=True, slots=True)
class Loads:
    """Every load of one run; of the usual one the milliseconds by algorithm, with a token and the store and without
    either, asked in turn, and the milliseconds at half the rate it can do.
    """

    rows: Sequence[Load]
    trusted: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    half: Sequence[float]
    half_rate: float


def measured(apart: Executor) -> Loads:
    """Run every load once; raises WrongAnswer."""
    with _running() as (ours, fhir, known):
        sent = {size: bodies(_PATIENTS[size], date.today(), size) for size in Size}
        rows = [_full(apart, ours, size, sent[size]) for size in Size]
        usual = sent[Size.USUAL]
        trusted = _trusted(apart, ours, known, usual)
        asked = [without(body, fhir) for body in usual[:50]]
        rows.append(_alone(apart, "usual, six keys fetched", Target("fetched", ours), asked))
        full = next(row for row in rows if row.name == Size.USUAL)
        rate = (full.rates or (0.0, 0.0))[1] / 2
        target = Target("half", ours)
        half = apart.submit(client.paced, target, usual, rate, PACED_SECONDS, MANY).result()
    return Loads(rows, trusted, half, rate)


@contextmanager
def _running() -> Iterator[tuple[int, str, list[tuple[int, Signer]]]]:
    """Run a quick FHIR server, the service for anybody, and the service for known clients."""
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.granian("bench.slow_fhir:application", 1, 16, BENCH_FHIR_SECONDS="0") as fhir,
    ):
        clients, known = signers(Path(folder), SERVICE)
        base = f"http://127.0.0.1:{fhir.port}/fhir"
        usual = {"B12_PROTOCOL": servers.PROTOCOL, "B12_FHIR_SERVERS": json.dumps([base])}
        trusting = {"B12_CLIENTS": str(clients), "B12_BASE_URLS": json.dumps([BASE])}
        trusting["B12_DATABASE"] = f"sqlite:///{folder}/state.sqlite3"
        with (
            servers.granian("bench.bare:application", **usual, B12_AUTHENTICATION="off") as ours,
            servers.granian("bench.bare:application", **trusting) as asking,
        ):
            yield ours.port, base, [(asking.port, signer) for signer in known]


def _full(apart: Executor, port: int, size: Size, sent: list[Body]) -> Load:
    targets = [Target(size, port), Target(_BARE, port, BARE)]
    times = apart.submit(client.in_turn, targets, sent, _ROUNDS[size], 10).result()
    rates = apart.submit(client.rates, targets, sent, (1, MANY), WAVES, WAVE_SECONDS).result()
    return Load(size.value, len(sent[0].json), times[size], times[_BARE], rates[size], rates[_BARE])


def _trusted(
    apart: Executor, plain: int, known: list[tuple[int, Signer]], sent: list[Body]
) -> dict[str, tuple[list[float], list[float]]]:
    """Each algorithm by itself: what a server has left to do after another's call is no part of the next."""
    found = {}
    for port, signer in known:
        targets = [Target(_NOTHING, plain), Target(signer.algorithm, port, signer=signer)]
        times = apart.submit(client.in_turn, targets, sent, 3, 20).result()
        found[signer.algorithm] = (times[signer.algorithm], times[_NOTHING])
    return found


def _alone(apart: Executor, name: str, target: Target, sent: list[Body]) -> Load:
    times = apart.submit(client.in_turn, [target], sent, 4, 10).result()
    return Load(name, len(sent[0].json), times[target.name], None, None, None)


def told(loads: Loads) -> list[str]:
    """Return the table of the loads, and what they say of growth and of the tail."""
    low, usual, large = loads.rows[:3]
    growth = (median(large.times) - median(low.times)) / (large.bytes - low.bytes) * 1e6
    shown = (median(usual.times) - median(low.times)) / (usual.bytes - low.bytes) * 1e6
    p50, p99 = median(loads.half), quantiles(loads.half, n=100)[-1]
    return [
        f"| request | KB | p50 ms | p95 | p99 | p50 / bare | req/s, 1 | req/s, {MANY} | bare req/s, {MANY} |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(row) for row in loads.rows),
        "",
        f"- Growth: {shown:.1f} ms a megabyte up to {usual.bytes // 1000} KB, {growth:.1f} up to "
        f"{large.bytes // 1000} KB (linear: the same).",
        f"- At half the rate ({loads.half_rate:.0f} requests a second over {MANY} connections, waiting in line "
        f"counted): p50 {p50:.1f} ms, p99 {p99:.1f} ms, {p99 / p50:.1f} x (goal: at most 10 x).",
        f"- Usual request, asked in turn: {_in_turn(loads.trusted)} (to be accepted: at most +20 %).",
        "",
    ]


def _in_turn(times: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    return "; ".join(_beside(name, median(had), median(plain)) for name, (had, plain) in times.items())


def _beside(algorithm: str, had: float, plain: float) -> str:
    return f"{algorithm} and SQLite {had:.2f} ms, {_NOTHING} {plain:.2f} ms ({had / plain - 1:+.0%})"


def _row(load: Load) -> str:
    cuts = quantiles(load.times, n=100)
    ratio = "-" if load.ratio is None else f"{load.ratio:.2f}"
    rates = " | ".join(f"{rate:.0f}" for rate in load.rates) if load.rates else "- | -"
    floor = f"{load.floor_rates[1]:.0f}" if load.floor_rates else "-"
    return (
        f"| {load.name} | {load.bytes / 1000:.0f} | {median(load.times):.2f} | {cuts[94]:.2f} | {cuts[98]:.2f} "
        f"| {ratio} | {rates} | {floor} |"
    )
