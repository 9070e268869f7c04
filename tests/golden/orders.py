"""What is said of unsigned orders, patient by order, under two families of protocols: a line each, and those kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.orders.kit import (
    CYANO,
    CYANO_INJECTION,
    FOLIC_ACID,
    HYDROXO,
    LOW,
    METFORMIN,
    OMEPRAZOLE,
    SMALL_TABLETS,
    Json,
    Said,
    asked_at,
    draft,
    facts,
    injection,
    tablets,
)

FILE = Path(__file__).parent / "orders.txt"
_PROTOCOLS, _NASAL = ("uk-ng239", "us-aafp"), "us-label"
_ON_HYDROXO = {"product": "hydroxocobalamin_injection", "every": [3, "mo"], "months": 30}
_ON_TABLETS = {"product": "cyanocobalamin_oral_1mg", "every": [1, "d"], "months": 30}
_GIVEN = "hydroxocobalamin_injection"
_PERNICIOUS: Json = {"conditions": ["pernicious_anaemia"], "labs": LOW}
PATIENTS: dict[str, Json] = {
    "pernicious": _PERNICIOUS,
    "pernicious, neurology": _PERNICIOUS | {"neuro": True},
    "pernicious, bleeds": _PERNICIOUS | {"labs": [*LOW, ["inr", 4.5, "1"]]},
    "pernicious, warfarin": _PERNICIOUS | {"medicines": [{"name": "warfarin", "months": 20}]},
    "pernicious, apixaban": _PERNICIOUS | {"medicines": [{"name": "apixaban", "months": 20}]},
    "pernicious, on hydroxocobalamin": {"conditions": ["pernicious_anaemia"], "on_b12": _ON_HYDROXO},
    "on hydroxocobalamin, bleeds": {
        "conditions": ["pernicious_anaemia"],
        "on_b12": _ON_HYDROXO,
        "labs": [["inr", 4.5, "1"]],
    },
    "coeliac, on hydroxocobalamin": {"conditions": ["coeliac"], "on_b12": _ON_HYDROXO},
    "vegan": {"diet": "vegan", "labs": LOW},
    "vegan, neurology": {"diet": "vegan", "labs": LOW, "neuro": True},
    "vegan, pregnant": {"diet": "vegan", "labs": LOW, "pregnant": True},
    "vegan, on tablets": {"diet": "vegan", "on_b12": _ON_TABLETS},
    "low": {"labs": LOW},
    "between": {"labs": [["b12", 200, "ng/L"]]},
    "normal": {"labs": [["b12", 600, "ng/L"]]},
    "unknown": {},
    "unknown, pregnant": {"pregnant": True},
    "metformin for years": {"medicines": [{"name": "metformin", "months": 60}]},
    "leber": {"conditions": ["leber_hereditary_optic_neuropathy"], "labs": LOW},
    "allergic": {"allergies": ["hydroxocobalamin"], "labs": LOW},
    "given hydroxocobalamin": {"given": [{"name": _GIVEN, "days_ago": days} for days in (200, 110, 20)]},
    "neurology, on tablets": {"labs": LOW, "neuro": True, "on_b12": _ON_TABLETS},
    "on cyanocobalamin monthly": {
        "conditions": ["pernicious_anaemia"],
        "on_b12": {"product": "cyanocobalamin_injection", "every": [1, "mo"], "months": 30},
    },
}
#: Under which protocol each is asked about; the nasal spray is one protocol's alone.
ASKED = (
    *((protocol, patient) for protocol in _PROTOCOLS for patient in PATIENTS),
    *((_NASAL, patient) for patient in ("pernicious", "vegan", "on cyanocobalamin monthly")),
)


def _often(order: Json, times: int) -> Json:
    order["dosageInstruction"][0]["timing"]["repeat"]["frequency"] = times
    return order


@cache
def _orders() -> dict[str, tuple[Json, ...]]:
    renewed = injection(priorPrescription={"reference": "MedicationRequest/medicationrequest-1"})
    return {
        "injection": (injection(),),
        "injection renewed": (renewed,),
        "injection daily": (injection(every=(1, "d")),),
        "injection every other day": (injection(every=(2, "d")),),
        "injection every two months": (injection(every=(2, "mo")),),
        "loading": (_often(injection(every=(1, "wk"), days=14), 3),),
        "injection of a microgram": (injection(dose=(1, "ug")),),
        "injection of twenty": (injection(dose=(20, "mg")),),
        "injection, nothing said": (draft(HYDROXO),),
        "cyanocobalamin monthly": (injection(CYANO_INJECTION, every=(1, "mo")),),
        "cyanocobalamin daily": (injection(CYANO_INJECTION, every=(1, "d")),),
        "cyanocobalamin under the skin": (injection(CYANO_INJECTION, route="subcutaneous", every=(1, "mo")),),
        "tablet": (tablets(),),
        "small tablet": (tablets(SMALL_TABLETS, dose=(50, "ug")),),
        "small tablet every other day": (tablets(SMALL_TABLETS, dose=(100, "ug"), every=(2, "d")),),
        "tablet thrice a day": (_often(tablets(), 3),),
        "small tablet thrice a day": (_often(tablets(SMALL_TABLETS, dose=(50, "ug")), 3),),
        "tablet, no interval": (tablets(SMALL_TABLETS, dose=(50, "ug"), every=None),),
        "tablet, no dose": (tablets(SMALL_TABLETS, dose=None),),
        "nasal spray": (draft(CYANO, route="nasal", dose=(500, "ug"), every=(1, "wk")),),
        "injection and tablet": (injection(), tablets(name="request-2")),
        "two injections": (injection(), injection(name="request-2", every=(2, "mo"))),
        "folic acid": (draft(FOLIC_ACID, dose=(5, "mg"), every=(1, "d"), route="oral"),),
        "folic acid and tablet": (draft(FOLIC_ACID, dose=(5, "mg"), every=(1, "d")), tablets(name="request-2")),
        "metformin": (draft(METFORMIN, dose=(500, "mg"), every=(1, "d")),),
        "omeprazole": (draft(OMEPRAZOLE, dose=(20, "mg"), every=(1, "d")),),
    }


def lines(protocol: str, patient: str) -> Iterator[str]:
    """What is said of each order of one patient, at its signature; of the first also where it is chosen or refilled."""
    told = facts(**PATIENTS[patient])
    for words, orders in _orders().items():
        said = asked_at("order-sign", protocol, told, *orders)
        yield f"{words}: {_told(said)}"
    for hook in ("order-select", "medication-refill"):
        for words in ("injection", "injection daily", "cyanocobalamin daily", "tablet"):
            said = asked_at(hook, protocol, told, *_orders()[words])
            yield f"{words}, {hook}: {_told(said)}"


def written() -> str:
    """All lines, under a heading for each patient."""
    return "".join(f"{line}\n" for asked in ASKED for line in (heading(*asked), *lines(*asked)))


def heading(protocol: str, patient: str) -> str:
    """Under what a patient's lines stand."""
    return f"# {protocol}, {patient}"


