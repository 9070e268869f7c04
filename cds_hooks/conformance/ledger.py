"""What was tried and what came of it: findings and passes, gathered by rule into a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cds_hooks.conformance.rules import RULES, Rule


class Verdict(StrEnum):
    """How a service stands to one rule; what could not be tried never counts as passed."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach of one rule: where it was seen, and what was seen; neither holds a token."""

    rule: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Result:
    """One rule, how the service stands to it, how often that was tried, and why not if it was not."""

    rule: Rule
    verdict: Verdict
    tried: int
    findings: tuple[Finding, ...] = ()
    reason: str | None = None


@dataclass(slots=True)
class Ledger:
    """Collects what the checks see; `seen` is told of every finding as it comes."""

    seen: Callable[[Finding], None] = lambda _: None
    edition: int = 2
    """The edition that the service may take its client to know."""
    _tried: dict[str, int] = field(default_factory=dict)
    _findings: list[Finding] = field(default_factory=list)
    _reasons: dict[str, list[str]] = field(default_factory=dict)

    def expect(self, rule: str, holds: bool, where: str, what: str) -> bool:
        """Count one trial of a rule, and a finding if it does not hold; return whether it holds."""
        self._tried[RULES[rule].id] = self._tried.get(rule, 0) + 1
        finding = Finding(rule, where, what)
        if not holds and finding not in self._findings:
            self._findings.append(finding)
            self.seen(finding)
        return holds

    def cannot(self, reason: str, *rules: str) -> None:
        """Say why rules could not be tried; it is told only of rules that nothing else tried."""
        for rule in rules:
            reasons = self._reasons.setdefault(RULES[rule].id, [])
            if reason not in reasons:
                reasons.append(reason)

    def results(self) -> tuple[Result, ...]:
        """Return every rule with its verdict, in the checklist's order."""
        return tuple(self._result(rule) for rule in RULES.values())

    def _result(self, rule: Rule) -> Result:
        findings = tuple(finding for finding in self._findings if finding.rule == rule.id)
        tried = self._tried.get(rule.id, 0)
        if findings:
            return Result(rule, Verdict.FAILED if rule.level.fails else Verdict.WARNING, tried, findings)
        if tried:
            return Result(rule, Verdict.PASSED, tried)
        reason = "; ".join(self._reasons.get(rule.id, ())) or "nothing that was seen could show it"
        return Result(rule, Verdict.NOT_TRIED, 0, reason=reason)
