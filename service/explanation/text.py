"""A trace as a person reads it in a terminal: the answer first, then what was tried, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from service.explanation.trace import Cited, Finding, Look, PlanSeen, Trace, TreatmentSeen, TriedRule

_LETTERS = {"V": "read verbatim", "S": "read in a secondary page", "M": "from memory or by design"}


def told(trace: Trace) -> str:
    """Return the explanation in words, ready to print."""
    protocol = trace.protocol
    lines = [
        f"{trace.verdict.status} by rule {trace.verdict.rule}, {protocol.id} {protocol.version}, as of {trace.date}",
        *(_block("What is wrong with the unsigned orders", _drafts(trace)) if trace.drafts else ()),
        *_block("Why this status: the rules in order, the first that fits decides", _rules(trace)),
        *_block("Start now", [f"{'yes' if trace.verdict.start_now else 'no'}: {trace.verdict.start_because}"]),
        *_block("Why this cause", _causes(trace)),
        *_block("What changes a plan, or is said beside it", _modifiers(trace)),
        *_block("Why this plan", _plan(trace.plan)),
        *_block("How treatment goes, and what may be offered where it is asked for", _treatment(trace.treatment)),
        *_block("What is said, and what raised it", _notices(trace)),
        *_block("Where guidelines differ, and why it matters here", _conflicts(trace)),
        *_block("What the other protocols would do", _elsewhere(trace)),
    ]
    return "\n".join(lines) + "\n"


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    said = [*lines] or ["nothing"]
    yield from ("", title, *(f"  {line}" for line in said))


def _rules(trace: Trace) -> Iterator[str]:
    for rule in trace.verdict.tried:
        mark = "FITS" if rule.fired else "no  "
        yield f"{mark} {rule.id:<4} {rule.says}{'' if rule.fired else _settled(rule)}"
        if rule.fired:
            yield from (f"       {line}" for seen in rule.looks for line in _look(seen))
            yield f"       rests on {_cited(rule.cite)}"
    if trace.verdict.not_reached:
        yield f"not reached: {', '.join(trace.verdict.not_reached)}"


def _settled(rule: TriedRule) -> str:
    """Return what settled that a rule does not fit: the last thing it looked at."""
    if not rule.looks:
        return ""
    last = rule.looks[-1]
    return f" ({last.at}: {last.found}{_facts(last.findings)})"


def _look(seen: Look) -> Iterator[str]:
    yield f"{seen.at}: {seen.found}{_facts(seen.findings)}"
    yield from (f"  lines: {_cited(cite)}" for cite in seen.cites)


def _causes(trace: Trace) -> Iterator[str]:
    for cause in trace.causes:
        sure = f", {cause.certainty}" if cause.certainty else ""
        yield f"{cause.part}: {cause.title} ({cause.mechanism}{sure})"
        if cause.why or cause.evidence:
            yield f"  for: {', '.join(cause.why) or 'the rules'}{_facts(cause.evidence)}"
        if cause.against:
            yield f"  against{_facts(cause.against)}"


def _modifiers(trace: Trace) -> Iterator[str]:
    for modifier in trace.modifiers:
        yield f"{modifier.id}{' (changes plans)' if modifier.changes_plan else ''}{_facts(modifier.findings)}"


def _plan(seen: PlanSeen) -> Iterator[str]:
    if seen.none_because is not None:
        yield f"no plan: {seen.none_because}"
    elif not seen.options:
        yield "no plan: treatment does not start now"
    for stop in seen.stops:
        yield f"{'STOP' if stop.fits else 'no  '} {stop.says}"
    for row in seen.rows:
        yield f"{'ROW ' if row.fits else 'no  '} {row.row}: {row.says}"
    if seen.row_because is not None:
        yield f"     the row says: {seen.row_because}"
    for stage in seen.stages:
        yield f"then {stage.says}: {', '.join(stage.before)} -> {', '.join(stage.after) or 'nothing'}"
    for option in seen.options:
        route = f", {option.route}" if option.route else ""
        yield f"{option.outcome}: {option.regimen} ({option.title}{route}): {option.because}; {_cited(option.cite)}"


def _treatment(seen: TreatmentSeen | None) -> Iterator[str]:
    if seen is None:
        return
    yield f"response {seen.response}: {seen.because}{_facts(seen.findings)}"
    yield from seen.intervals
    for offer in seen.offers:
        if offer.refused is not None:
            yield f"not offered, {offer.kind}: {offer.refused}"
        else:
            start = f" {offer.regimen}" if offer.regimen else ""
            yield f"may be offered, {offer.kind}{start}: {', '.join(offer.because)}; stops {', '.join(offer.stops)}"


def _notices(trace: Trace) -> Iterator[str]:
    for notice in trace.notices:
        yield f"{notice.id}: {', '.join(notice.because)}{_facts(notice.findings)}"


def _conflicts(trace: Trace) -> Iterator[str]:
    for conflict in trace.conflicts:
        yield f"{conflict.id} {conflict.topic}: {', '.join(conflict.because)}"
        yield from (f"  {name}: {words}" for name, words in conflict.positions.items())


def _drafts(trace: Trace) -> Iterator[str]:
    for draft in trace.drafts:
        names = ", ".join(draft.medicines) or "no medicine that is known"
        yield f"{draft.resource}: {names}{', as proposed' if draft.proposed else ''}"
        if draft.passed_over is not None:
            yield f"  not looked at: {draft.passed_over}"
        if draft.unread:
            yield f"  could not be read: {', '.join(draft.unread)}"
        for found in draft.found:
            because = f": {found.because}" if found.because else ""
            says = f"{found.says.rstrip('.')}{because}{_facts(found.findings)}"
            yield f"  FOUND {found.kind} ({found.urgency}, {found.remedy}): {says}"
            if found.tests:
                yield f"       asks for {', '.join(found.tests)}"
        if draft.not_found:
            yield f"  looked for and not found: {', '.join(draft.not_found)}"


def _elsewhere(trace: Trace) -> Iterator[str]:
    for view in trace.elsewhere:
        because = f": {view.because}" if view.because else ""
        plan = f"{view.regimen}, {view.route}" if view.regimen else f"no plan{because}"
        yield f"{view.protocol}: {view.status} by rule {view.rule}; {plan}"


def _facts(findings: Iterable[Finding]) -> str:
    said = [f"{f.says}{f', {f.date}' if f.date else ''} [{f.resource}]" for f in findings]
    return f": {'; '.join(said)}" if said else ""


def _cited(cite: Cited) -> str:
    locator = f", {cite.locator}" if cite.locator else ""
    return f"{cite.source}{locator} ({_LETTERS[cite.letter]})"
