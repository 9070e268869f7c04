"""The figures as a plain table, and the bounds they must keep."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles

from bench.servers import PROTOCOL, WORKERS
from service.serving import THREADS

RATIO, FALLBACK_MS = 1.5, 250.0
START_SECONDS, MEMORY_MIB = 2.0, 150.0


@dataclass(frozen=True, slots=True)
class Row:
    """One target: milliseconds of each request, requests a second at 1 and 16 connections, MiB a worker."""

    name: str
    times: Sequence[float]
    rates: Sequence[float] | None
    memory: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything one run measured; the service is the first row, the floor the second."""

    rows: Sequence[Row]
    bodies: int
    body_bytes: int
    start_seconds: float
    fallback: Sequence[float]

    @property
    def ratio(self) -> float:
        """Return how many times the floor's p50 the service takes."""
        return median(self.rows[0].times) / median(self.rows[1].times)


def wrong(figures: Figures) -> list[str]:
    """Return the bounds that are broken; the aims are only reported."""
    slow = median(figures.fallback)
    checks = (
        (figures.ratio > RATIO, f"{figures.ratio:.2f} times the bare endpoint, more than {RATIO}"),
        (slow >= FALLBACK_MS, f"six fallback queries took {slow:.0f} ms, not under {FALLBACK_MS:.0f}"),
    )
    return [words for broken, words in checks if broken]


def told(figures: Figures) -> str:
    """Return the report."""
    memory, slow = figures.rows[0].memory, median(figures.fallback)
    lines = [
        "# Speed",
        "",
        f"`make bench` on {date.today()}: {machine()}.",
        f"{figures.bodies} different requests of {figures.body_bytes // 1000} KB (hook-realistic.json, patients "
        f"confirmed under {PROTOCOL}), asked of each in an order drawn anew, {len(figures.rows[0].times)} each; every "
        "answer of the service a 200 with its orders, none given twice. "
        f"{WORKERS} workers, {THREADS} threads each, one client.",
        "",
        "| what | p50 ms | p95 ms | p50 / bare | req/s, 1 connection | req/s, 16 | MiB a worker |",
        "|---|--:|--:|--:|--:|--:|--:|",
        *(_row(row, figures) for row in figures.rows),
        "",
        f"- To be accepted: p50 at most {RATIO} x the bare endpoint: **{figures.ratio:.2f} x** (goal 1.0 x).",
        f"- Six fallback queries to a FHIR server that takes 100 ms each, whole call: p50 {slow:.0f} ms, "
        f"slowest {max(figures.fallback):.0f} ms (bound {FALLBACK_MS:.0f} ms at p50).",
        f"- Cold start, process to first 200 on /healthz: {figures.start_seconds:.1f} s (aim {START_SECONDS:.0f} s).",
        f"- Memory of the largest worker: {_or_dash(memory)} MiB (aim {MEMORY_MIB:.0f} MiB).",
        "",
    ]
    return "\n".join(lines)


def _row(row: Row, figures: Figures) -> str:
    p50, p95 = median(row.times), quantiles(row.times, n=20)[-1]
    ratio = p50 / median(figures.rows[1].times)
    rates = " | ".join(f"{rate:.0f}" for rate in row.rates) if row.rates else "- | -"
    return f"| {row.name} | {p50:.2f} | {p95:.2f} | {ratio:.2f} | {rates} | {_or_dash(row.memory)} |"


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def machine() -> str:
    """Return the machine in words."""
    return f"{os.cpu_count()} cores, {_processor()}, {platform.system()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
