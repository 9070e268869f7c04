"""`python -m bench.peers`: the service beside others that a package index provides, in one run, at equal workers.

They are installed into `build/peers` from the Python and the npm index; one that cannot be had is said to be missing.
"""

from __future__ import annotations

import gc
import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from statistics import median

from bench import client, servers
from bench.bodies import bodies
from bench.client import BARE, PEER, Target
from bench.report import machine

HEALTHCHAIN, EXPRESS = "0.16.1", "4.21.2"
HERE, BUILD = Path(__file__).parent, Path("build/peers")
RESULTS = HERE.parent / "PEERS.md"
_CONNECTIONS, _WAVES, _SECONDS = (1, 16), 3, 1.5
_HC_PATH = "/cds/cds-services/b12-patient-view"


def main() -> int:
    """Measure, print the table, keep it in bench/PEERS.md."""
    sent = bodies(200, date.today())
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=gc.freeze) as apart, ExitStack() as running:
        ours = running.enter_context(
            servers.granian("bench.bare:application", B12_PROTOCOL=servers.PROTOCOL, B12_AUTHENTICATION="off")
        )
        targets = [Target("the service, its whole answer", ours.port), Target("bare Flask + orjson", ours.port, BARE)]
        missing = []
        for name, peer in (("HealthChain " + HEALTHCHAIN, _healthchain), ("Express " + EXPRESS, _express)):
            try:
                targets.append(running.enter_context(peer(f"{name}, a trivial rule")))
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                missing.append(f"{name}: {type(error).__name__}")
        times = apart.submit(client.in_turn, targets, sent, 1, 20).result()
        rates = apart.submit(client.rates, targets, sent, _CONNECTIONS, _WAVES, _SECONDS).result()
    table = _told(targets, times, rates, missing)
    print(table)
    RESULTS.write_text(table, encoding="utf-8")
    return 0


def _told(
    targets: list[Target], times: dict[str, list[float]], rates: dict[str, list[float]], missing: list[str]
) -> str:
    mine = rates[targets[0].name]
    rows = [
        f"| {t.name} | {median(times[t.name]):.2f} | {rates[t.name][0]:.0f} | {rates[t.name][1]:.0f} "
        f"| {mine[0] / rates[t.name][0]:.2f} | {mine[1] / rates[t.name][1]:.2f} |"
        for t in targets
    ]
    return "\n".join(
        [
            "# Beside others",
            "",
            f"`make bench-peers` on {date.today()}: {machine()}, {servers.WORKERS} workers each, the 169 KB request.",
            "",
            "| what | p50 ms | req/s, 1 | req/s, 16 | our rate / its, 1 | 16 |",
            "|---|--:|--:|--:|--:|--:|",
            *rows,
            "",
            *(f"- Not measured, could not be installed: {words}." for words in missing),
        ]
    )


@contextmanager
def _healthchain(name: str) -> Iterator[Target]:
    python = BUILD / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(BUILD / "venv")], check=True)
        wanted = [f"healthchain=={HEALTHCHAIN}", "granian"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
    options = f"--interface asgi --log-level warning --workers {servers.WORKERS} --no-ws"
    command = [str(python.absolute()), "-m", "granian", *options.split(), "--working-dir", str(HERE)]
    with servers.other(command, "--port", "healthchain_service:app", path="/") as server:
        yield Target(name, server.port, _HC_PATH, peer=True)


@contextmanager
def _express(name: str) -> Iterator[Target]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise FileNotFoundError("node")
    folder = BUILD / "node"
    if not (folder / "node_modules" / "express").exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = [npm, "install", "--no-save", "--no-package-lock", "--silent", f"express@{EXPRESS}"]
        subprocess.run(install, check=True, cwd=folder)
    shutil.copy(HERE / "node_service.mjs", folder)
    command = [node, str((folder / "node_service.mjs").absolute())]
    with servers.other(command, "", str(servers.WORKERS), path="/healthz") as server:
        yield Target(name, server.port, PEER, peer=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
