"""Where an answer departs from its vignette, each departure a sentence; none is agreement."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.chart.resources import Resource
from tests.vignettes import Protocol, Under, Vignette

from .ask import Answer, actions, cited, created, held, recommended
from .causes import ACCEPTABLE
from .regimens import MAINTENANCE, maintenance

EXPLAINED = ("confirmed", "indeterminate", "on-treatment")  # a status with a deficiency to explain


def departures(told: Vignette, protocol: Protocol, given: Answer, chart: Resource) -> list[str]:
    under = told.expect.under[protocol]
    return [
        *_status(under, given),
        *_causes(told, under, protocol, given),
        *_modifiers(told, under, given),
        *_plan(told, under, given),
        *_notices(told, under, given),
        *_words(under, given),
        *_tests(under, given),
        *_always(given),
        *(words for rule in (*told.expect.never, *under.never) for words in _never(rule, given)),
        *(f"rests on {each}, which is not in the chart" for each in sorted(cited(given) - held(chart))),
    ]


def _status(under: Under, given: Answer) -> Iterator[str]:
    if under.status and given["status"] != under.status:
        yield f"status is {given['status']} by {given['rule']}, not {under.status}"
    if under.rule and given["rule"] != under.rule:
        yield f"decided by {given['rule']}, not {under.rule}"
    if under.status and given["startNow"] != (under.start_now or under.status == "confirmed"):
        yield f"startNow is {given['startNow']}"


def _causes(told: Vignette, under: Under, protocol: str, given: Answer) -> Iterator[str]:
    expected = told.expect
    mechanism = under.mechanism or expected.mechanism
    found = [cause["mechanism"] for cause in given["causes"]]
    explained = protocol == "uk-ng239" or under.status in EXPLAINED or under.start_now
    if mechanism is None or not explained:
        return
    if mechanism == "none":
        if under.status not in EXPLAINED and found:
            yield f"names causes {found} where there is nothing to explain"
        return
    if found[:1] != [mechanism]:
        yield f"the first cause is {found[:1]}, not {mechanism}"
        return
    first = given["causes"][0]
    if expected.cause and first["id"] not in ACCEPTABLE[expected.cause]:
        yield f"the cause is {first['id']}, not {expected.cause}"
    if expected.certainty and first["certainty"] != expected.certainty:
        yield f"the cause is {first['certainty']}, not {expected.certainty}"
    for other in expected.also:
        if other not in found[1:]:
            yield f"does not name {other} beside the first cause"


def _modifiers(told: Vignette, under: Under, given: Answer) -> Iterator[str]:
    expected = told.expect.modifiers if under.modifiers is None else under.modifiers
    if set(given["modifiers"]) != set(expected):
        yield f"modifiers are {sorted(given['modifiers'])}, not {sorted(expected)}"


def _plan(told: Vignette, under: Under, given: Answer) -> Iterator[str]:
    regimens = [option["regimen"] for option in given["options"]]
    if under.plan is None:
        return
    if under.plan == "none":
        if regimens:
            yield f"offers {regimens} where no plan is right"
        if created(given, "MedicationRequest"):
            yield "a card would create a medication order where no plan is right"
        return
    first = recommended(given)
    if first is None:
        yield f"recommends nothing, not {under.plan[0]}"
        return
    if first["regimen"] != under.plan[0]:
        yield f"recommends {first['regimen']}, not {under.plan[0]}"
    if not set(regimens) <= set(under.plan):
        yield f"offers {regimens}, where only {list(under.plan)} are right"
    if under.route and first["route"] != under.route:
        yield f"goes by {first['route']}, not {under.route}"
    if not created(given, "MedicationRequest"):
        yield "no card would create the order"
    duration = under.duration or told.expect.duration
    if duration and first["duration"] != duration:
        yield f"lasts {first['duration']}, not {duration}"
    if under.then and not _followed_by(under.then, first["phases"]):
        yield f"is not followed by {under.then}"


def _followed_by(regimen: str, phases: list[dict[str, object]]) -> bool:
    """The last phase is this regimen's maintenance, and nothing else maintains."""
    following = [maintenance(phase) for phase in phases if phase["name"] == "maintenance"]
    return following[-1:] == [MAINTENANCE[regimen]] and len(set(following)) == 1 and len(phases) > 1


def _notices(told: Vignette, under: Under, given: Answer) -> Iterator[str]:
    missing = set(under.notices) - set(told.unchecked) - set(given["notices"])
    if missing:
        yield f"does not say {sorted(missing)}"


def _words(under: Under, given: Answer) -> Iterator[str]:
    shown = "\n".join(f"{card['summary']}\n{card.get('detail', '')}" for card in given["cards"])
    yield from (f"no card says {words!r}" for words in under.says if words not in shown)


def _tests(under: Under, given: Answer) -> Iterator[str]:
    offered = [order["code"]["text"] for order in created(given, "ServiceRequest")]
    yield from (f"no card offers {test}" for test in under.orders if test not in offered)
    yield from (f"a card offers {test}" for test in under.not_orders if test in offered)
    places = [offered.index(test) for test in under.orders if test in offered]
    if places != sorted(places):
        yield f"offers {offered}, in another order than {list(under.orders)}"


def _always(given: Answer) -> Iterator[str]:
    """What holds of every answer, whoever the patient is."""
    cards, options = given["cards"], given["options"]
    if options and not given["startNow"]:
        yield "offers a plan without startNow"
    if options and [option["recommended"] for option in options].count(True) != 1:
        yield "does not recommend exactly one option"
    if given["status"] == "unlikely" and not options and cards:
        yield "shows a card where deficiency is unlikely"
    if len(cards) > 2:
        yield f"shows {len(cards)} cards"
    if any(len(card["summary"]) >= 140 for card in cards):
        yield "a summary has 140 characters or more"


def _never(rule: str, given: Answer) -> Iterator[str]:
    """What must not happen, from a closed list of words."""
    options = given["options"]
    orders = created(given, "MedicationRequest")
    happened = {
        "card": bool(given["cards"]),
        "cyanocobalamin": "cyanocobalamin" in json.dumps([options, orders]).lower(),
        "intramuscular first": any(option["route"] == "intramuscular" for option in options),
        "lifelong": any(option["duration"] == "lifelong" for option in options),
        "new order": bool(orders),
        "oral route": any(option["route"] == "oral" for option in options),
        "stopped therapy": any(action["type"] in ("delete", "update") for action in actions(given)),
    }
    kind, _, notice = rule.partition("notice ")
    if happened[rule] if kind else notice in given["notices"]:
        yield f"must never be: {rule}"
