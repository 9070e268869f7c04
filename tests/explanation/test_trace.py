"""An explanation never disagrees with the decision it explains: every vignette, every protocol."""

from __future__ import annotations

import json
from functools import cache

import msgspec
import pytest
from jsonschema import Draft202012Validator

from service.domain.assess import RULES, Case
from service.domain.decision import Decision
from service.evaluate import evaluate, shipped
from service.explanation import explain, schema
from service.explanation.looks import FACETS, asked_by
from service.explanation.text import told as in_words
from service.explanation.trace import Trace
from tests.medicine.ask import chart_of
from tests.vignettes import PROTOCOLS, Vignette, vignette, vignettes

each = pytest.mark.parametrize("told", vignettes(), ids=lambda told: told.id)


@cache
def decided(name: str) -> tuple[tuple[Decision, Trace], ...]:
    told = vignette(name)
    document = json.dumps(chart_of(told)).encode()
    using = shipped()
    decisions = (evaluate(document, protocol=p, today=told.today, using=using).decision for p in PROTOCOLS)
    return tuple((decision, explain(decision, using.book)) for decision in decisions)


@each
def test_the_rule_said_to_have_fired_is_the_decisions_own_and_the_last_that_was_tried(told: Vignette) -> None:
    for decision, trace in decided(told.id):
        *others, last = trace.verdict.tried
        rule = decision.assessment.rule

        assert (last.id, last.says, last.fired) == (rule.id, rule.says, True)
        assert not any(tried.fired for tried in others)
        assert [tried.says for tried in trace.verdict.tried] == [r.says for r in RULES[: RULES.index(rule) + 1]]


@each
def test_every_rule_that_was_tried_says_what_it_looked_at(told: Vignette) -> None:
    for _, trace in decided(told.id):
        assert [tried.id for tried in trace.verdict.tried if not tried.looks and tried.id != "K20"] == []


@each
def test_the_plan_explained_is_the_plan_decided(told: Vignette) -> None:
    for decision, trace in decided(told.id):
        offered = [o for o in trace.plan.options if o.outcome in ("recommended", "offered")]

        assert [(o.regimen, o.route) for o in offered] == [
            (option.regimen.id, option.route.value) for option, _ in decision.schedules
        ]
        assert [o.outcome for o in offered[:1]] == ["recommended"][: len(offered)]
        assert trace.plan.none_because == decision.plan.none_because
        assert trace.plan.row == decision.plan.row


@each
def test_every_choice_of_the_row_has_a_fate_and_a_reason(told: Vignette) -> None:
    for decision, trace in decided(told.id):
        if trace.plan.row is None:
            continue
        listed = {choice.regimen.id for choice in decision.protocol.table[trace.plan.row].choices}

        assert listed <= {option.regimen for option in trace.plan.options}
        assert all(option.because for option in trace.plan.options)


@each
def test_what_is_said_and_what_changes_plans_is_the_decisions_own(told: Vignette) -> None:
    for decision, trace in decided(told.id):
        conflicts = [f"conflict-{conflict.id.lower()}" for conflict in trace.conflicts]

        assert (*(notice.id for notice in trace.notices), *conflicts) == decision.notices
        assert [m.id for m in trace.modifiers] == [m.value for m in decision.modifiers.present]
        assert all(notice.because for notice in trace.notices)
        assert all(conflict.because for conflict in trace.conflicts)
        causes = [c.id for c in trace.causes if c.part in ("deciding", "also")]
        assert causes == [a.cause.id for a in decision.assessment.causes]


@each
def test_every_finding_was_in_the_chart(told: Vignette) -> None:
    held = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in chart_of(told)["entry"]}
    for _, trace in decided(told.id):
        named = _values(msgspec.to_builtins(trace), "resource")

        assert named <= held


@each
def test_the_json_is_as_its_schema_says_and_the_words_name_rule_and_sources(told: Vignette) -> None:
    checker = Draft202012Validator(json.loads(schema.COMMITTED.read_text(encoding="utf-8")))
    for _, trace in decided(told.id):
        said = json.loads(msgspec.json.encode(trace))
        words = in_words(trace)

        assert [fault.message for fault in checker.iter_errors(said)] == []
        assert f"FITS {trace.verdict.rule}" in words
        assert all(option.cite.source in words for option in trace.plan.options)


def test_the_committed_schema_is_what_the_code_writes() -> None:
    assert schema.COMMITTED.read_text(encoding="utf-8") == schema.written(), "run python -m service.contract_schema"


def test_every_status_rule_rests_on_a_source() -> None:
    assert {rule.id for rule in RULES} == set(shipped().book.wording.cites)


def test_whatever_a_rule_may_ask_for_has_words() -> None:
    asked: set[str] = set()
    for told in vignettes():
        for decision, _ in decided(told.id):
            case = Case(decision.evidence, decision.assessment.named)
            for rule in RULES:
                asked.update(asked_by(rule, case)[1])

    assert asked - set(FACETS) <= {"found"}
    assert set(FACETS) - asked <= {"b12"}


def test_a_rule_that_does_not_fit_names_what_settled_it() -> None:
    """A low B12 rules out K8b: the band is the last thing that rule looked at."""
    (_, trace), *_ = decided("V23")
    tried = {rule.id: rule for rule in trace.verdict.tried}

    assert tried["K8b"].looks[-1].found == "low"
    assert [finding.says for finding in tried["K3"].looks[-1].findings] == ["vitamin B12 95 ng/L"]
    assert [cite.source for cite in tried["K3"].looks[-1].cites] == ["NG239-thresholds"]


def test_evidence_against_a_cause_stands_beside_the_evidence_for_it() -> None:
    against = {
        finding.says
        for told in vignettes()
        for _, trace in decided(told.id)
        for cause in trace.causes
        for finding in cause.against
    }

    assert against


def _values(part: object, key: str) -> set[str]:
    if isinstance(part, dict):
        own = {part[key]} if isinstance(part.get(key), str) else set()
        return own.union(*(_values(child, key) for child in part.values()))
    if isinstance(part, list | tuple):
        return set().union(*(_values(child, key) for child in part))
    return set()
