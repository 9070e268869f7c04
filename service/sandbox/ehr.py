"""The demo EHR's client side: it calls the service as any EHR would and writes what a clinician signs."""

import re
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from service.sandbox.orders import Intention, transaction
from service.sandbox.resources import CLINICIAN
from service.sandbox.wire import EhrError, Json, NotUnderstoodError, exchange

PAGES = 100  # of one search, at most
SERVICES = {hook: f"b12-{hook}" for hook in ("patient-view", "order-select", "order-sign")}
ASSESSMENT = "org.b12-cds.assessment"
PROTOCOL = "org.b12-cds.protocol"
TOKEN = re.compile(r"\{\{\s*context\.(\w+)\s*\}\}")


class Exchange(NamedTuple):
    """One call of the service: what was sent, what came back, and how long it took."""

    request: Json
    response: Json
    milliseconds: float
    address: str = ""

    @property
    def cards(self) -> tuple[Json, ...]:
        """The cards of the response."""
        return tuple(self.response["cards"])

    @property
    def assessment(self) -> Json:
        """The machine-readable assessment at the top of the response."""
        found = (self.response.get("extension") or {}).get(ASSESSMENT)
        if not isinstance(found, dict):
            raise NotUnderstoodError(
                "The CDS service gave no assessment", f"The response has no extension {ASSESSMENT}."
            )
        return found


