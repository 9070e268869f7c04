"""The demo EHR's client side: it calls the service as any EHR would and writes what a clinician signs."""

import re
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from service.sandbox.orders import Intention, transaction
from service.sandbox.resources import CLINICIAN
from service.sandbox.wire import EhrError, Json, NotUnderstoodError, exchange

SERVICE = "b12-patient-view"
ASSESSMENT = "org.b12-cds.assessment"
PROTOCOL = "org.b12-cds.protocol"
TOKEN = re.compile(r"\{\{\s*context\.(\w+)\s*\}\}")


class Exchange(NamedTuple):
    """One call of the service: what was sent, what came back, and how long it took."""

    request: Json
    response: Json
    milliseconds: float

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

    def service(self) -> Json:
        """The one service that the sandbox calls."""
        for offered in self.discover():
            if offered.get("id") == SERVICE:
                return offered
        raise NotUnderstoodError("The CDS service is not on offer", f"GET /cds-services does not list {SERVICE}.")

    def prefetch(self, service: Json, patient_id: str) -> Json:
        """Resolve a service's templates; a key that cannot be resolved or fetched is left out, as EHRs do."""
        context = self._context(patient_id)
        templates: Json = service.get("prefetch") or {}
        urls = {key: resolve(template, context) for key, template in templates.items()}
        with ThreadPoolExecutor(max_workers=8) as pool:
            answers = pool.map(lambda url: self._try(url) if url else None, urls.values())
        return {key: answer for key, answer in zip(urls, answers, strict=True) if answer is not None}

    def call(self, patient_id: str, protocol: str | None = None) -> Exchange:
        """Open a chart: fire patient-view and time the answer; without a protocol the service's own holds."""
        request: Json = {
            "hook": "patient-view",
            "hookInstance": str(uuid.uuid4()),
            "fhirServer": self.fhir,
            "context": self._context(patient_id),
            "prefetch": self.prefetch(self.service(), patient_id),
        }
        if protocol is not None:
            request["extension"] = {PROTOCOL: protocol}
        started = time.perf_counter()
        response = self._cds("POST", f"/cds-services/{SERVICE}", request)
        took = (time.perf_counter() - started) * 1000
        if not isinstance(response.get("cards"), list):
            raise NotUnderstoodError("The CDS service gave no cards", "The response has no array `cards`.")
        return Exchange(request, response, took)

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

    def patients(self) -> tuple[Json, ...]:
        """Every patient on the FHIR server, by name."""
        return self.search("Patient?_sort=given&_count=200")

    def _context(self, patient_id: str) -> Json:
        return {"userId": f"Practitioner/{CLINICIAN}", "patientId": patient_id}

    def _carry_out(self, card: Json, suggestion: Json, intention: Intention) -> tuple[str, ...]:
        if suggestion not in card.get("suggestions", ()):
            raise EhrError("Not signed", "The suggestion does not belong to this card.")
        bundle = transaction(suggestion, intention, self._now())
        answer = exchange("The FHIR server", "POST", self.fhir, self._timeout, bundle)
        places = (entry["response"].get("location", "") for entry in answer.get("entry", ()))
        written = (place.partition("/_history")[0].removeprefix(f"{self.fhir}/") for place in places)
        return tuple(place for place in written if place)

    def _try(self, url: str) -> Json | None:
        try:
            return self.read(url)
        except EhrError:
            return None  # the service must then fetch the key itself, and say if it cannot

    def _cds(self, method: str, path: str, body: Json | None = None) -> Json:
        return exchange("The CDS service", method, f"{self.cds}{path}", self._timeout, body)


def resolve(template: str, context: Json) -> str | None:
    """Fill a prefetch template from the context; None when a token has no value there."""
    if any(not isinstance(context.get(name), str) for name in TOKEN.findall(template)):
        return None
    filled = TOKEN.sub(lambda token: quote(str(context[token.group(1)]), safe="/"), template)
    return None if "{{" in filled else filled