def _told(said: Said) -> str:
    cards = [card for card in said.cards if "**What is wrong**" in card["detail"] or "due" in card["summary"]]
    return " | ".join([", ".join(said.kinds) or "nothing", *map(_card, cards)])


def _card(card: Json) -> str:
    wrong = card["detail"].partition("**Found:**")[0].partition("**What is wrong**")[2]
    about = " ".join(line for line in wrong.split("\n") if line)
    actions = ["; ".join(map(_action, s["actions"])) for s in card.get("suggestions", ())]
    return " | ".join([card["indicator"], about or card["summary"], *actions])


def _action(action: Json) -> str:
    if action["type"] == "delete":
        return f"delete {action['resourceId']}"
    resource: dict[str, Any] = action["resource"]
    kind = resource["resourceType"]
    if action["type"] == "create":
        text: str = (resource.get("medicationCodeableConcept") or resource["code"])["text"]
        return f"create {text.partition(' tablets')[0].partition(' solution')[0]}"
    dosage = (resource.get("dosageInstruction") or [{}])[0]
    route = (dosage.get("route") or {}).get("text") or [
        c["code"] for c in (dosage.get("route") or {}).get("coding", ())
    ]
    doses = [rate.get("doseQuantity") or {} for rate in dosage.get("doseAndRate") or ()]
    amount = [f"{dose.get('value')} {dose.get('unit')} {dose.get('code')}" for dose in doses]
    changed = [resource["status"], (dosage.get("timing") or {}).get("repeat"), route, amount]
    return f"update {kind}/{resource['id']} {json.dumps(changed)}"
