"""Answers kept in short, one line each: what is said, and digests of all that is said and of all the reasons.

Asked are every edge; every vignette under every protocol; two vignettes in one patient; and a vignette's patient on the
days to come on which the answer becomes another, and on the day before. A change in any element, word or reason of an
answer changes a digest. `python -m tests.golden` writes the lines anew; what they say is no more than what was said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from cds_hooks.wire import Response
from service.answer import Answer
from service.consult import Consultant
from service.evaluate import evaluate
from service.explanation import explain
from tests.chart.codes import Choice
from tests.chart.facts import Facts
from tests.chart.render import bundle
from tests.medicine.ask import chart_of
from tests.medicine.edges import documents
from tests.vignettes import PROTOCOLS, TODAY, vignettes

FILE = Path(__file__).parent / "answers.txt"


class Question(NamedTuple):
    """A chart under a protocol on a day."""

    name: str
    document: bytes
    protocol: str
    today: date

    def answer(self, using: Consultant) -> Answer:
        """What the whole pipeline answers."""
        return evaluate(self.document, protocol=self.protocol, today=self.today, using=using)


#: Days on which the answer is looked at; where two neighbours differ, the day between on which it changes is found.
_LATER = " later by "
_AHEAD = (0, 3, 10, 20, 40, 70, 100, 140, 190, 250, 310, 370, 460)


@cache
def questions() -> tuple[Question, ...]:
    """All of them, the edges first; the days to come are those that are kept."""
    asked = {each.name: each for each in now()}
    later = []
    for name in kept():
        first, ahead, days = name.partition(_LATER)
        if ahead:
            later.append(_later(asked[first], int(days)))
    return (*asked.values(), *later)


@cache
def now() -> tuple[Question, ...]:
    """Every question that is asked on a vignette's own day."""
    return (*_edges(), *_vignettes(), *_crossed())


def _later(question: Question, days: int) -> Question:
    today = question.today + timedelta(days=days)
    return question._replace(name=f"{question.name}{_LATER}{days}", today=today)


def _edges() -> Iterator[Question]:
    for nth, (edge, here, there) in enumerate(documents()):
        for side, document in (("here", here), ("there", there)):
            yield Question(f"{edge.line} {nth} {side}, {edge.protocol}", document, edge.protocol, TODAY)


def _vignettes() -> Iterator[Question]:
    for told in vignettes():
        document = json.dumps(chart_of(told)).encode()
        for protocol in PROTOCOLS:
            yield Question(f"{told.id}, {protocol}", document, protocol, told.today)


def _crossed() -> Iterator[Question]:
    """Each vignette with the facts of another, which one being settled by their names."""
    for told in vignettes():
        others = sorted((o for o in vignettes() if o is not told), key=lambda o: _digest([told.id, o.id]))
        for protocol, other in zip(PROTOCOLS, others, strict=False):
            document = json.dumps(bundle(_both(told.facts, other.facts), told.today, Choice.nth(0))).encode()
            yield Question(f"{told.id} with {other.id}, {protocol}", document, protocol, told.today)


def _both(one: Facts, other: Facts) -> Facts:
    said = {}
    for field in Facts.__struct_fields__:
        mine, its = getattr(one, field), getattr(other, field)
        said[field] = tuple(dict.fromkeys(mine + its)) if isinstance(mine, tuple) else mine or its
    return Facts(**said)


def _changes(question: Question, using: Consultant) -> Iterator[Question]:
    """Yield the question on each day to come on which its answer changes, and on the day before."""
    days: set[int] = set()
    for early, late in pairwise(_AHEAD):
        least, most = early, late
        before, after = _short(_later(question, least).answer(using)), _short(_later(question, most).answer(using))
        while before != after and most - least > 1:
            middle = (least + most) // 2
            if _short(_later(question, middle).answer(using)) == before:
                least = middle
            else:
                most = middle
        if before != after:
            days |= {least, most}
    for day in sorted(days - {0}):
        yield _later(question, day)


@cache
def kept() -> dict[str, str]:
    """Each question's line as it was kept."""
    lines = (line.partition(": ") for line in FILE.read_text(encoding="utf-8").splitlines())
    return {name: rest for name, _, rest in lines}


def line(given: Answer, using: Consultant) -> str:
    """The line of an answer."""
    return f"{said(given)} {reasons(given, using)}"


def said(given: Answer) -> str:
    """What an answer says in short, and the digest of all it says."""
    cards = msgspec.json.decode(msgspec.json.encode(Response(cards=given.cards)))["cards"]
    return f"{_short(given)}; {_digest([given.assessment, cards])}"


def _short(given: Answer) -> str:
    short = given.assessment
    options = " or ".join(option["regimen"] for option in short["options"]) or "no plan"
    return f"{short['rule']} {short['status']}; {options}; {' '.join(short['modifiers'])}; {' '.join(short['notices'])}"


def reasons(given: Answer, using: Consultant) -> str:
    """The digest of why an answer is as it is."""
    return _digest(msgspec.json.decode(msgspec.json.encode(explain(given.decision, using.book))))


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(_unstamped(content), sort_keys=True).encode()).hexdigest()[:12]


def _unstamped(content: Any) -> Any:
    if isinstance(content, list):
        return [_unstamped(each) for each in content]
    if isinstance(content, dict):
        return {key: _unstamped(each) for key, each in content.items() if key not in ("ruleSet", "rule_set")}
    return content


def written(using: Consultant) -> str:
    """The file as it would be written today."""
    asked = list(now())
    for nth, question in enumerate(_vignettes()):
        # Each patient's days to come under one protocol.
        if nth % len(PROTOCOLS) == nth // len(PROTOCOLS) % len(PROTOCOLS):
            asked += _changes(question, using)
    return "".join(f"{each.name}: {line(each.answer(using), using)}\n" for each in asked)
