"""What the service remembers between calls: what was shown, what was answered, and so whether to speak again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic

from cds_hooks.errors import Unavailable
from cds_hooks.feedback import Feedback
from cds_hooks.prefetch import State
from cds_hooks.registry import Call
from cds_hooks.wire import Card, Indicator
from service.domain.decision import Decision
from service.domain.protocol import Book
from service.domain.quiet_rules import Quieting
from service.domain.quieting import Answer, Standing, Verdict, judge, standing
from service.store import feedback as answers
from service.store.asking import Question
from service.store.database import Database, StoreError
from service.store.feedback import Answered
from service.store.keys import Key, KeyRing
from service.store.purge import KEY_AGE, RETENTION, Housekeeping
from service.store.rows import Asking, DataProblem, ShownCard, stored
from service.store.said import shown_matters
from service.store.writer import Writer

log = logging.getLogger("service.store")

SHOWN, QUIET, SILENT, OFF = "shown", "quiet", "silent", "switched-off"
#: Seconds in which a database that failed is not asked again: a call must not wait for it.
_REST = 5.0
_SPEAKS = Verdict(speaks=True, because="nobody answered")
_SAID = Verdict(speaks=False, because="said when it was chosen")
#: How long an order is in hand between its choice and its signature.
_ONE_WORK = timedelta(hours=12)
_URGENCY = (Indicator.CRITICAL, Indicator.WARNING, Indicator.INFO)
#: The words that say what was wrong with a resource: of ours, so that nothing of a chart is counted with.
_WRONG = ("unit", "date", "value", "status", "dose", "medicine", "code")


@dataclass(frozen=True, slots=True)
class Said:
    """One card a service would say, and its matter: of several on one matter only the most urgent is said.

    One about an order in hand is not `lasting`: accepting its correction quiets nothing, for the same slip may be made
    again, and what is critical always speaks.
    """

    matter: str
    card: Card
    lasting: bool = True


class Memory:
    """The store as the services see it; it fails open: a card that cannot be looked up is said."""

    def __init__(
        self,
        database: Database,
        *,
        site_secret: str | None = None,
        retention: timedelta = RETENTION,
        key_age: timedelta = KEY_AGE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.database = database
        self._clock = clock
        self._keys = KeyRing(database, site_secret)
        self._writer = Writer(database, Housekeeping(database, self._keys, retention, key_age))
        self._question = Question(database)
        self._rests_until = 0.0

    def take(self, service: str, items: Sequence[Feedback], client: str) -> None:
        """Keep feedback; when this returns it is on disk. Raises `Unavailable` (503)."""
        try:
            # The card may have been shown just now: what is written first is matched at once.
            self._writer.flush()
            answers.keep(self.database, service, items, client)
        except StoreError as error:
            log.error("feedback of %s is refused: %s", service, error)
            raise Unavailable("The feedback cannot be kept now.") from None

    def speak(
        self, call: Call, decision: Decision, said: Sequence[Said], book: Book, *, once: str | None = None
    ) -> tuple[Card, ...]:
        """Return the cards that are said now, and remember them and those that are not.

        `once` names another service: what it showed of this patient a short while ago is not said again.
        """
        now = self._clock()
        self._writer.put(_counted(call, decision, book, now))
        if not said:
            return ()
        said = one_a_matter(said)
        try:
            keys = self._keys.keys
        except StoreError as error:
            log.error("cards of %s are said unremembered: %s", call.service, error)
            return tuple(each.card for each in said)
        patients = [key.of("patient", _patient(call)) for key in keys]
        try:
            known = self._answered(call, patients)
            told = self._said_by(once, call, patients) if once is not None else frozenset()
        except StoreError as error:
            # They are remembered all the same, once the database is back.
            self._rests_until = monotonic() + _REST
            log.error("cards of %s are said without a look at what was answered: %s", call.service, error)
            known, told = [], frozenset()
        ms, user = call.elapsed(), _user(call)
        # Where nobody answered, what stands is not looked at, only written down.
        stands = standing(decision, book.quieting) if known else None
        if known or told:
            verdicts = [
                _SAID if each.matter in told else self._verdict(each, known, stands, user, book.quieting)
                for each in said
            ]
        else:
            verdicts = [_SPEAKS] * len(said)

        def remember() -> None:
            stood = stands or standing(decision, book.quieting)
            hashed = _hash(keys[0], user)
            about = _About(call, decision, keys[0], self._clock(), book.version, patients[0], hashed, round(ms, 2))
            self._writer.put([about.row(*each, stood) for each in zip(said, verdicts, strict=True)])

        call.later(remember)
        return tuple(each.card for each, verdict in zip(said, verdicts, strict=True) if verdict.speaks)

    def waiting(self) -> int:
        """Return how many rows wait to be written."""
        return self._writer.waiting

    def flush(self) -> None:
        """Write what waits; raises StoreError."""
        self._writer.flush()

    def is_ready(self) -> bool:
        """Return whether the database can be reached."""
        try:
            with self.database.reading() as connection:
                connection.exec_driver_sql("SELECT 1")
        except StoreError:
            return False
        return True

    def close(self) -> None:
        """Write what waits and let the database go."""
        self._writer.close()
        self.database.close()

    def _answered(self, call: Call, patients: Sequence[str]) -> list[Answered]:
        """Return every answer about the patient; none to a silent call, nor soon after the database failed."""
        if call.silent or monotonic() < self._rests_until:
            return []
        if not self._question.is_answered(patients, call.client):
            return []
        return answers.answered(self.database, patients, call.client)

    def _said_by(self, service: str, call: Call, patients: Sequence[str]) -> frozenset[str]:
        """Return the matters that another service showed of the patient in this piece of work."""
        if monotonic() < self._rests_until:
            return frozenset()
        self._writer.flush()
        return shown_matters(self.database, patients, call.client, service, self._clock() - _ONE_WORK)

    def _verdict(
        self, said: Said, known: Sequence[Answered], stands: Standing | None, user: str | None, table: Quieting
    ) -> Verdict:
        if not said.lasting and said.card.indicator is Indicator.CRITICAL:
            return _SPEAKS
        mine = [e for e in known if e.matter == said.matter and (said.lasting or not e.answer.accepted)]
        if not mine or stands is None:
            return _SPEAKS
        return judge(self._compared(mine, stands, user), self._clock(), user, table)

    def _compared(
        self, known: Sequence[Answered], stands: Standing, user: str | None
    ) -> Iterator[tuple[Answer, Standing]]:
        """Yield each answer with what stands now, both by the names that only its own key and card give."""
        for each in known:
            key = self._keys.find(each.key_id)
            if key is None:
                continue
            same = user is not None and each.answer.user == key.of("user", user)
            yield replace(each.answer, user=user if same else each.answer.user), _hashed(stands, key, each.card)


@dataclass(frozen=True, slots=True)
class _About:
    """What the rows of one call share."""

    call: Call
    decision: Decision
    key: Key
    now: datetime
    rules: str
    patient: str
    user: str | None
    ms: float

    def row(self, said: Said, verdict: Verdict, stands: Standing) -> ShownCard:
        call, decision, card = self.call, self.decision, said.card
        name = card.uuid or ""
        return ShownCard(
            at=self.now,
            card=name,
            matter=said.matter,
            delivery=_delivery(call, decision, verdict),
            because=verdict.because if verdict is not _SPEAKS else None,
            client=call.client,
            service=call.service,
            hook=call.request.hook,
            key_id=self.key.id,
            patient_hash=self.patient,
            user_hash=self.user,
            rule=decision.assessment.rule.id,
            protocol=decision.protocol.id,
            protocol_version=decision.protocol.version,
            rule_set=self.rules,
            indicator=card.indicator.value,
            regimen=stands.plan,
            latency_ms=self.ms,
            standing=stored(_hashed(stands, self.key, name)),
        )


def _delivery(call: Call, decision: Decision, verdict: Verdict) -> str:
    if call.silent:
        return SILENT
    if decision.assessment.rule.id in call.withheld:
        return OFF
    return SHOWN if verdict.speaks else QUIET


def _hash(key: Key, user: str | None) -> str | None:
    return key.of("user", user) if user else None


def _hashed(stands: Standing, key: Key, card: str) -> Standing:
    return replace(stands, hazards=key.marks(card, stands.hazards), marks=key.marks(card, stands.marks))


def _patient(call: Call) -> str:
    """Return who the patient is: two servers may use one id for two people."""
    return f"{call.client}\0{(call.request.fhirServer or '').rstrip('/')}\0{call.context.patientId}"


def _user(call: Call) -> str | None:
    return f"{call.client}\0{call.context.userId}" if call.context.userId else None


def one_a_matter(said: Sequence[Said]) -> Sequence[Said]:
    """Return the most urgent card of each matter, in the order they were made."""
    best: dict[str, Said] = {}
    for each in said:
        known = best.get(each.matter)
        if known is None or _URGENCY.index(each.card.indicator) < _URGENCY.index(known.card.indicator):
            best[each.matter] = each
    return said if len(best) == len(said) else tuple(best.values())


def _counted(call: Call, decision: Decision, book: Book, now: datetime) -> Iterator[Asking | DataProblem]:
    """Yield that a service was asked, and what was wrong with the data, by kind: no value, no name, no id of it."""
    day = now.date()
    yield Asking(day, call.client, call.service, decision.protocol.id, book.version)
    for key, had in call.data.items():
        if had.state is State.FAILED:
            yield DataProblem(day, call.client, call.service, "missing", key)
        elif had.truncated:
            yield DataProblem(day, call.client, call.service, "not-all", key)
    for one in decision.evidence.record.unreadable:
        kind = next((word for word in _WRONG if word in one.why), "other")
        what = one.analyte.value if one.analyte else one.resource.partition("/")[0]
        yield DataProblem(day, call.client, call.service, f"unreadable-{kind}", what)


def matters(known: Mapping[str, str], cards: Sequence[Card], of_orders: str | None = None) -> tuple[Said, ...]:
    """Return each card with its matter, known by the card's id; a card of no known matter is its own.

    A matter that begins with `of_orders` is about an order in hand.
    """
    named = [(known.get(card.uuid or "", card.uuid or card.summary), card) for card in cards]
    return tuple(Said(name, card, of_orders is None or not name.startswith(of_orders)) for name, card in named)
