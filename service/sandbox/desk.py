"""Where the clinician sits: opens charts, carries out what was clicked, and keeps each exchange with the service."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from service.sandbox.beside import Part, beside
from service.sandbox.chart import Chart, chart, queries
from service.sandbox.ehr import Exchange, Remembering, SandboxEhr
from service.sandbox.formulary import ChoiceError, Formulary
from service.sandbox.orders import Intention
from service.sandbox.pad import FHIR_ID
from service.sandbox.views import CardView, cards, chosen
from service.sandbox.wire import EhrError, Json

T = TypeVar("T")
COMMENT = 500


class StaleError(EhrError):
    """The advice is no longer what the user was shown."""

    status = 409


@dataclass(frozen=True, slots=True)
class Advice:
    """One answer of the service as the page shows it."""

    protocol: str
    exchange: Exchange
    cards: tuple[CardView, ...]

    @property
    def assessment(self) -> Json:
        """The machine-readable part, empty where there is none."""
        return next((found for key, found in self.exchange.response.get("extension", {}).items() if key == KEY), {})


KEY = "org.b12-cds.assessment"


@dataclass(slots=True)
class Visit:
    """All that a page shows of one patient; what failed is told in place of it."""

    patient: str
    protocol: str
    other: str = ""
    chart: Chart | None = None
    advice: tuple[Advice, ...] = ()
    parts: tuple[Part, ...] = ()
    failures: list[EhrError] = field(default_factory=list)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """What the work gives, or nothing; its failure is kept."""
        try:
            return work()
        except EhrError as error:
            self.failures.append(error)
            return None


class Desk:
    """A clinician's workplace: an EHR, the guidelines to choose from (id, title), and what can be ordered."""

    def __init__(self, ehr: SandboxEhr, protocols: Sequence[tuple[str, str]], offered: Formulary) -> None:
        """Keep the EHR; the first guideline is the usual one."""
        self.ehr, self.protocols, self.offered = ehr, tuple(protocols), offered

    def visit(self, patient: str, protocol: str, other: str = "") -> Visit:
        """Open a chart: the record, and what the service says under one guideline, or under two."""
        visit = Visit(patient, protocol or self.protocols[0][0], other)
        if visit.attempt(lambda: self._checked(visit)) is None:
            return visit
        ehr = Remembering(self.ehr)
        service = visit.attempt(ehr.service)
        asked = ehr.asked(service, patient).values() if service else ()
        ehr.batch([f"Patient/{patient}", *queries(patient).values(), *filter(None, asked)])
        visit.chart = visit.attempt(lambda: chart(ehr, patient, ehr.now().date()))
        if visit.chart is None or service is None:
            return visit
        prefetch = ehr.prefetch(service, patient)
        for name in filter(None, (visit.protocol, "" if other == visit.protocol else other)):
            answer = visit.attempt(lambda name=name: self.ehr.call(patient, name, prefetch))  # type: ignore[misc]
            if answer is not None:
                visit.advice += (Advice(name, answer, cards(answer.response)),)
        if len(visit.advice) > 1:
            visit.parts = beside(visit.advice[0].exchange, visit.advice[1].exchange)
        return visit

    def accept(self, form: Mapping[str, str]) -> str:
        """Ask the service again, carry out the suggestion only if it still is what was shown, and tell the service.

        Returns what the user must know besides. Raises StaleError when the advice has changed, and ChoiceError for
        what is not on offer.
        """
        patient, protocol = form.get("patient", ""), form.get("protocol", "")
        self.check(patient, protocol)
        if form.get("intention") not in ("sign", "draft"):
            raise ChoiceError("Nothing was written", "The form does not say whether to sign or to save.")
        found = chosen(self.ehr.call(patient, protocol).response, form.get("suggestion", ""))
        if found is None:
            raise StaleError("Nothing was written", "The advice has changed since it was shown. Read it again.")
        if Intention(form["intention"]) is Intention.DRAFT:
            self.ehr.draft(*found)
            return ""
        self.ehr.accept(*found)
        return untold(lambda: self.ehr.accepted("patient-view", *found))

    def override(self, form: Mapping[str, str]) -> str:
        """Tell the service that a card is set aside, and why; raises ChoiceError without a card or a reason."""
        self.check(form.get("patient", ""), form.get("protocol", ""))
        card = form.get("card", "")
        if not card:
            raise ChoiceError("Nothing was recorded", "The card has no id: the service cannot be told of it.")
        self.ehr.overridden("patient-view", {"uuid": card}, reason(form), form.get("comment", "").strip()[:COMMENT])
        return ""

    def check(self, patient: str, *protocols: str) -> None:
        """Raise ChoiceError for what is no patient's id or no guideline on offer."""
        if not FHIR_ID.fullmatch(patient):
            raise ChoiceError("No such patient", "The patient id is not a FHIR id.")
        for protocol in protocols:
            if protocol not in dict(self.protocols):
                offered = ", ".join(identity for identity, _ in self.protocols)
                raise ChoiceError("No such protocol", f"The sandbox offers {offered}.")

    def _checked(self, visit: Visit) -> bool:
        self.check(visit.patient, *filter(None, (visit.protocol, visit.other)))
        return True


def untold(tell: Callable[[], None]) -> str:
    """Nothing, or in words that the service could not be told of what is done already."""
    try:
        tell()
    except EhrError as error:
        return f"The service could not be told that its advice was answered. {error}"
    return ""


def reason(form: Mapping[str, str]) -> Json:
    """The reason that a form gives, as a Coding; raises ChoiceError without one."""
    system, _, code = form.get("reason", "").rpartition("|")
    if not system or not code:
        raise ChoiceError("Nothing was recorded", "Choose a reason for setting the card aside.")
    return {"system": system, "code": code}
