"""`python -m tests.scaleout`: the whole proof; one line a fact, and an end of 1 for the first that does not hold."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.cds_hooks.tokens import claims, token
from tests.e2e.running import SERVICE

from .callers import FEEDBACK, Ehr, Json, Seen, chart, overridden, post, signed
from .machines import BASE, CannotRun, check, command, postgresql, ready, ready_by_itself, redis, service, settings
from .network import Machine, network

CALLERS = 4
CUT_SECONDS = 6.0
_PATIENCE = 40.0


class Broken(Exception):
    """A fact that does not hold."""


def fact(words: str, holds: object) -> None:
    print(f"{'ok ' if holds else 'NO '} {words}", flush=True)
    if not holds:
        raise Broken(words)


def until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def tokens_are_good_once(a: str, b: str) -> None:
    used = signed(SERVICE)
    statuses = [post(a, SERVICE, chart("pat-t"), used).status_code, post(b, SERVICE, chart("pat-t"), used).status_code]
    fact(f"a token that one service took is refused by the other: {statuses}", statuses == [200, 401])


def memory_is_shared(a: str, b: str) -> None:
    said = post(a, SERVICE, chart("pat-m")).json()["cards"]
    answer = {"feedback": [overridden(said[0])]}
    statuses = [post(address, FEEDBACK, answer).status_code for address in (b, a, b)]
    fact(f"one answer to a card is taken by both services: {statuses}", statuses == [200] * 3)
    time.sleep(1)
    quiet = [[card["summary"] for card in post(each, SERVICE, chart("pat-m")).json()["cards"]] for each in (a, b) * 4]
    fact("a card said by one service and overridden at the other is quiet at both", quiet == [[said[1]["summary"]]] * 8)


def under_load(machines: dict[str, Machine], a: str, b: str, seen: Seen) -> None:
    """Cut off a service, the database and the Redis in turn, while EHRs go on calling."""
    enough = threading.Event()
    callers = [Ehr(number, (a, b), seen, enough) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    time.sleep(3)

    held = signed(SERVICE)
    fact("a token is taken before the cut", post(a, SERVICE, chart("pat-h"), held).status_code == 200)
    machines["b"].cut()
    before = len(seen.acknowledged)
    time.sleep(CUT_SECONDS)
    fact("a service that is cut off says so to whoever asks it", ready_by_itself(machines["b"]) == 503)
    # A caller whose turn it was to ask the cut one twice needs longer than the cut has lasted.
    fact(
        "the other one is ready, and takes its calls",
        ready(a) == 200 and until(lambda: len(seen.acknowledged) > before),
    )
    machines["b"].join()
    fact("brought back, it is ready again", until(lambda: ready(b) == 200))
    fact("and refuses the token that the other took", post(b, SERVICE, chart("pat-h"), held).status_code == 401)

    machines["pg"].cut()
    time.sleep(CUT_SECONDS)
    fact("without the database neither is ready", {ready(a), ready(b)} == {503})
    opened = post(a, SERVICE, chart("pat-d"))
    fact("and cards are said all the same", opened.status_code == 200 and opened.json()["cards"])
    with seen.lock:
        seen.said |= {card["uuid"] for card in opened.json()["cards"]}
    machines["pg"].join()
    fact("with the database both are ready again", until(lambda: {ready(a), ready(b)} == {200}))

    machines["redis"].cut()
    time.sleep(CUT_SECONDS)
    fact("without the Redis neither is ready", {ready(a), ready(b)} == {503})
    fact("and no token is taken unseen", {post(each, SERVICE, chart("pat-r")).status_code for each in (a, b)} == {503})
    machines["redis"].join()
    fact("with the Redis both are ready again", until(lambda: {ready(a), ready(b)} == {200}))

    time.sleep(3)
    enough.set()
    for caller in callers:
        caller.join(60)


def nothing_lost_nothing_twice(given: dict[str, str], seen: Seen) -> None:
    entries: list[Json] = [json.loads(line) for line in command(given, "audit").splitlines()]
    shown = Counter(entry["card"] for entry in entries if "feedback" in entry)
    answers = Counter(entry["card"] for entry in entries for _ in entry.get("feedback", ()))
    unmatched = Counter(entry["card"] for entry in entries if entry.get("unmatched"))
    fact(f"{len(seen.said)} cards were said, and each is on record", seen.said <= shown.keys())
    twice = [card for card in seen.said if shown[card] > 1 and card not in retried(entries)]
    fact("none stands there twice for one call", twice == [])
    fact(
        f"{len(seen.acknowledged)} answers were acknowledged, and each is on record once",
        all(answers[card] + unmatched[card] == 1 for card in seen.acknowledged),
    )
    fact(f"no caller had to give up; what they met: {dict(seen.statuses)}", seen.given_up == [])
    met = seen.statuses[200] < sum(seen.statuses.values())
    fact("the cuts were felt: some calls were sent again", met)


def retried(entries: list[Json]) -> set[str]:
    """Cards of calls that were sent again: each time it was said is told, at its own time."""
    times: dict[str, set[str]] = {}
    for entry in entries:
        if "feedback" in entry:
            times.setdefault(entry["card"], set()).add(entry["at"])
    counted = Counter(entry["card"] for entry in entries if "feedback" in entry)
    return {card for card, at in times.items() if len(at) == counted[card] > 1}


def run(folder: Path) -> None:
    began, seen = time.monotonic(), Seen()
    with (
        network(["a", "b", "pg", "redis"]) as machines,
        postgresql(machines["pg"], folder / "pg") as database,
        redis(machines["redis"], folder / "redis") as shared,
    ):
        given = settings(folder, database, shared)
        with (
            service(machines["a"], given, folder / "a.log") as a,
            service(machines["b"], given, folder / "b.log") as b,
        ):
            fact("two services on one PostgreSQL and one Redis are ready", {ready(a), ready(b)} == {200})
            foreign = token(claims(SERVICE, aud=BASE + SERVICE, iss="https://elsewhere.example"))
            fact("nobody else is let in", post(a, SERVICE, chart("pat-0"), foreign).status_code == 401)
            tokens_are_good_once(a, b)
            memory_is_shared(a, b)
            under_load(machines, a, b, seen)
        nothing_lost_nothing_twice(given, seen)
    print(f"all of it holds, in {time.monotonic() - began:.0f} s")


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="b12-scaleout-"))
    folder.chmod(0o755)
    try:
        check()
        run(folder)
    except CannotRun as error:
        print(f"not run: {error}", file=sys.stderr)
        return 2
    except Broken:
        for log in ("a.log", "b.log"):
            if (folder / log).exists():
                lines = (folder / log).read_text(encoding="utf-8", errors="replace").splitlines()
                told = [line for line in lines if '"level":"INFO"' not in line][-15:]
                print(f"{log}:", *told, sep="\n  ", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
