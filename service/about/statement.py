"""Intended use, in words: for whom, for what, and what it does not do."""

from __future__ import annotations

from service.domain.protocol import Protocol

USERS = (
    "Doctors, nurses and pharmacists who may prescribe, in primary and hospital care, in their own record system.",
    "The people who look after that system: they choose the guideline, and can switch rules and services off.",
)
DOES_NOT = (
    "It does not diagnose: it says what the record supports, how sure that is, and why.",
    "It does not order, sign, change or stop anything by itself: it proposes drafts that a clinician reads and signs.",
    "It does not see what the record does not hold, and reads next to no free text: missing data is unknown.",
    "It does not learn: the same record gives the same answer, by rules that can be read.",
    "It is not for emergencies, and not for patients without a clinician.",
    "It is not a certified or approved medical device, and no clinician has reviewed its rules.",
)


def intended_use(protocols: tuple[Protocol, ...]) -> str:
    """Return what it is for; the age is the highest that any of its protocols begins at."""
    age = max(protocol.limits.age_minimum for protocol in protocols)
    return (
        f"It helps clinicians recognise vitamin B12 deficiency in people aged {age} and over, find its cause, choose a "
        "treatment by the guideline their site follows, and watch whether it works. It answers while a chart is open "
        "or an order is written (CDS Hooks), with the evidence it saw, the rule it used, and the source of each."
    )