class SandboxEhr:
    """An EHR reduced to what CDS Hooks needs of it; it holds two addresses and no state."""

    def __init__(
        self,
        fhir: str,
        cds: str,
        *,
        timeout: float = 15.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Take the FHIR base, the root of the CDS service, and the clock that dates a signature."""
        self.fhir, self.cds = fhir.rstrip("/"), cds.rstrip("/")
        self._timeout, self._now = timeout, now

    def discover(self) -> tuple[Json, ...]:
        """The services on offer."""
        services = self._cds("GET", "/cds-services").get("services")
        if not isinstance(services, list):
            raise NotUnderstoodError("The CDS service lists no services", "GET /cds-services has no array `services`.")
        return tuple(services)

    def service(self, hook: str = "patient-view") -> Json:
        """The one service that the sandbox calls for a hook."""
        wanted = SERVICES[hook]
        for offered in self.discover():
            if offered.get("id") == wanted:
                return offered
        raise NotUnderstoodError("The CDS service is not on offer", f"GET /cds-services does not list {wanted}.")

    def asked(self, service: Json, patient_id: str) -> dict[str, str | None]:
        """Where each of a service's templates points for a patient; nowhere when its token has no value."""
        context = self._context(patient_id)
        return {key: resolve(template, context) for key, template in (service.get("prefetch") or {}).items()}

    def prefetch(self, service: Json, patient_id: str) -> Json:
        """Resolve a service's templates; a key that cannot be resolved or fetched is left out, as EHRs do."""
        urls = self.asked(service, patient_id)
        had = self.batch([url for url in urls.values() if url])
        return {key: had[url] for key, url in urls.items() if url is not None and url in had}

    def batch(self, paths: Sequence[str]) -> dict[str, Json]:
        """What several reads and searches found, asked for at once; what failed is left out."""
        entries = [{"request": {"method": "GET", "url": path}} for path in paths]
        asked: Json = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        try:
            answer = exchange("The FHIR server", "POST", self.fhir, self._timeout, asked)
        except EhrError:
            return {}  # the service must then fetch the keys itself, and say if it cannot
        told = zip(paths, answer.get("entry") or (), strict=False)
        return {path: one["resource"] for path, one in told if str(one["response"].get("status")).startswith("200")}

    def call(self, patient_id: str, protocol: str | None = None, prefetch: Json | None = None) -> Exchange:
        """Open a chart: fire patient-view and time the answer; without a protocol the service's own holds."""
        return self.fire("patient-view", patient_id, protocol, {}, prefetch)

    def fire(
        self, hook: str, patient_id: str, protocol: str | None, more: Json, prefetch: Json | None = None
    ) -> Exchange:
        """Fire a hook, with what its context holds more, and time the answer; what is prefetched may be given."""
        request: Json = {
            "hook": hook,
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": self.fhir,
            "context": self._context(patient_id) | more,
            "prefetch": self.prefetch(self.service(hook), patient_id) if prefetch is None else prefetch,
        }
        if protocol is not None:
            request["extension"] = {PROTOCOL: protocol}
        path = f"/cds-services/{SERVICES[hook]}"
        started = time.perf_counter()
        response = self._cds("POST", path, request)
        took = (time.perf_counter() - started) * 1000
        if not isinstance(response.get("cards"), list):
            raise NotUnderstoodError("The CDS service gave no cards", "The response has no array `cards`.")
        return Exchange(request, response, took, f"{self.cds}{path}")

    def accepted(self, hook: str, card: Json, suggestion: Json) -> None:
        """Tell the service that a suggestion was taken, where both have the ids that feedback needs."""
        if card.get("uuid") and suggestion.get("uuid"):
            self._feedback(hook, card, {"outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}]})

    def overridden(self, hook: str, card: Json, reason: Json | None, comment: str = "") -> None:
        """Tell the service that a card was set aside, and why."""
        why = ({"reason": reason} if reason else {}) | ({"userComment": comment} if comment else {})
        self._feedback(hook, card, {"outcome": "overridden"} | ({"overrideReason": why} if why else {}))

    def _feedback(self, hook: str, card: Json, outcome: Json) -> None:
        at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        item = {"card": card["uuid"], "outcomeTimestamp": at} | outcome
        self._cds("POST", f"/cds-services/{SERVICES[hook]}/feedback", {"feedback": [item]})

    def accept(self, card: Json, suggestion: Json) -> tuple[str, ...]:
        """The clinician signs: each order becomes active, all or none; returns what was written."""
        return self._carry_out(card, suggestion, Intention.SIGN)

    def draft(self, card: Json, suggestion: Json) -> tuple[str, ...]:
        """Keep the new orders unsigned; nothing that exists is changed or stopped by a draft."""
        return self._carry_out(card, suggestion, Intention.DRAFT)

    def read(self, path: str) -> Json:
        """GET one resource or one page of a search from the FHIR server."""
        return exchange("The FHIR server", "GET", f"{self.fhir}/{path}", self._timeout)

    def search(self, query: str) -> tuple[Json, ...]:
        """The matches of a search, without the outcomes that a server may mix in."""
        entries: Sequence[Json] = self.read(query).get("entry") or ()
        wanted = query.partition("?")[0]
        resources = (entry.get("resource") or {} for entry in entries)
        return tuple(found for found in resources if found.get("resourceType") == wanted)

    def patients(self, name: str = "") -> tuple[Json, ...]:
        """Every patient on the FHIR server by name, page after page; of a name those whose names begin so."""
        return self.whole(f"Patient?{f'name={quote(name)}&' if name else ''}_sort=given&_count=200")

    def whole(self, query: str) -> tuple[Json, ...]:
        """The matches of a search, from all its pages."""
        wanted = query.partition("?")[0]
        found: list[Json] = []
        page = self.read(query)
        for _ in range(PAGES):
            found += (entry.get("resource") or {} for entry in page.get("entry") or ())
            nexts = [link["url"] for link in page.get("link") or () if link.get("relation") == "next"]
            if not nexts or not nexts[0].startswith(f"{self.fhir}/"):
                break
            page = self.read(nexts[0].removeprefix(f"{self.fhir}/"))
        return tuple(each for each in found if each.get("resourceType") == wanted)

    def _context(self, patient_id: str) -> Json:
        return {"userId": f"Practitioner/{CLINICIAN}", "patientId": patient_id}

    def _carry_out(self, card: Json, suggestion: Json, intention: Intention) -> tuple[str, ...]:
        if suggestion not in card.get("suggestions", ()):
            raise EhrError("Not signed", "The suggestion does not belong to this card.")
        return self.write(transaction(suggestion, intention, self._now()))

    def write(self, bundle: Json) -> tuple[str, ...]:
        """Send a transaction to the FHIR server; returns what was written."""
        answer = exchange("The FHIR server", "POST", self.fhir, self._timeout, bundle)
        places = (entry["response"].get("location", "") for entry in answer.get("entry", ()))
        written = (place.partition("/_history")[0].removeprefix(f"{self.fhir}/") for place in places)
        return tuple(place for place in written if place)

    def now(self) -> datetime:
        """The moment it is."""
        return self._now()

    def _cds(self, method: str, path: str, body: Json | None = None) -> Json:
        return exchange("The CDS service", method, f"{self.cds}{path}", self._timeout, body)


class Remembering(SandboxEhr):
    """An EHR for the time of one page: what it has read it does not ask for again."""

    def __init__(self, ehr: SandboxEhr) -> None:
        """Take an EHR's addresses, clock and connections."""
        self.__dict__.update(ehr.__dict__)
        self._read: dict[str, Json] = {}

    def batch(self, paths: Sequence[str]) -> dict[str, Json]:
        """What several reads and searches found, each asked for once."""
        self._read |= super().batch([path for path in dict.fromkeys(paths) if path not in self._read])
        return {path: self._read[path] for path in paths if path in self._read}

    def read(self, path: str) -> Json:
        """GET one resource or one page of a search, once."""
        if path not in self._read:
            self._read[path] = super().read(path)
        return self._read[path]


def resolve(template: str, context: Json) -> str | None:
    """Fill a prefetch template from the context; None when a token has no value there."""
    if any(not isinstance(context.get(name), str) for name in TOKEN.findall(template)):
        return None
    filled = TOKEN.sub(lambda token: quote(str(context[token.group(1)]), safe="/"), template)
    return None if "{{" in filled else filled
