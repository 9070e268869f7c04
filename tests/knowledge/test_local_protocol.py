"""A site's own protocol changes what it says it changes, and nothing that guards safety."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from service.consult import following
from service.domain.protocol import Protocol
from service.evaluate import evaluate_document
from service.knowledge.editor import schema_of
from service.knowledge.load import load, protocol_file
from service.knowledge.schema import LocalProtocolFile
from service.knowledge.strict_yaml import KnowledgeError, read
from service.prove import prove
from tests.knowledge.local import DOC, PLAIN, example, saved
from tests.knowledge.test_editor import as_json
from tests.medicine.ask import chart_of, created
from tests.vignettes import vignette

CITE = "cite: {source: OURS, letter: V}"
STOCK = "products:\n  stock: [uk-hydroxocobalamin-injection, uk-cyanocobalamin-1000-tablet]\n"
TABLET = """products:
  stock: [uk-hydroxocobalamin-injection, {stock}]
  own:
    - id: our-tablet
      drug: cyanocobalamin
      text: {text}
      {codes}
      routes: [oral]
      strength: {{value: "500", unit: ug}}
      per: {{value: "1", unit: "{{tbl}}"}}
      unit: {{one: tablet, many: tablets}}
"""
MONTHLY = """regimens:
  - id: {id}
    title: ours
    drug: {drug}
    routes: [{route}]
    {cite}
    steps:
      - phase: {phase}
        dose: {{low: "1", high: "1", unit: mg}}
        timing: {{frequency: 1, period: 1, unit: mo}}
        text: 1 mg monthly
        {cite}
