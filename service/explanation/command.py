"""What `b12-cds explain` does with one document."""

from __future__ import annotations

from datetime import date

import msgspec

from service.consult import UnknownProtocol, following
from service.evaluate import evaluate
from service.explanation import explain
from service.explanation.text import told
from service.settings import from_environment


def explained(document: bytes, protocol: str | None, on: date | None, *, as_json: bool) -> str:
    """Return the explanation of the answer to one document, in words or as JSON.

    Raises what an evaluation raises: WrongSettings, UnknownProtocol, KnowledgeError, Unusable, OtherPatient.
    """
    settings = from_environment()
    name = protocol or settings.protocol
    if name is None:
        raise UnknownProtocol("no protocol: give --protocol or set B12_PROTOCOL (for example uk-ng239 or us-aafp)")
    using, name = following(name, settings.site_codes)
    answer = evaluate(document, protocol=name, today=on or settings.today(), using=using)
    trace = explain(answer.decision, using.book, answer.drafts)
    if as_json:
        return msgspec.json.encode(trace).decode()
    cards = [f"[{card.indicator.value}] {card.summary}" for card in answer.cards]
    return "\n".join([*(cards or ["no card: there is nothing to say at the bedside"]), "", told(trace)])
