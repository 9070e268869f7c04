"""The whole check, in order of importance, so that what an allowance cuts off matters least."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import requests

from cds_hooks.conformance.caller import Answer, Caller, Stopped, Unreachable
from cds_hooks.conformance.calls import Calls
from cds_hooks.conformance.discovery import Found, base_of, discover
from cds_hooks.conformance.doors import check_browsers, check_doors
from cds_hooks.conformance.feedback import check_feedback
from cds_hooks.conformance.ledger import Finding, Ledger
from cds_hooks.conformance.loopback import Loopback, listening
from cds_hooks.conformance.report import Report
from cds_hooks.conformance.rules import RULES
from cds_hooks.conformance.sources import FromServer, Given, Source, Synthetic
from cds_hooks.conformance.tokens import ALGORITHMS, Client, new_keys
from cds_hooks.conformance.trust import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to check: whom to be, what to send, how much of it; `told` and `seen` follow the calls and the findings."""

    client: Client | None = None
    """Who we are, if the service was given our keys."""
    fhir_server: str | None = None
    fhir_token: str | None = None
    patient: str | None = None
    request: dict[str, Any] | None = None
    services: tuple[str, ...] = ()
    listen: int | None = None
    jku: bool = False
    """Whether our JWTs name the key set that is served while listening."""
    edition: int = 2
    """Which edition of CDS Hooks we know as a client: what only 3.0 has is no breach with 3."""
    feedback: bool = True
    origin: str = "https://sandbox.cds-hooks.org"
    max_calls: int = 120
    seconds: float = 120.0
    patience: float = 10.0
    session: requests.Session = field(default_factory=requests.Session)
    told: Callable[[int, str, Answer], None] = lambda *_: None
    seen: Callable[[Finding], None] = lambda _: None


def check(url: str, plan: Plan) -> Report:
    """Check the service at a URL and return what was found.

    Raises `Unreachable` if it cannot be called at all, and `OSError` if the port to listen on is taken.
    """
    with ExitStack() as open_ones:
        client = plan.client or Client(keys=new_keys())
        loopback = None
        if plan.listen is not None:
            loopback = open_ones.enter_context(listening(plan.listen, client.public()))
            client = replace(client, jku=loopback.jku if plan.jku else None)
        return _Check(base_of(url), plan, client, loopback).run()


@dataclass(slots=True)
class _Check:
    url: str
    plan: Plan
    client: Client
    loopback: Loopback | None
    ledger: Ledger = field(init=False)
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(seen=self.plan.seen, edition=self.plan.edition)
        self.caller = Caller(
            ledger=self.ledger,
            session=self.plan.session,
            max_calls=self.plan.max_calls,
            seconds=self.plan.seconds,
            patience=self.plan.patience,
            told=self.plan.told,
        )

    @property
    def known(self) -> bool:
        """Whether the service was told of our keys."""
        return self.plan.client is not None or self.client.jku is not None

    def run(self) -> Report:
        services: tuple[Found, ...] = ()
        try:
            if self.known:
                self._introduce()
            services = self._chosen(discover(self.caller, self.ledger, self.url))
            self._call(services)
        except Stopped as stopped:
            self.ledger.cannot(str(stopped), *RULES)
        return Report(self.url, tuple(one.id for one in services), self.caller.calls, self.ledger.results())

    def _introduce(self) -> None:
        """Use the first algorithm that discovery does not refuse."""
        for algorithm in ALGORITHMS:
            self.caller.token_for = partial(self.client.token, algorithm=algorithm)
            if not self.caller.get(self.url, f"discovery, with a JWT in {algorithm}").unauthorized:
                return

    def _chosen(self, services: tuple[Found, ...]) -> tuple[Found, ...]:
        wanted = self.plan.services
        unknown = set(wanted) - {one.id for one in services}
        if unknown:
            raise Unreachable(f"discovery lists no service {', '.join(sorted(unknown))}")
        return tuple(one for one in services if not wanted or one.id in wanted)

    def _call(self, services: tuple[Found, ...]) -> None:
        if not services:
            self.ledger.cannot("discovery lists no service that can be called", *RULES)
            return
        called = [Calls(self.caller, self.ledger, self._source(), one, self.loopback) for one in services]
        for calls in called:
            calls.in_order()
        for calls in called:
            calls.with_less_data()
        self._trust(next((calls for calls in called if calls.answered), None))
        for calls in called:
            calls.wrong()
        check_doors(self.caller, self.ledger, self.url, called)
        offered = self._feedback(called)
        check_browsers(self.caller, self.ledger, self.url, services, self.plan.origin, feedback=offered)

    def _feedback(self, called: list[Calls]) -> bool:
        if self.plan.feedback:
            return check_feedback(self.caller, self.ledger, called)
        self.ledger.cannot("--no-feedback", "H1", "H2", "H3", "H4", "H5", "H6")
        return False

    def _trust(self, calls: Calls | None) -> None:
        if calls is None or calls.whole is None:
            reason = "no call was answered, so that a refused JWT could not be told from another refusal"
            self.ledger.cannot(reason, *(rule for rule in RULES if rule[0] == "J"))
            return
        Trust(
            caller=self.caller,
            ledger=self.ledger,
            client=self.client,
            url=calls.service.url,
            body=calls.whole,
            name=calls.service.id,
            known=self.known,
            loopback=self.loopback,
        ).check()

    def _source(self) -> Source:
        source: Source = Synthetic(self.loopback)
        if self.plan.fhir_server and self.plan.patient:
            source = FromServer(self.plan.fhir_server, self.plan.patient, self.plan.fhir_token, self.plan.session)
        return Given(self.plan.request, source) if self.plan.request else source
