"""The matrix of calls of one service: in order, without data, with data of every kind, and wrong in each way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from cds_hooks.conformance import people
from cds_hooks.conformance.caller import Answer, Caller
from cds_hooks.conformance.discovery import Found
from cds_hooks.conformance.ledger import Ledger
from cds_hooks.conformance.loopback import Loopback
from cds_hooks.conformance.responses import check_answer, check_refusal
from cds_hooks.conformance.sources import Access, Json, Source

QUICK = 0.5
"""Seconds that an answer takes at most, in the order of magnitude (D16)."""
_LATE = 0.2
"""Seconds after an answer in which a query that was already under way may still arrive."""
_OF_DATA = ("C13", "C15", "D9", "D10", "D11", "D12", "D14", "D15", "D18", "E4")


@dataclass(slots=True)
class Calls:
    """Calls one service in every way, and keeps the cards that it answered with."""

    caller: Caller
    ledger: Ledger
    source: Source
    service: Found
    loopback: Loopback | None = None
    cards: list[Any] = field(default_factory=list)
    whole: Json | None = None
    _full: Answer = field(default_factory=lambda: Answer(0))
    _refused_with: int = 412
    """The status of a call without data, right or wrong."""

    @property
    def answered(self) -> bool:
        """Whether the call in order was answered, or refused because the caller is not trusted."""
        return self.whole is not None and (self._full.ok or self._full.unauthorized)

    def in_order(self) -> None:
        """Make the calls that a client makes: with all data, and with what it does not know yet (D1, D16, D19)."""
        self.whole = self.source.request(self.service)
        if self.whole is None:
            self.ledger.cannot(f"there is no request for {self.service.hook}: give --request FILE", "E1", *_OF_DATA)
            return
        self._full = self._call("all data", self.whole)
        found = self._full.status not in (404, 405)
        if not self.ledger.expect("D1", found, self._where("all data"), f"answered {self._full.told}"):
            self.whole = None
            return
        if 300 <= self._full.status < 400:
            self.ledger.cannot("calls are redirected, and a redirect is not followed", "E1", *_OF_DATA)
            self.whole = None
            return
        self.ledger.expect("E5", 0 < self._full.status < 500, self._where("all data"), f"answered {self._full.told}")
        self.cards = check_answer(self.ledger, self._full, self._where("all data")) or []
        if not self._full.ok:
            return
        more = self.whole | {"extension": {"org.example.conformance": {"unknown": True}}}
        more["context"] = {**self.whole.get("context", {}), "conformanceField": "unknown"}
        again = self._call("an unknown extension", more)
        self.ledger.expect("D19", again.ok, self._where("an unknown extension"), f"refused with {again.told}")
        if again.ok:
            check_answer(self.ledger, again, self._where("an unknown extension"))
        quickest = min(self._full.seconds, again.seconds)
        slow = f"{quickest * 1000:.0f} ms"
        self.ledger.expect("D16", quickest <= QUICK, self._where("all data"), slow)

    def with_less_data(self) -> None:
        """Leave the data out, or send nulls, errors and first pages in its place (C13, C15, D9-D15, E4)."""
        if self.whole is None or not self._full.ok:
            return
        prefetch = self.whole.get("prefetch")
        if not isinstance(prefetch, dict) or not prefetch:
            self.ledger.cannot("the service asks for no data", *_OF_DATA)
            return
        alone = {key: value for key, value in self.whole.items() if not key.startswith("fhir")}
        self._without_data({key: value for key, value in alone.items() if key != "prefetch"})
        self._nulls(alone, prefetch)
        self._errors(alone, prefetch)
        self._from_server({key: value for key, value in alone.items() if key != "prefetch"}, prefetch)

    def wrong(self) -> None:
        """Break the request in each way that a service must notice (D2, D3, D4, D7)."""
        if self.whole is None:
            return
        context = self.whole.get("context", {})
        access = Access("https://fhir.invalid", "conformance").fields(context.get("patientId"))
        unserved = {"hook": "conformance-unserved"}
        wrong: tuple[tuple[str, str, Json], ...] = (
            ("D2", "another hook", self.whole | unserved),
            ("D3", "no hookInstance", _less(self.whole, "hookInstance")),
            ("D3", "a hookInstance that is no UUID", self.whole | {"hookInstance": "not-a-uuid"}),
            ("D4", "fhirAuthorization without fhirServer", _less(self.whole | access, "fhirServer")),
            ("D7", "no context", _less(self.whole, "context")),
            ("D7", "a context without the patient", self.whole | {"context": _less(context, "patientId")}),
        )
        for rule, name, body in wrong:
            expect_refusal(self.ledger, rule, self._call(name, body), self._where(name))

    def _without_data(self, body: Json) -> None:
        name, where = "no data", self._where("no data")
        answer = self._call(name, body)
        if answer.ok:
            cards = check_answer(self.ledger, answer, where)
            if cards or self.cards:
                self.ledger.expect("D11", bool(cards), where, "answered with no cards, as if there were nothing")
            else:
                self.ledger.cannot("the service has no cards for this patient, with data or without", "D11")
            self.ledger.cannot("no call was refused for want of data", "E4")
            return
        self.ledger.expect("D11", True, where, "")
        self._refused_with = answer.status
        self.ledger.expect("E4", answer.status == 412, where, f"answered {answer.told}, not 412")
        check_refusal(self.ledger, answer, where)

    def _nulls(self, body: Json, prefetch: Json) -> None:
        where = self._where("null prefetch")
        searches = [key for key, value in prefetch.items() if _is_searchset(value)] or list(prefetch)
        answer = self._call("null prefetch", body | {"prefetch": prefetch | dict.fromkeys(searches)})
        fits = answer.ok or answer.status in (412, self._refused_with)
        self.ledger.expect("C15", fits, where, f"answered {answer.told}")
        if fits:
            _check_either(self.ledger, answer, where)

    def _errors(self, body: Json, prefetch: Json) -> None:
        where = self._where("OperationOutcomes as prefetch")
        failed = {key: people.outcome() for key in prefetch}
        answer = self._call("OperationOutcomes as prefetch", body | {"prefetch": failed})
        silent = answer.ok and bool(self.cards) and not _cards_in(answer)
        fits = answer.refused or (answer.ok and not silent)
        self.ledger.expect("D10", fits, where, f"answered {answer.told}{' without cards' if silent else ''}")
        if fits:
            _check_either(self.ledger, answer, where)

    def _from_server(self, bare: Json, prefetch: Json) -> None:
        if self.source.access() is None:
            self.ledger.cannot("no FHIR server was offered: give --listen PORT", "C13", *_OF_DATA[2:3])
            self.ledger.cannot("no FHIR server was offered: give --listen PORT", "D12", "D14", "D15", "D18")
            return
        answer, asked = self._fetching("no prefetch, but a FHIR server", bare)
        where = self._where("no prefetch, but a FHIR server")
        if self.loopback is None:
            self.ledger.expect("D12", answer.ok, where, f"answered {answer.told}")
            self.ledger.cannot("another's FHIR server was used: give --listen PORT", "C13", "D9", "D14", "D15", "D18")
            return
        if not asked:
            told = f"the service did not call {self.loopback.fhir}: is it allowed to?"
            self.ledger.cannot(told, "C13", "D9", "D12", "D14", "D15", "D18")
            return
        self.ledger.expect("D12", answer.ok, where, f"answered {answer.told}")
        self._one_key_left_out(bare, prefetch, asked)
        self._first_pages(bare, prefetch)

    def _one_key_left_out(self, bare: Json, prefetch: Json, asked: list[str]) -> None:
        """D9: what was fetched when nothing was sent is fetched when it alone was not sent."""
        kinds = {key: str(template).partition("?")[0].partition("/")[0] for key, template in self._templates(prefetch)}
        singular = [key for key, kind in kinds.items() if list(kinds.values()).count(kind) == 1 and kind in asked]
        if not singular:
            self.ledger.cannot("no template could be told apart from the others", "D9")
            return
        name = f"all but {singular[0]}, and a FHIR server"
        answer, again = self._fetching(name, bare | {"prefetch": _less(prefetch, singular[0])})
        fits = kinds[singular[0]] in again or not (answer.ok or answer.status == 412)
        self.ledger.expect("D9", fits, self._where(name), f"prefetch.{singular[0]} was not retrieved")

    def _first_pages(self, bare: Json, prefetch: Json) -> None:
        searches = {key: value for key, value in prefetch.items() if _is_searchset(value)}
        if not searches or self.loopback is None:
            self.ledger.cannot("the service asks for no search", "C13")
            return
        paged = dict(prefetch)
        for key, value in searches.items():
            kind = str(self.service.templates[key]).partition("?")[0]
            link = {"relation": "next", "url": f"{self.loopback.fhir}/{kind}?{people.NEXT_PAGE}=2"}
            paged[key] = value | {"link": [link]}
        name = "first pages as prefetch"
        began = time.monotonic()
        answer, _ = self._fetching(name, bare | {"prefetch": paged})
        followed = any(people.NEXT_PAGE in asked.path for asked in self.loopback.since(began))
        fits = answer.ok and followed
        self.ledger.expect("C13", fits, self._where(name), f"answered {answer.told}, no further page was fetched")

    def _fetching(self, name: str, body: Json) -> tuple[Answer, list[str]]:
        """Call with access to a FHIR server; return the answer and the types that were asked for (D14, D15, D18)."""
        access = self.source.access()
        if access is None:
            return self._call(name, body), []
        began = time.monotonic()
        answer = self._call(name, body | access.fields(body.get("context", {}).get("patientId")))
        ended, where = time.monotonic(), self._where(name)
        if self.loopback is None:
            return answer, []
        time.sleep(_LATE)
        queries = self.loopback.since(began)
        for query in queries:
            _, _, token = query.authorization.partition(" ")
            bearer = query.authorization.lower().startswith("bearer ") and bool(token)
            self.ledger.expect("D14", bearer, where, f"{query.path[:60]} was asked for without the token")
            if bearer:
                fits = token == access.token and query.at <= ended + _LATE / 2
                self.ledger.expect(
                    "D15", fits, where, f"{query.path[:60]} was asked for with the token of another call"
                )
            if "draftOrders" in body.get("context", {}):
                self.ledger.expect("D18", people.DRAFT not in query.path, where, "a draft was looked for")
        if "draftOrders" not in body.get("context", {}):
            self.ledger.cannot("no service takes draft orders", "D18")
        return answer, [query.path.partition("?")[0].partition("/")[0] for query in queries]

    def _templates(self, prefetch: Json) -> list[tuple[str, Any]]:
        return [(key, template) for key, template in self.service.templates.items() if key in prefetch]

    def _call(self, name: str, body: Json) -> Answer:
        if "hookInstance" in body and body["hookInstance"] != "not-a-uuid":
            body = body | {"hookInstance": str(uuid4())}
        return self.caller.post(self.service.url, body, self._where(name))

    def _where(self, name: str) -> str:
        return f"{self.service.id}: {name}"


def expect_refusal(ledger: Ledger, rule: str, answer: Answer, where: str) -> None:
    """Expect a 4xx by a rule, which is never a 5xx (E5), and says why (E6)."""
    if ledger.expect("E5", 0 < answer.status < 500, where, f"answered {answer.told}"):
        ledger.expect(rule, answer.refused, where, f"answered {answer.told}, not 4xx")
    check_refusal(ledger, answer, where)


def _check_either(ledger: Ledger, answer: Answer, where: str) -> None:
    if answer.ok:
        check_answer(ledger, answer, where)
    else:
        check_refusal(ledger, answer, where)


def _cards_in(answer: Answer) -> Any:
    return answer.value.get("cards") if isinstance(answer.value, dict) else None


def _is_searchset(value: Any) -> bool:
    return isinstance(value, dict) and value.get("resourceType") == "Bundle"


def _less(body: Json, name: str) -> Json:
    return {key: value for key, value in body.items() if key != name}
