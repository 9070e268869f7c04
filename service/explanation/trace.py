"""The shape of an explanation: what was tried in order, what it saw, what it rests on; text and JSON come from it."""

from __future__ import annotations

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One part of a trace."""


class Cited(_Part, frozen=True):
    """A source, and how what stands here was verified: verbatim, in a secondary page, from memory or by design."""

    source: str
    title: str
    letter: str
    locator: str | None
    url: str | None


class Finding(_Part, frozen=True):
    """One fact of the record: the resource, what it says, and its date."""

    resource: str
    says: str
    date: str | None


class Look(_Part, frozen=True):
    """One thing a rule looked at: what was found, the resources, and the lines it was compared with."""

    at: str
    found: str
    findings: tuple[Finding, ...]
    cites: tuple[Cited, ...]


class TriedRule(_Part, frozen=True):
    """A status rule that was tried: the last look is the one that settled it."""

    id: str
    says: str
    status: str
    fired: bool
    looks: tuple[Look, ...]
    cite: Cited


class Verdict(_Part, frozen=True):
    """The status: the rules in the order they were tried, those never reached, and whether treatment starts now."""

    status: str
    rule: str
    start_now: bool
    start_because: str
    tried: tuple[TriedRule, ...]
    not_reached: tuple[str, ...]


class CauseSeen(_Part, frozen=True):
    """A cause, the evidence for it, what speaks against it, and what part it plays."""

    id: str
    title: str
    mechanism: str
    certainty: str | None
    part: str
    why: tuple[str, ...]
    evidence: tuple[Finding, ...]
    against: tuple[Finding, ...]
    cite: Cited


class Tried(_Part, frozen=True):
    """A reason for no plan, or a row of the table, that was tried."""

    says: str
    fits: bool
    row: str | None = None


class StageDone(_Part, frozen=True):
    """What a modifier did to the row's choices: which it took away, and the order it left."""

    says: str
    before: tuple[str, ...]
    after: tuple[str, ...]


class Considered(_Part, frozen=True):
    """A regimen that was considered: recommended, offered, for later, or dropped, and why."""

    regimen: str
    title: str
    outcome: str
    because: str
    route: str | None
    cite: Cited


class PlanSeen(_Part, frozen=True):
    """How the plan was chosen: the stops, the rows, what the modifiers did, and each regimen's fate."""

    stops: tuple[Tried, ...]
    rows: tuple[Tried, ...]
    row: str | None
    row_because: str | None
    stages: tuple[StageDone, ...]
    options: tuple[Considered, ...]
    none_because: str | None
    duration: str | None


class ModifierSeen(_Part, frozen=True):
    """A modifier, whether it can change a plan, and what shows it."""

    id: str
    changes_plan: bool
    findings: tuple[Finding, ...]


class NoticeSeen(_Part, frozen=True):
    """A notice, what raised it, and what it says on a card."""

    id: str
    because: tuple[str, ...]
    findings: tuple[Finding, ...]
    says: str | None


class ConflictSeen(_Part, frozen=True):
    """A difference between guidelines, why it matters for this patient, and what each says."""

    id: str
    topic: str
    because: tuple[str, ...]
    positions: dict[str, str]


class ElsewhereSeen(_Part, frozen=True):
    """What another protocol answers, where it differs."""

    protocol: str
    status: str
    rule: str
    regimen: str | None
    route: str | None
    because: str | None


class OfferSeen(_Part, frozen=True):
    """What may be offered where it is asked for, or why the protocol does not; never pushed as a card."""

    kind: str
    regimen: str | None
    stops: tuple[str, ...]
    because: tuple[str, ...]
    refused: str | None
    findings: tuple[Finding, ...]
    cite: Cited | None


class TreatmentSeen(_Part, frozen=True):
    """A patient on treatment: the response and why, what is said of the intervals, and the offers."""

    response: str
    because: str
    findings: tuple[Finding, ...]
    intervals: tuple[str, ...]
    offers: tuple[OfferSeen, ...]


class DraftFound(_Part, frozen=True):
    """What is wrong with an unsigned order, what puts it right, and what it rests on."""

    kind: str
    says: str
    urgency: str
    remedy: str
    because: str | None
    tests: tuple[str, ...]
    findings: tuple[Finding, ...]


class DraftSeen(_Part, frozen=True):
    """An unsigned order: how it was read, what was found, and what was looked for and not found."""

    resource: str
    medicines: tuple[str, ...]
    proposed: bool
    passed_over: str | None
    unread: tuple[str, ...]
    found: tuple[DraftFound, ...]
    not_found: tuple[str, ...]


class NamedProtocol(_Part, frozen=True):
    """The protocol that was followed."""

    id: str
    version: str
    cite: Cited


class Trace(_Part, frozen=True):
    """Why this card, and why not the others."""

    protocol: NamedProtocol
    rule_set: str
    date: str
    verdict: Verdict
    causes: tuple[CauseSeen, ...]
    modifiers: tuple[ModifierSeen, ...]
    plan: PlanSeen
    treatment: TreatmentSeen | None
    notices: tuple[NoticeSeen, ...]
    conflicts: tuple[ConflictSeen, ...]
    elsewhere: tuple[ElsewhereSeen, ...]
    drafts: tuple[DraftSeen, ...] = ()
