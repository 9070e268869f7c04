"""The report: for a terminal, as JSON, and as JUnit XML for a build server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from cds_hooks.conformance.ledger import Result, Verdict
from cds_hooks.conformance.rules import SECTIONS

SPECIFICATION = "2.0.1"
_MARKS = {Verdict.PASSED: "ok", Verdict.FAILED: "FAIL", Verdict.WARNING: "warn", Verdict.NOT_TRIED: "-"}


@dataclass(frozen=True, slots=True)
class Report:
    """What one check of one service found."""

    url: str
    services: tuple[str, ...]
    calls: int
    results: tuple[Result, ...]

    @property
    def conforms(self) -> bool:
        """Whether nothing that was tried breaks a SHALL."""
        return not any(result.verdict is Verdict.FAILED for result in self.results)

    @property
    def counts(self) -> Counter[Verdict]:
        """How many rules have each verdict."""
        return Counter(result.verdict for result in self.results)

    def as_text(self, *, everything: bool = True) -> str:
        """Return the report for a person; without `everything` only failures and warnings."""
        lines = [f"CDS Hooks {SPECIFICATION}: {self.url}", f"Services: {', '.join(self.services) or 'none'}"]
        for letter, section in groupby(self.results, key=lambda result: result.rule.section):
            shown = [line for result in section if everything or result.findings for line in _lines(result)]
            lines += ["", f"{letter}. {SECTIONS[letter]}", *shown] if shown else []
        return printable("\n".join([*lines, "", self._sum()]))

    def _sum(self) -> str:
        counts = ", ".join(f"{self.counts[verdict]} {verdict}" for verdict in Verdict)
        said = "Nothing that was tried breaks a SHALL." if self.conforms else "The service does not conform."
        return f"{said} {counts}; {self.calls} calls."

    def as_json(self) -> dict[str, Any]:
        """Return the report for a program."""
        return {
            "specification": SPECIFICATION,
            "url": self.url,
            "services": list(self.services),
            "conforms": self.conforms,
            "calls": self.calls,
            "counts": {verdict.value: self.counts[verdict] for verdict in Verdict},
            "rules": [_rule(result) for result in self.results],
        }

    def as_junit(self) -> str:
        """Return the report for a build server: one case a rule; a warning passes, and is told in its output."""
        root = Element("testsuites", name="cds-hooks-conformance")
        for letter, section in groupby(self.results, key=lambda result: result.rule.section):
            results = list(section)
            counts = Counter(result.verdict for result in results)
            suite = SubElement(root, "testsuite", name=f"{letter}. {SECTIONS[letter]}", tests=str(len(results)))
            suite.set("failures", str(counts[Verdict.FAILED]))
            suite.set("errors", "0")
            suite.set("skipped", str(counts[Verdict.NOT_TRIED]))
            for result in results:
                _case(suite, result)
        indent(root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _lines(result: Result) -> list[str]:
    rule = result.rule
    head = f"  {_MARKS[result.verdict]:<5}{rule.id:<4} {rule.text} ({rule.level})"
    if result.reason:
        return [f"{head}: not tried: {result.reason}"]
    return [head, *(f"           {finding.where}: {finding.what}" for finding in result.findings)]


def _rule(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {
        "id": result.rule.id,
        "level": result.rule.level.value,
        "text": result.rule.text,
        "verdict": result.verdict.value,
        "tried": result.tried,
    }
    if result.findings:
        told["findings"] = [{"where": finding.where, "what": finding.what} for finding in result.findings]
    return told | ({"reason": result.reason} if result.reason else {})


def _case(suite: Element, result: Result) -> None:
    name = printable(f"{result.rule.id} {result.rule.text}")
    case = SubElement(suite, "testcase", classname=f"cds-hooks.{result.rule.section}", name=name)
    told = printable("\n".join(f"{finding.where}: {finding.what}" for finding in result.findings))
    if result.verdict is Verdict.FAILED:
        SubElement(case, "failure", message=f"{result.rule.level}").text = told
    elif result.verdict is Verdict.NOT_TRIED:
        SubElement(case, "skipped", message=printable(result.reason or ""))
    elif result.verdict is Verdict.WARNING:
        SubElement(case, "system-out").text = f"warning ({result.rule.level}): {told}"


def printable(text: str) -> str:
    """Return text without control characters: a service may have sent some, to XML or to a terminal."""
    return "".join(sign if sign in "\n\t" or sign.isprintable() else "\ufffd" for sign in text)
