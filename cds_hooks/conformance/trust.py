"""Whom the service trusts: calls without a JWT, with good ones, and with each that it must not take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from cds_hooks.conformance.caller import Answer, Caller
from cds_hooks.conformance.ledger import Ledger
from cds_hooks.conformance.loopback import Loopback
from cds_hooks.conformance.sources import Json
from cds_hooks.conformance.tokens import ALGORITHMS, Client

_OF_TOKENS = ("J5", "J6", "J7", "J8", "J9", "J10", "J11", "J12", "J15")
_LONG_AGO = 24 * 3600


@dataclass(slots=True)
class Trust:
    """Calls one endpoint with all kinds of JWT."""

    caller: Caller
    ledger: Ledger
    client: Client
    url: str
    body: Json
    name: str
    known: bool = False
    """Whether the operator gave the service our keys."""
    loopback: Loopback | None = None

    def check(self) -> None:
        """Check section J at this endpoint."""
        bare = self.caller.post(self.url, self.body, self._where("no JWT"), bare=True)
        if not bare.ok and not bare.unauthorized:
            self.ledger.cannot(
                f"a call in order is answered by {bare.told}, with or without a JWT", "J2", "J3", *_OF_TOKENS
            )
            return
        self.ledger.expect("J2", bare.unauthorized, self._where("no JWT"), "answered to anybody")
        taken = [name for name in ALGORITHMS if self._takes(name)]
        if bare.ok:
            self.ledger.cannot("the service answers callers without a JWT", *_OF_TOKENS)
            self.ledger.expect(
                "J3", bool(taken), self._where("a JWT"), "a call with a JWT is refused, one without is not"
            )
            return
        if not taken:
            told = "the service trusts no key of ours: give --keys FILE, and the service its public half"
            if self.known:
                self.ledger.expect("J3", False, self._where("a JWT"), "a good JWT is refused")
            self.ledger.cannot(told, "J3", *_OF_TOKENS)
        self._unsigned(bool(taken))
        if taken:
            self._signed(taken)

    def _takes(self, algorithm: str) -> bool:
        name = f"a JWT in {algorithm}"
        return self._call(name, self.client.token(self.url, algorithm)).ok

    def _unsigned(self, known: bool) -> None:
        """Send what nobody signed: taking it is always a breach, refusing it shows something if we are `known`."""
        wrong = (
            ("J7", "a JWT without a signature", self.client.unsigned(self.url)),
            ("J7", "a JWT signed by another key", self.client.forged(self.url)),
            ("J8", "a JWT signed by HMAC with the public key", self.client.keyed(self.url)),
        )
        answers = []
        for rule, name, token in wrong:
            answer = self._call(name, token)
            answers.append((name, answer))
            if known or answer.ok:
                self.ledger.expect(rule, not answer.ok, self._where(name), f"answered {answer.told}")
        if known:
            self._check_bare(answers)

    def _signed(self, taken: list[str]) -> None:
        for name in ALGORITHMS:
            self.ledger.expect("J9", name in taken, self._where(f"a JWT in {name}"), "is not taken")
        self.ledger.expect("J3", True, self._where("a JWT"), "")
        usual = taken[0]
        answers = []
        for rule, name, token in self._stale(usual):
            answer = self._call(name, token)
            answers.append((name, answer))
            self.ledger.expect(rule, not answer.ok, self._where(name), f"answered {answer.told}")
        once = self.client.token(self.url, usual)
        first, second = (self._call(name, once) for name in ("a JWT", "the same JWT again"))
        if first.ok:
            self.ledger.expect("J12", not second.ok, self._where("the same JWT again"), f"answered {second.told}")
            answers.append(("the same JWT again", second))
        self._check_bare(answers)
        self._key_sets(usual)

    def _stale(self, algorithm: str) -> Iterator[tuple[str, str, str]]:
        past = int(time.time()) - _LONG_AGO
        token = self.client.token
        yield "J5", "a JWT that is over", token(self.url, algorithm, iat=past, exp=past + 300)
        yield "J5", "a JWT without exp", token(self.url, algorithm, exp=None)
        yield "J6", "a JWT for another endpoint", token("https://elsewhere.invalid/cds-services/x", algorithm)

    def _key_sets(self, algorithm: str) -> None:
        if self.known and self.client.jku is None:
            self.ledger.expect("J11", True, self._where("a JWT without jku"), "")
        elif self.known:
            answer = self._call("a JWT without jku", self.client.token(self.url, algorithm, jku=None))
            self.ledger.expect("J11", answer.ok, self._where("a JWT without jku"), f"answered {answer.told}")
        else:
            self.ledger.cannot("no keys were exchanged out of band: give --keys FILE", "J11")
        if self.loopback is None:
            self.ledger.cannot("no key set is served here: give --listen PORT", "J10")
            return
        name = "a JWT with an unknown jku"
        self._call(name, self.client.token(self.url, algorithm, jku=self.loopback.stray_jku))
        self.ledger.expect("J10", not self.loopback.strayed, self._where(name), "the key set was fetched from there")

    def _check_bare(self, answers: list[tuple[str, Answer]]) -> None:
        refused = [(name, answer) for name, answer in answers if not answer.ok]
        for name, answer in refused:
            fits = answer.status == 401 and answer.body == refused[0][1].body
            self.ledger.expect("J15", fits, self._where(name), f"answered {answer.told}, or told what was wrong")

    def _call(self, name: str, token: str) -> Answer:
        return self.caller.post(self.url, self.body, self._where(name), token=token)

    def _where(self, name: str) -> str:
        return f"{self.name}: {name}"
