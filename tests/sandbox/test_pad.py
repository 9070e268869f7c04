"""Orders in hand: chosen, corrected by a card, and signed once, with nobody else's touched."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from service.consult import following
from service.sandbox.beside import beside
from service.sandbox.ehr import Exchange
from service.sandbox.formulary import Choice, ChoiceError, Formulary, changed, draft, formulary
from service.sandbox.pad import IDENTITY, Pad, WrongPadError, name_of, read
from service.sandbox.trends import trends
from tests.sandbox.fake_cds import assessment, card

Json = dict[str, Any]
NOW = datetime(2028, 2, 29, 10, 0, tzinfo=UTC)
TABLET = "us-cyanocobalamin-1000-tablet"


@pytest.fixture(scope="module")
def offered() -> Formulary:
    using, _ = following("us-aafp")
    return formulary(using.book)


def order(offered: Formulary, **chosen: str) -> Json:
    return draft("ann", offered, Choice(**({"medicine": TABLET, "dose": "1", "often": "daily"} | chosen)), NOW.date())


def test_the_form_offers_every_product_that_a_guideline_can_propose_once(offered: Formulary) -> None:
    using, _ = following("us-aafp")
    products = {product.id for protocol in using.book.protocols.values() for product in protocol.products}
    ids = [medicine.id for medicine in offered.medicines]

    assert products < set(ids)
    assert len(ids) == len(set(ids))
    assert {"oral", "intramuscular"} <= dict(offered.routes).keys()


def test_a_choice_becomes_an_unsigned_order_with_structured_dosage(offered: Formulary) -> None:
    made = order(offered, dose="2,5", often="two-months", route="intramuscular")
    (dosage,) = made["dosageInstruction"]

    assert (made["status"], made["intent"], made["subject"]) == ("draft", "order", {"reference": "Patient/ann"})
    assert made["medicationCodeableConcept"]["coding"][0]["code"] == "309593"
    assert dosage["doseAndRate"][0]["doseQuantity"]["value"] == 2.5
    assert dosage["doseAndRate"][0]["doseQuantity"]["code"] == "{tbl}"
    assert dosage["timing"] == {"repeat": {"frequency": 1, "period": 2, "periodUnit": "mo"}}
    assert dosage["text"] == "2.5 tablet, every 2 months, intramuscular"


def test_a_draft_changes_only_in_what_is_chosen_anew(offered: Formulary) -> None:
    before = order(offered) | {"note": [{"text": "mine"}]}
    after = changed(before, offered, Choice(often="weekly"))

    assert after["note"] == before["note"]
    assert after["dosageInstruction"][0]["doseAndRate"] == before["dosageInstruction"][0]["doseAndRate"]
    assert after["dosageInstruction"][0]["timing"]["repeat"]["periodUnit"] == "wk"
    assert after["dosageInstruction"][0]["text"] == "1 tablet, once a week, oral"


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        ({"medicine": "snake-oil"}, "snake-oil"),
        ({"dose": "many"}, "many"),
        ({"dose": "0"}, "above 0"),
        ({"dose": "nan"}, "above 0"),
        ({"often": ""}, "how often"),
        ({"often": "hourly"}, "hourly"),
        ({"route": "rectal"}, "oral"),
    ],
)
def test_what_is_not_on_offer_is_refused_by_name(offered: Formulary, chosen: dict[str, str], why: str) -> None:
    with pytest.raises(ChoiceError, match=why):
        order(offered, **chosen)


def test_a_correction_replaces_the_draft_and_its_orders_keep_meaning_each_other(offered: Formulary) -> None:
    pad = Pad("ann", (order(offered),))
    suggestion = card("ann")["suggestions"][0]
    suggestion["actions"].append({"type": "delete", "description": "x", "resourceId": pad.medicines[0]})
    first, second = pad.taking(suggestion).orders

    assert pad.medicines[0] not in pad.taking(suggestion).medicines
    assert second["basedOn"] == [{"reference": name_of(first)}]
    assert not {first["id"], second["id"]} & {"step-1", "step-2"}


def test_a_corrected_draft_takes_the_place_of_the_one_in_hand(offered: Formulary) -> None:
    pad = Pad("ann", (order(offered),))
    better = pad.orders[0] | {"priority": "urgent"}
    taken = pad.taking({"actions": [{"type": "update", "resource": better}]})

    assert taken.orders == (better,)
    assert taken.kept == frozenset()


def test_a_signature_writes_new_orders_once_changes_by_version_and_removes_what_is_gone(offered: Formulary) -> None:
    kept = order(offered) | {"id": "old", "meta": {"versionId": "3"}}
    stopped = order(offered) | {"id": "running", "status": "stopped"}
    new = order(offered)
    pad = Pad(
        "ann",
        (kept, stopped, new),
        frozenset({"MedicationRequest/old", "MedicationRequest/running"}),
        ("MedicationRequest/gone",),
    )
    gone, changed_, ended, written = pad.transaction(NOW)["entry"]

    assert gone["request"] == {"method": "DELETE", "url": "MedicationRequest/gone"}
    assert changed_["request"] == {"method": "PUT", "url": "MedicationRequest/old", "ifMatch": 'W/"3"'}
    assert changed_["resource"]["status"] == "active"
    assert ended["resource"]["status"] == "stopped"
    assert written["request"]["ifNoneExist"] == f"identifier={IDENTITY}|{new['id']}"
    assert (written["resource"]["status"], "id" in written["resource"]) == ("active", False)


def test_a_pad_comes_back_from_its_form_as_it_went(offered: Formulary) -> None:
    pad = Pad("ann", (order(offered),), frozenset({"MedicationRequest/old"}), ("MedicationRequest/gone",))

    assert read(pad.written(), "ann") == pad


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"orders": [{}], "kept": [], "gone": []}',
        '{"orders": [], "kept": ["Patient/ann"], "gone": []}',
        '{"orders": [], "kept": [], "gone": ["MedicationRequest/../x"]}',
        '{"orders": [{"resourceType": "Task", "id": "x", "subject": {"reference":"Patient/ann"}}],"kept":[],"gone":[]}',
    ],
)
def test_what_is_no_pad_is_refused(text: str) -> None:
    with pytest.raises(WrongPadError):
        read(text, "ann")


def test_another_patients_order_is_not_in_hand(offered: Formulary) -> None:
    told = json.dumps({"orders": [order(offered)], "kept": [], "gone": []})

    with pytest.raises(WrongPadError):
        read(told, "bob")


def test_two_answers_are_compared_part_by_part_and_what_differs_comes_first() -> None:
    def answer(status: str, protocol: str) -> Exchange:
        said = assessment(status, protocol)
        said["options"][0]["phases"] = [
            {
                "name": "repletion",
                "dose": {"low": 1000, "high": 2000, "unit": "ug"},
                "timing": {
                    "frequency": 3,
                    "period": 1,
                    "periodUnit": "wk",
                    "boundsDuration": {"value": 2, "code": "wk"},
                },
            }
        ]
        return Exchange({}, {"cards": [card("ann")], "extension": {"org.b12-cds.assessment": said}}, 1.0)

    parts = beside(answer("on-treatment", "us-aafp"), answer("confirmed", "uk-ng239"))

    assert [part.name for part in parts if part.differs] == ["Status"] == [parts[0].name]
    assert (parts[0].one, parts[0].other) == (("on treatment",), ("confirmed",))
    (recommended,) = [part for part in parts if part.name == "Recommended"]
    assert recommended.one[1] == "repletion: 1000 to 2000 micrograms, 3 times every week for 2 weeks"


def test_results_over_time_are_one_line_a_test_and_unit_on_the_patients_own_axis() -> None:
    def result(day: str, value: float, unit: str = "g/L") -> Json:
        return {
            "code": {"text": "Haemoglobin"},
            "effectiveDateTime": day,
            "valueQuantity": {"value": value, "unit": unit},
            "referenceRange": [{"low": {"value": 120}, "high": {"value": 160}}],
            "interpretation": [{"coding": [{"code": "L" if value < 120 else "N"}]}],
        }

    newest, other = trends(
        [result("2028-02-19", 100), result("2027-02-28", 140), result("2028-01-01", 10, "g/dL")], date(2028, 2, 29)
    )

    assert [value.flag for value in newest.values] == ["low", "normal"]
    assert newest.points[0][0] < newest.points[1][0] < 150
    assert newest.points[0][1] < newest.points[1][1], "a lower value stands lower"
    assert newest.range == "120 to 160"
    assert "2028-02-19: 100 g/L, low; 2027-02-28: 140 g/L" in newest.spoken
    assert [value.said for value in other.values] == ["10 g/dL"]


def test_a_result_without_number_or_day_is_told_and_not_drawn() -> None:
    (found,) = trends([{"code": {"text": "Antibody"}, "valueCodeableConcept": {"text": "Positive"}}], date(2028, 2, 29))

    assert (found.values[0].said, found.points, found.band) == ("Positive", (), None)