"""


def tablet(**changes: str) -> str:
    usual = {
        "stock": "our-tablet",
        "text": "cyanocobalamin 500 microgram tablets",
        "codes": 'codes: [{system: atc, code: "B03BA01"}]',
    }
    return TABLET.format(**{**usual, **changes})


def monthly(**changes: str) -> str:
    usual = {"id": "OUR-REGIMEN", "drug": "hydroxocobalamin", "route": "intramuscular", "phase": "maintenance"}
    return MONTHLY.format(**{**usual, "cite": CITE, **changes})


def ours(folder: Path, more: str = "", *, extends: str = "uk-ng239") -> Protocol:
    """The protocol of a plain file with more in it."""
    text = PLAIN.replace("uk-ng239", extends) + more
    return load(local=saved(folder, text)).book.protocols["ours"]


def answer(file: Path, patient: str) -> dict[str, Any]:
    using, name = following(str(file))
    told = vignette(patient)
    return evaluate_document(json.dumps(chart_of(told)).encode(), protocol=name, today=told.today, using=using)


def refusal(folder: Path, text: str) -> tuple[int, str]:
    """The line and the words with which a file is refused."""
    file = saved(folder, text)
    with pytest.raises(KnowledgeError) as refused:
        load(local=file)
    assert refused.value.file == file
    return refused.value.line, refused.value.problem


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return saved(tmp_path, example())


def test_a_file_that_says_nothing_more_does_what_its_parent_does(tmp_path: Path) -> None:
    file = saved(tmp_path, PLAIN)
    for patient in ("V23", "V41", "V57", "V69"):
        own, parent = answer(file, patient), answer_of_parent(patient)

        assert own["protocol"] == {"id": "ours", "version": "1"}
        assert {**own, "protocol": "", "cards": ""} == {**parent, "protocol": "", "cards": ""}


def answer_of_parent(patient: str) -> dict[str, Any]:
    told = vignette(patient)
    return evaluate_document(json.dumps(chart_of(told)).encode(), protocol="uk-ng239", today=told.today)


def test_the_sites_regimen_is_offered_for_pernicious_anaemia(file: Path) -> None:
    given = answer(file, "V23")

    assert [option["regimen"] for option in given["options"]] == ["EXAMPLE-HYDROXO"]
    assert given["protocol"] == {"id": "example-hospital", "version": "2026.1"}


def test_the_orders_are_for_the_sites_product_with_the_sites_code(file: Path) -> None:
    orders = created(answer(file, "V23"), "MedicationRequest")

    assert {order["medicationCodeableConcept"]["text"] for order in orders} == {
        "hydroxocobalamin 1 mg/mL solution for injection, 1 mL ampoule, from pharmacy"
    }
    assert orders[0]["medicationCodeableConcept"]["coding"][0] == {
        "system": "https://formulary.example.org",
        "code": "H-0042",
        "display": "Hydroxocobalamin 1 mg/mL",
    }


def test_a_b12_on_the_shipped_line_is_low_at_a_site_whose_line_is_higher(file: Path) -> None:
    assert answer_of_parent("V02")["status"] == "indeterminate"
    assert answer(file, "V02")["status"] == "confirmed"


def test_a_row_the_site_leaves_without_a_plan_says_the_sites_reason(file: Path) -> None:
    given = answer(file, "V32")

    assert given["options"] == []
    assert (
        "No order is proposed:** Prevention after surgery belongs to the bariatric clinic"
        in given["cards"][0]["detail"]
    )


def test_the_sites_review_interval_and_watch_list_are_followed(file: Path) -> None:
    given = answer(file, "V87")
    tablets = created(given, "MedicationRequest")[0]

    assert tablets["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"]["end"] == "2027-01-22"
    assert "Watch: full blood count at 4 weeks" in given["cards"][0]["detail"]


def test_a_dose_that_nothing_in_stock_gives_is_not_offered_and_the_card_says_why(file: Path) -> None:
    given = answer(file, "V41")

    assert [option["regimen"] for option in given["options"]] == ["UK-HYDROXO-STD"]
    assert "dietary dose: not in stock here" in given["cards"][0]["detail"]


def test_the_card_carries_the_sites_name_and_names_the_parent_where_it_would_do_otherwise(file: Path) -> None:
    card = answer(file, "V23")["cards"][0]

    assert card["source"]["label"] == "Example Hospital: Vitamin B12 deficiency at Example Hospital"
    assert "example-hospital 2026.1" in card["detail"]
    assert "uk-ng239" in card["detail"]


def test_the_file_is_part_of_the_version_of_the_rules(tmp_path: Path) -> None:
    one, other = (load(local=saved(tmp_path, PLAIN + f"# {n}\n")).book.version for n in (1, 2))

    assert len({one, other, load().book.version}) == 3


def test_the_shipped_protocols_stay_as_they_are(file: Path) -> None:
    shipped, beside = load().book.protocols, load(local=file).book.protocols

    assert beside.keys() - shipped.keys() == {"example-hospital"}
    for name, protocol in shipped.items():
        assert (beside[name].table, beside[name].bands, beside[name].products) == (
            protocol.table,
            protocol.bands,
            protocol.products,
        )


def test_every_order_of_the_example_passes_the_gate(file: Path) -> None:
    assert prove(load(local=file).book) > prove(load().book)


def test_a_site_may_turn_limits_towards_more_caution(tmp_path: Path) -> None:
    limits = f'limits:\n  inr-bleeding: {{value: "2.5", unit: "1", {CITE}}}\n'

    assert str(ours(tmp_path, limits).limits.inr_bleeding) == "2.5"


def test_a_site_may_do_without_a_bridge(tmp_path: Path) -> None:
    more = "products:\n  stock: [uk-hydroxocobalamin-injection]\nbridge: null\n"
    plans = "plans:\n  undetermined: {options: [{regimen: UK-HYDROXO-STD}], why: ours}\n"
    protocol = ours(tmp_path, more + plans)

    assert protocol.bridge is None
    assert {c.regimen.injected for row in protocol.table.values() for c in row.choices} == {True}


def test_a_site_may_test_those_at_risk_without_a_symptom(tmp_path: Path) -> None:
    screening = ours(tmp_path, f"screening: {{needs-symptom: false, causes: [diet], {CITE}}}\n").screening

    assert (screening.needs_symptom, screening.causes) == (False, {"diet"})


def test_a_sites_interval_takes_the_place_of_the_parents_for_that_drug_only(tmp_path: Path) -> None:
    line = f"{{drug: hydroxocobalamin, shortest: 1, longest: 3, text: monthly, {CITE}}}"
    own = ours(tmp_path, f"monitoring:\n  intervals: [{line}]\n  {CITE}\n")
    parent = load().book.protocols["uk-ng239"]

    assert [(i.shortest, i.longest) for i in own.intervals if i.drug == "hydroxocobalamin"] == [(1, 3)]
    assert [i for i in own.intervals if i.drug != "hydroxocobalamin"] == [
        i for i in parent.intervals if i.drug != "hydroxocobalamin"
    ]
    assert own.monitoring == parent.monitoring


def test_a_stable_patient_is_not_moved_to_tablets_that_are_not_in_stock(tmp_path: Path) -> None:
    more = "products:\n  stock: [uk-hydroxocobalamin-injection]\nbridge: null\n"
    plans = "plans:\n  undetermined: {options: [{regimen: UK-HYDROXO-STD}], why: ours}\n"

    assert ours(tmp_path).to_tablets is not None
    assert ours(tmp_path, more + plans).to_tablets is None


def test_a_swap_for_a_regimen_no_longer_offered_goes_with_it(tmp_path: Path) -> None:
    assert dict(ours(tmp_path, STOCK).pregnancy_swaps) == {}


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ('site-codes: [{system: "https://ours.example", code: T5, display: "B12 500"}]', "T5"),
        ('codes: [{system: atc, code: "B03BA01"}]', "B03BA01"),
    ],
)
def test_a_sites_product_goes_out_with_its_own_or_a_verified_code(tmp_path: Path, codes: str, says: str) -> None:
    more = tablet(codes=codes) + "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-STD}], why: ours}\n"

    assert [code for product in ours(tmp_path, more).products for _, code, _ in product.codings][-1] == says


def test_a_dose_becomes_the_volume_of_the_sites_ampoule(tmp_path: Path) -> None:
    weaker = example().replace('per: {value: "1", unit: mL}', 'per: {value: "2", unit: mL}')
    order = created(answer(saved(tmp_path, weaker), "V23"), "MedicationRequest")[0]

    given = order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]
    assert (given["value"], given["unit"]) == (2, "mL")
    assert "1 mg" in order["dosageInstruction"][0]["text"]
    assert order["dispenseRequest"]["quantity"]["value"] == 12


def test_a_dose_becomes_a_number_of_the_sites_tablets(tmp_path: Path) -> None:
    file = saved(tmp_path, PLAIN + tablet() + "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-STD}], why: ours}\n")
    order = created(answer(file, "V87"), "MedicationRequest")[0]

    assert order["medicationCodeableConcept"]["text"] == "cyanocobalamin 500 microgram tablets"
    assert "2 tablets" in order["dosageInstruction"][0]["text"]
    assert (
        order["dispenseRequest"]["quantity"]["value"] == 2 * order["dispenseRequest"]["expectedSupplyDuration"]["value"]
    )


def test_the_first_in_stock_that_gives_the_dose_is_the_one_ordered(tmp_path: Path) -> None:
    more = tablet(stock="our-tablet, uk-cyanocobalamin-1000-tablet, uk-cyanocobalamin-50-tablet")
    turned = tablet(stock="uk-cyanocobalamin-1000-tablet, our-tablet, uk-cyanocobalamin-50-tablet")
    ordered = {
        created(answer(saved(tmp_path, PLAIN + text), patient), "MedicationRequest")[0]["medicationCodeableConcept"][
            "text"
        ]
        for text, patient in ((more, "V87"), (turned, "V87"), (more, "V41"))
    }

    assert ordered == {
        "cyanocobalamin 500 microgram tablets",
        "cyanocobalamin 1 mg tablets",
        "cyanocobalamin 50 microgram tablets",
    }


def test_the_example_is_valid_in_an_editor_and_a_mistake_is_marked(tmp_path: Path) -> None:
    validator = Draft202012Validator(schema_of("local-protocol"))
    written = as_json(read(saved(tmp_path, example())).value)

    assert [error.message for error in validator.iter_errors(written)] == []
    assert not validator.is_valid(written | {"hazards": []})
    assert not validator.is_valid(written | {"plans": {"diet": {"none": "ours"}}})


def test_the_document_explains_every_key_that_a_file_can_have() -> None:
    told = set(re.findall(r"^\| `([a-z-]+)` \|", DOC.read_text(encoding="utf-8"), re.M))
    optional = {f.alias for f in LocalProtocolFile.model_fields.values() if not f.is_required()}

    assert told == optional


@pytest.mark.parametrize(
    ("name", "is_file"),
    [("ours.yaml", True), ("ours.yml", True), ("./ours", True), ("site\\ours", True), ("uk-ng239", False)],
)
def test_a_name_is_a_file_or_an_id(name: str, is_file: bool) -> None:
    assert (protocol_file(name) is not None) == is_file


NEURO = "plans:\n  neurological: {options: [{regimen: UK-ORAL-MALABS}], why: ours}\n"
SEVERE = "plans:\n  severe-anaemia: {options: [{regimen: UK-HYDROXO-STD}, {regimen: UK-ORAL-MALABS}], why: ours}\n"
ALONE = "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-DIET-6M}], why: ours}\n"
LEBER = "leber: UK-ORAL-MALABS\n"
BRIDGE = "bridge: UK-HYDROXO-STD\n"
SWAP = "pregnancy-swaps: {UK-HYDROXO-NEURO: UK-ORAL-MALABS}\n"
SWAPPED_ALONE = "pregnancy-swaps: {UK-ORAL-DIET: UK-HYDROXO-DIET-6M}\n"


@pytest.mark.parametrize(
    ("more", "line", "says"),
    [
        (NEURO, 12, "UK-ORAL-MALABS is not injected: the row neurological is for injections only"),
        (SEVERE, 12, "the row severe-anaemia is for injections only"),
        (ALONE, 12, "UK-HYDROXO-DIET-6M has no repletion: it never stands alone"),
        (LEBER, 11, "Leber optic neuropathy forbids it by any route"),
        (BRIDGE, 11, "with a bleeding risk only tablets bridge"),
        (SWAP, 11, "neurological is for injections only"),
        (SWAPPED_ALONE, 11, "UK-HYDROXO-DIET-6M has no repletion"),
    ],
)
def test_a_plan_that_a_safety_rule_forbids_is_refused(tmp_path: Path, more: str, line: int, says: str) -> None:
    found, problem = refusal(tmp_path, PLAIN + more)

    assert found == line
    assert says in problem


@pytest.mark.parametrize(
    ("name", "value", "unit", "says"),
    [
        ("age-minimum", "12", "a", "may not go below 16"),
        ("inr-bleeding", "4.0", '"1"', "may not go above 3.0"),
        ("platelets-bleeding", "30", "10*9/L", "may not go below 50"),
        ("potassium-low", "3.0", "mmol/L", "may not go below 3.5"),
        ("potassium-days", "14", "d", "stays 7"),
        ("haemoglobin-severe", "70", "g/L", "may not go below 80"),
        ("transport-mma", "20", "umol/L", "may not go above 10"),
        ("smallest-volume-ml", "0.01", "mL", "may not go below 0.05"),
    ],
)
def test_a_limit_that_guards_safety_is_not_loosened(
    tmp_path: Path, name: str, value: str, unit: str, says: str
) -> None:
    line, problem = refusal(tmp_path, PLAIN + f'limits:\n  {name}: {{value: "{value}", unit: {unit}, {CITE}}}\n')

    assert line == 12
    assert says in problem


def limit(text: str) -> str:
    return f"limits:\n  {text}\n"


WRONG = {
    "a mistyped key": ("regimen: []\n", 11, "did you mean regimens?"),
    "a mistyped key below": (limit(f'review-months: {{valu: "2", unit: mo, {CITE}}}'), 12, "did you mean value?"),
    "a hazard switched off": ("hazards: []\n", 11, "this key is not known here"),
    "an unknown limit": (limit(f'review-month: {{value: "2", unit: mo, {CITE}}}'), 12, "did you mean review-months?"),
    "a limit without a source": (limit('review-months: {value: "2", unit: mo}'), 12, "cite: is required"),
    "a limit in another unit": (limit(f'review-months: {{value: "8", unit: wk, {CITE}}}'), 12, "in mo, not in wk"),
    "a limit of nothing": (limit(f'review-months: {{value: "0", unit: mo, {CITE}}}'), 12, "is more than 0"),
    "a number without quotes": (limit(f"review-months: {{value: 2, unit: mo, {CITE}}}"), 12, "written in quotes"),
    "a source nobody knows": (
        limit('review-months: {value: "2", unit: mo, cite: {source: OUR, letter: V}}'),
        12,
        "did you mean OURS?",
    ),
    "an unknown letter": (
        limit('review-months: {value: "2", unit: mo, cite: {source: OURS, letter: W}}'),
        12,
        "'V', 'S' or 'M'",
    ),
    "one unit of two": (
        f'bands:\n  b12:\n    {CITE}\n    lines:\n      ng/L: {{low-below: "200", unlikely-above: "350"}}\n',
        13,
        "also has b12 in pmol/L: give that too",
    ),
    "one unit by two names": (
        f"bands:\n  b12:\n    {CITE}\n    lines:\n"
        '      ng/L: {low-below: "200", unlikely-above: "350"}\n'
        '      pg/mL: {low-below: "210", unlikely-above: "350"}\n'
        '      pmol/L: {low-below: "148", unlikely-above: "258"}\n',
        15,
        "the same unit: keep one",
    ),
    "limits out of order": (
        limit(f'mma-raised: {{value: "0.90", unit: umol/L, {CITE}}}'),
        12,
        "mma-borderline 0.28, mma-raised 0.90, mma-high 0.75",
    ),
    "bands that overlap": (
        f'bands:\n  active-b12:\n    {CITE}\n    lines:\n      pmol/L: {{low-below: "80", unlikely-above: "70"}}\n',
        15,
        "low must end below",
    ),
    "a test nobody knows": (f"bands:\n  b13:\n    {CITE}\n    lines: {{}}\n", 13, "did you mean b12?"),
    "an unknown product": (
        "products:\n  stock: [uk-hydroxocobalamin-injections]\n",
        12,
        "did you mean uk-hydroxocobalamin-injection?",
    ),
    "a product twice": (
        "products:\n  stock: [uk-hydroxocobalamin-injection, uk-hydroxocobalamin-injection]\n",
        12,
        "stands twice",
    ),
    "an empty stock": ("products:\n  stock: []\n", 12, "at least 1 item"),
    "a row that loses its plan": (
        "products:\n  stock: [uk-cyanocobalamin-1000-tablet]\n",
        12,
        "the row neurological loses its plan, no product gives UK-HYDROXO-NEURO: stock one",
    ),
    "a bridge out of stock": ("products:\n  stock: [uk-hydroxocobalamin-injection]\n", 12, "bridge: no product"),
    "a product not in stock": (tablet(stock="uk-cyanocobalamin-1000-tablet"), 14, "described but not in stock"),
    "a product without a code": (tablet(codes="codes: []"), 14, "give a code"),
    "an unverified code": (tablet(codes='codes: [{system: rx, code: "11"}]'), 14, "not a verified code"),
    "a dm+d code mistyped": (
        tablet(codes='site-codes: [{system: "https://dmd.nhs.uk", code: "123456789", display: B12}]'),
        17,
        "its check digit is wrong",
    ),
    "a code without a system": (
        tablet(codes="site-codes: [{system: ours, code: T5, display: B12}]"),
        17,
        "match pattern",
    ),
    "a text of another strength": (tablet(text="cyanocobalamin 1500 microgram tablets"), 16, "`500 micrograms`"),
    "a text of another drug": (tablet(text="vitamin B12 500 microgram tablets"), 16, "must say the drug"),
    "a shipped product's name": (
        tablet().replace("our-tablet", "uk-cyanocobalamin-50-tablet"),
        14,
        "give yours a name of its own",
    ),
    "a shipped regimen's name": (monthly(id="UK-HYDROXO-STD"), 12, "is a shipped regimen"),
    "an unknown drug": (monthly(drug="hydroxocobalamine"), 14, "did you mean hydroxocobalamin?"),
    "an unknown route": (monthly(route="intramusculary"), 15, "did you mean intramuscular?"),
    "an unknown regimen": (
        "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-ST}], why: ours}\n",
        12,
        "did you mean UK-HYDROXO-STD?",
    ),
    "an unknown row": ("plans:\n  diet: {none: ours}\n", 12, "did you mean dietary?"),
    "a row without a reason": ("plans:\n  dietary: {options: [{regimen: UK-HYDROXO-STD}]}\n", 12, "say why"),
    "a row that says both": (
        "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-STD}], why: ours, none: ours}\n",
        12,
        "either options or none",
    ),
    "its own option out of stock": (
        STOCK + "plans:\n  dietary: {options: [{regimen: UK-ORAL-DIET}], why: ours}\n",
        14,
        "no product in stock can give UK-ORAL-DIET: in stock are uk-hydroxocobalamin-injection",
    ),
    "what follows without a maintenance": (
        monthly(phase="repletion")
        + "plans:\n  dietary: {options: [{regimen: UK-HYDROXO-STD, then: OUR-REGIMEN}], why: ours}\n",
        24,
        "OUR-REGIMEN has no maintenance",
    ),
    "a swap for nothing": ("pregnancy-swaps: {US-IM-TRAD: UK-HYDROXO-STD}\n", 11, "no row offers US-IM-TRAD"),
    "a text of two lines": ('plans:\n  dietary: {none: "ours\\nours"}\n', 12, "one line of plain text"),
    "a text with a tag": ("plans:\n  dietary: {none: see <a href=x>}\n", 12, "one line of plain text"),
    "a cause nobody knows": (
        f"screening: {{needs-symptom: false, causes: [diets], {CITE}}}\n",
        11,
        "did you mean diet?",
    ),
    "an interval of an unknown drug": (
        "monitoring:\n  intervals: [{drug: methylcobalamin, shortest: 1, longest: 2, text: ours, "
        f"{CITE}}}]\n  {CITE}\n",
        12,
        "there is no drug methylcobalamin; did you mean",
    ),
    "an interval for one mechanism only": (
        "monitoring:\n  intervals: [{drug: hydroxocobalamin, mechanism: dietary, shortest: 1, longest: 2, text: ours, "
        f"{CITE}}}]\n  {CITE}\n",
        12,
        "give one line for hydroxocobalamin without a mechanism",
    ),
    "monitoring without a source": ("monitoring:\n  injected: [blood count]\n", 12, "cite: is required"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_its_line_and_what_would_be_right(tmp_path: Path, name: str) -> None:
    more, line, says = WRONG[name]
    found, problem = refusal(tmp_path, PLAIN + more)

    assert says in problem
    assert found == line


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("id: ours", "id: uk-ng239", 1, "is a shipped protocol: give yours a name of its own"),
        ("id: ours", "id: Our Protocol", 1, "should match pattern"),
        ("extends: uk-ng239", "extends: uk-ng329", 2, "did you mean uk-ng239?"),
        ("extends: uk-ng239", "extends: common", 2, "known: uk-ng239, us-aafp, us-label"),
        ('version: "1"', "version: 1.0", 3, "written in quotes"),
        ("reviewer: null\n", "", 1, "reviewer: is required"),
        ("end: null", "end: 2025-01-01", 7, "2025-01-01 is below 2026-01-01"),
        ("cite: {source: OURS", "cite: {source: THEIRS", 8, "neither in this file's sources nor in sources.yaml"),
        ("{id: OURS", "{id: NG239-rec", 10, "give yours another name"),
    ],
)
def test_a_wrong_heading_is_refused(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    found, problem = refusal(tmp_path, PLAIN.replace(old, new, 1))

    assert says in problem
    assert found == line


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match=r"nowhere\.yaml:1: cannot be read"):
        load(local=tmp_path / "nowhere.yaml")
