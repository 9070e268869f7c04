"""What the sources and the decisions print, typed a second time by hand: a wrong number cannot agree with itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from service.domain.cause import Cause
from service.domain.protocol import Book, Product, Protocol, Row

#: Drug, routes in order with the off-label ones in brackets, then the steps.
REGIMENS = {
    "UK-HYDROXO-STD": (
        "hydroxocobalamin by intramuscular (subcutaneous)",
        "repletion 1 mg, 3 in 1 wk, 6 doses, 2 weeks",
        "maintenance 1 mg, 1 in 2 to 3 mo",
    ),
    "UK-HYDROXO-NEURO": (
        "hydroxocobalamin by intramuscular (subcutaneous)",
        "repletion 1 mg, 1 in 2 d, until no further improvement, review at 3 weeks",
        "maintenance 1 mg, 1 in 2 mo, once there is no further improvement",
    ),
    "UK-HYDROXO-PROPHYLAXIS": (
        "hydroxocobalamin by intramuscular (subcutaneous)",
        "maintenance 1 mg, 1 in 2 to 3 mo",
    ),
    "UK-HYDROXO-DIET-6M": ("hydroxocobalamin by intramuscular (subcutaneous)", "maintenance 1 mg, 1 in 6 mo"),
    "UK-ORAL-MALABS": (
        "cyanocobalamin by oral",
        "repletion at least 1 mg, 1 in 1 d, to the review",
        "maintenance at least 1 mg, 1 in 1 d, after the review, the same dose",
    ),
    "UK-ORAL-DIET": (
        "cyanocobalamin by oral",
        "repletion 50 to 150 ug, 1 in 1 d, to the review",
        "maintenance 50 to 150 ug, 1 in 1 d, after the review, the same dose",
    ),
    "US-IM-TRAD": (
        "cyanocobalamin by intramuscular, subcutaneous",
        "repletion 1000 ug, 1 in 1 d, 7 doses, 1 weeks",
        "repletion 1000 ug, 1 in 1 wk, 4 doses, 4 weeks",
        "maintenance 1000 ug, 1 in 1 mo",
    ),
    "US-IM-NEURO": (
        "cyanocobalamin by intramuscular, subcutaneous",
        "repletion 1000 ug, 1 in 2 d, 11 doses, 3 weeks",
        "maintenance 1000 ug, 1 in 1 mo",
    ),
    "US-ORAL-HIGH": (
        "cyanocobalamin by oral",
        "repletion 1000 to 2000 ug, 1 in 1 d, to the review",
        "maintenance 1000 ug, 1 in 1 d, after the review",
    ),
    "US-ORAL-BARIATRIC": ("cyanocobalamin by oral", "maintenance 1 mg, 1 in 1 d"),
    "LABEL-CYANO-PA": (
        "cyanocobalamin by intramuscular, subcutaneous",
        "repletion 100 ug, 1 in 1 d, 6 to 7 doses",
        "repletion 100 ug, 1 in 2 d, 7 doses, if improving and reticulocytes respond",
        "repletion 100 ug, 1 in 3 to 4 d, 2 to 3 weeks, after that",
        "maintenance 100 ug, 1 in 1 mo, after that",
    ),
    "LABEL-HYDROXO": (
        "hydroxocobalamin by intramuscular",
        "repletion 30 ug, 1 in 1 d, 5 to 10 doses",
        "maintenance 100 to 200 ug, 1 in 1 mo",
    ),
    "LABEL-NASAL": ("cyanocobalamin by nasal", "maintenance 500 ug, 1 in 1 wk"),
    # What no shipped row uses; a site's own protocol may.
    "UK-HYDROXO-SPC": (
        "hydroxocobalamin by intramuscular",
        "repletion 250 to 1000 ug, 1 in 2 d, 1 to 2 weeks",
        "repletion 250 ug, 1 in 1 wk, until the blood count is normal",
        "maintenance 1000 ug, 1 in 2 to 3 mo, once the blood count is normal",
    ),
    "UK-HYDROXO-LEBER": (
        "hydroxocobalamin by intramuscular",
        "repletion 1 mg, 1 in 1 d, 14 doses, 2 weeks",
        "repletion 1 mg, 2 in 1 wk, while improving",
        "maintenance 1 mg, 1 in 3 mo, once there is no further improvement",
    ),
    "US-IM-SEVERAL": (
        "cyanocobalamin by intramuscular, subcutaneous",
        "repletion 1000 ug, 1 in 1 d, 14 doses, 2 weeks",
        "repletion 1000 ug, 1 in 1 wk, until haemoglobin and haematocrit are normal",
        "maintenance 1000 ug, 1 in 1 mo, once haemoglobin and haematocrit are normal",
    ),
    "TRIAL-OB12-IM": (
        "cyanocobalamin by intramuscular",
        "repletion 1 mg, 1 in 2 d, 2 weeks",
        "repletion 1 mg, 1 in 1 wk, 6 doses, 6 weeks",
        "maintenance 1 mg, 1 in 1 mo",
    ),
    "TRIAL-OB12-ORAL": (
        "cyanocobalamin by oral",
        "repletion 1 mg, 1 in 1 d, 56 doses, 8 weeks",
        "maintenance 1 mg, 1 in 1 wk",
    ),
}
#: Decisions, section 5; `*` only while the extent is unknown, `>` what follows.
TABLE = {
    "neurological": ("UK-HYDROXO-NEURO", "US-IM-NEURO US-IM-TRAD", "LABEL-CYANO-PA"),
    "severe-anaemia": ("UK-HYDROXO-STD", "US-IM-TRAD", "LABEL-CYANO-PA"),
    "autoimmune-gastritis": ("UK-HYDROXO-STD", "US-IM-TRAD US-ORAL-HIGH", "LABEL-CYANO-PA"),
    "prevention": ("UK-HYDROXO-PROPHYLAXIS", "US-ORAL-BARIATRIC", "none"),
    "gastric-resection": ("UK-HYDROXO-STD", "US-IM-TRAD US-ORAL-HIGH", "LABEL-CYANO-PA"),
    "ileal-resection": ("UK-HYDROXO-STD", "US-IM-TRAD *US-ORAL-HIGH", "LABEL-CYANO-PA"),
    "malabsorption": ("UK-HYDROXO-STD UK-ORAL-MALABS", "US-ORAL-HIGH US-IM-TRAD", "LABEL-CYANO-PA"),
    "medicine-induced": ("UK-ORAL-MALABS UK-HYDROXO-STD", "US-ORAL-HIGH US-IM-TRAD", "none"),
    "nitrous-oxide": ("UK-HYDROXO-STD UK-ORAL-MALABS", "US-ORAL-HIGH US-IM-TRAD", "LABEL-CYANO-PA"),
    "dietary": ("UK-ORAL-DIET UK-HYDROXO-STD>UK-HYDROXO-DIET-6M", "US-ORAL-HIGH US-IM-TRAD", "none, then tablets"),
    "increased-requirement": ("UK-HYDROXO-STD UK-ORAL-MALABS", "US-ORAL-HIGH", "none"),
    "undetermined": ("UK-ORAL-MALABS UK-HYDROXO-STD", "US-ORAL-HIGH US-IM-TRAD", "LABEL-CYANO-PA"),
}
#: Bridge in bleeding risk; the one regimen in Leber; what goes deep under the skin when anticoagulated; in pregnancy.
BY_ROUTE = {
    "uk-ng239": "bridge UK-ORAL-MALABS; leber by row; under the skin first -; UK-ORAL-DIET becomes UK-ORAL-MALABS",
    "us-aafp": "bridge US-ORAL-HIGH; leber LABEL-HYDROXO; under the skin first cyanocobalamin; no swap",
    "us-label": "bridge none; leber LABEL-HYDROXO; under the skin first cyanocobalamin; no swap",
}
BANDS = {
    "uk-ng239": {
        "b12 ng/L": "low under 180, unlikely above 350",
        "b12 pmol/L": "low under 133, unlikely above 258",
        "active-b12 pmol/L": "low under 25, unlikely above 70",
    },
    "us-aafp": {
        "b12 ng/L": "low under 150, unlikely from 400",
        "b12 pmol/L": "low under 111, unlikely from 295",
    },
    "us-label": {},
}
LIMITS = {
    "age_minimum": "16",
    "b12_months": "12",
    "mma_months": "12",
    "homocysteine_months": "12",
    "folate_months": "12",
    "egfr_months": "12",
    "blood_count_months": "3",
    "inr_days": "30",
    "platelets_days": "30",
    "potassium_days": "7",
    "pairing_days": "90",
    "injection_washout_days": "14",
    "mma_raised": "0.40",
    "mma_borderline": "0.28",
    "mma_high": "0.75",
    "homocysteine_raised": "15",
    "folate_low": "3",
    "egfr_impaired": "60",
    "haemoglobin_severe": "80",
    "haemoglobin_severe_pregnant": "70",
    "haemoglobin_anaemia": "110",
    "potassium_low": "3.5",
    "inr_bleeding": "3.0",
    "platelets_bleeding": "50",
    "misuse_months": "12",
    "medical_gas_weeks": "4",
    "treated_weeks": "8",
    "transport_mma": "10",
    "transport_homocysteine": "100",
    "exposure_gap_months": "6",
    "exposure_ended_months": "12",
    "pregnancy_status_days": "308",
    "smallest_volume_ml": "0.05",
    "review_months": "3",
    "review_months_pregnant": "1",
    "antidote_dose": "1000000",
    "repletion_interval_days": "7",
    "dose_slip_factor": "10",
    "ferritin_months": "12",
    "cause_months": "12",
    "response_days": "10",
    "response_weeks": "8",
    "reticulocyte_days": "7",
    "mcv_raised": "100",
    "potassium_watch_days": "7",
    "overdue_days": "14",
    "interval_tolerance_days": "7",
}
B12_HIGH = {"ng/L": "914", "pmol/L": "674"}
#: Mechanism and duration; (with neurology); then what else is true of the cause.
CAUSES = {
    "atrophic-gastritis": "malabsorption while-cause-persists antibodies",
    "bacterial-overgrowth": "malabsorption while-cause-persists",
    "bariatric-surgery": "malabsorption lifelong prevention",
    "breastfeeding": "increased-requirement until-review",
    "coeliac-disease": "malabsorption while-cause-persists",
    "complete-ileal-resection": "ileal-resection lifelong prevention",
    "congenital-intrinsic-factor-deficiency": "autoimmune-gastritis lifelong",
    "crohn-disease": "malabsorption while-cause-persists",
    "diet": "dietary while-cause-persists",
    "fish-tapeworm": "malabsorption while-cause-persists",
    "gastrectomy-extent-unknown": "malabsorption while-cause-persists extent-unknown",
    "ileal-resection-extent-unknown": "ileal-resection until-review prevention extent-unknown",
    "imerslund-grasbeck": "malabsorption while-cause-persists",
    "medicine": "medicine-induced while-cause-persists",
    "nitrous-oxide": "nitrous-oxide while-cause-persists (until-review)",
    "other-malabsorption": "malabsorption while-cause-persists",
    "pancreatic-insufficiency": "malabsorption while-cause-persists",
    "partial-gastrectomy": "malabsorption while-cause-persists",
    "partial-ileal-resection": "malabsorption while-cause-persists",
    "pernicious-anaemia": "autoimmune-gastritis lifelong",
    "pregnancy": "increased-requirement until-review",
    "total-gastrectomy": "gastric-resection lifelong prevention",
    "transport-or-metabolic-disorder": "transport-metabolic specialist",
    "tropical-sprue": "malabsorption while-cause-persists",
    "undetermined": "undetermined until-review",
    "zollinger-ellison": "malabsorption while-cause-persists",
}
#: Months that must be passed (V): metformin over 4, proton pump inhibitors and H2 antagonists over 12.
EXPOSURE = {
    4: {"metformin"},
    12: {
        "omeprazole",
        "esomeprazole",
        "lansoprazole",
        "pantoprazole",
        "rabeprazole",
        "dexlansoprazole",
        "ranitidine",
        "famotidine",
        "cimetidine",
        "nizatidine",
    },
}
PRODUCTS = {
    "uk-hydroxocobalamin-injection": "1 mg in 1 mL by intramuscular, subcutaneous",
    "uk-cyanocobalamin-50-tablet": "50 ug in 1 {tbl} by oral, up to 3",
    "uk-cyanocobalamin-1000-tablet": "1 mg in 1 {tbl} by oral, up to 2",
    "us-cyanocobalamin-injection": "1000 ug in 1 mL by intramuscular, subcutaneous",
    "us-hydroxocobalamin-injection": "1000 ug in 1 mL by intramuscular",
    "us-cyanocobalamin-nasal-500": "500 ug in 1 {spray} by nasal, up to 1",
    "us-cyanocobalamin-1000-tablet": "1 mg in 1 {tbl} by oral, up to 2",
}
#: When what is watched falls due after the first dose; what is not here has no day.
CALENDAR = {
    "full blood count and reticulocytes 7 to 10 days after the start": "7 to 10 d",
    "full blood count, ferritin and folate at 8 weeks": "8 wk",
    "symptoms at 3 months, sooner if severe": "3 mo",
    "review and full blood count 1 month after the start": "1 mo",
    "blood count and symptoms at the review": "review",
    "full blood count and reticulocytes at 1 to 2 weeks and about 8 weeks": "1 to 2 wk, 8 wk",
    "B12, with or without MMA, at about 3 months": "3 mo",
    "before the start, haematocrit, reticulocytes, B12, folate and iron": "0 d",
    "potassium in the first 48 hours, replaced if low": "0 to 2 d",
    "haematocrit and reticulocytes daily from day 5 to 7, then often until the haematocrit is normal": "5 to 7 d",
    "Potassium at baseline, at 24 to 48 hours and on days 4 to 7; replace it if low.": "0 d, 1 to 2 d, 4 to 7 d",
}
#: Intervals in months that may stand in the place of a regimen's own.
INTERVALS = {"US-IM-TRAD every 1": "1 2", "UK-HYDROXO-STD every 6": "2 3 6"}
FORBIDDEN_WITH_LEBER = {"cyanocobalamin"}


def departures(book: Book, folder: Path) -> list[str]:
    """Where a book and the folder it was loaded from depart from what is printed; none is agreement.

    A limit or a product that is not printed here is held by others; `make mutate-data` names what nobody holds.
    """
    return [*_doses(folder), *_tables(book), *_lines(book), *_causes(book), *_what_can_be_given(book), *_calendar(book)]


def _calendar(book: Book) -> Iterator[str]:
    checks = {
        says: "review"
        if check.at_review
        else ", ".join(f"{_range(d.first, d.last if d.last != d.first else None)} {d.unit}" for d in check.due)
        for says, check in book.calendar.checks.items()
        if check.due or check.at_review
    }
    yield from _unlike("check", checks, CALENDAR)
    months = {f"{name} every {n}": " ".join(map(str, i.months)) for (name, n), i in book.calendar.intervals.items()}
    yield from _unlike("interval", months, INTERVALS)


def _unlike(what: str, found: Mapping[str, object], printed: Mapping[str, object]) -> Iterator[str]:
    for name in sorted({*found, *printed}):
        if found.get(name) != printed.get(name):
            yield f"{what} {name} is {found.get(name)}, printed {printed.get(name)}"


def _doses(folder: Path) -> Iterator[str]:
    """Every regimen of the files, also those that only a site's own protocol uses."""
    lines = [line for file in sorted((folder / "regimens").glob("*.yaml")) for line in _read(file)["regimens"]]
    found = {line["id"]: (_drug(line), *map(_step, line["steps"])) for line in lines}
    yield from _unlike("regimen", found, REGIMENS)


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _drug(line: dict[str, Any]) -> str:
    off = f" ({', '.join(line['off-label'])})" if line.get("off-label") else ""
    return f"{line['drug']} by {', '.join(line['routes'])}{off}"


def _step(line: dict[str, Any]) -> str:
    timing, low, high = line["timing"], line["dose"]["low"], line["dose"]["high"]
    dose = f"at least {low}" if high is None else _range(low, high if high != low else None)
    parts = [f"{line['phase']} {dose} {line['dose']['unit']}"]
    parts.append(f"{timing['frequency']} in {_range(timing['period'], timing.get('period-max'))} {timing['unit']}")
    if "count" in timing:
        parts.append(f"{_range(timing['count'], timing.get('count-max'))} doses")
    if "weeks" in timing:
        parts.append(f"{_range(timing['weeks'], timing.get('weeks-max'))} weeks")
    parts += [line[words] for words in ("begins-if", "ends-when") if words in line]
    if "review-weeks" in line:
        parts.append(f"review at {line['review-weeks']['value']} weeks")
    return ", ".join(parts)


def _range(low: object, high: object) -> str:
    return f"{low} to {high}" if high is not None else f"{low}"


def _tables(book: Book) -> Iterator[str]:
    for place, (name, by_route) in enumerate(BY_ROUTE.items()):
        protocol = book.protocols[name]
        found = {key: _row(row) for key, row in protocol.table.items()}
        yield from _unlike(f"{name}, row", found, {key: rows[place] for key, rows in TABLE.items()})
        yield from _unlike(name, {"routes": _by_route(protocol)}, {"routes": by_route})


def _row(row: Row) -> str:
    if row.none_because is not None:
        return "none, then tablets" if row.then_words else "none"
    return " ".join(
        f"{'*' if c.extent_unknown_only else ''}{c.regimen.id}{f'>{c.then.id}' if c.then else ''}" for c in row.choices
    )


def _by_route(protocol: Protocol) -> str:
    swaps = ", ".join(f"{old} becomes {new.id}" for old, new in protocol.pregnancy_swaps.items())
    return (
        f"bridge {protocol.bridge.id if protocol.bridge else 'none'}; "
        f"leber {protocol.leber.id if protocol.leber else 'by row'}; "
        f"under the skin first {', '.join(sorted(protocol.subcutaneous_first)) or '-'}; {swaps or 'no swap'}"
    )


def _lines(book: Book) -> Iterator[str]:
    for name, printed in BANDS.items():
        protocol = book.protocols[name]
        found = {
            f"{analyte} {unit}": f"low under {line.low_below}, unlikely "
            f"{'from' if line.unlikely_includes else 'above'} {line.unlikely}"
            for analyte, lines in protocol.bands.items()
            for unit, line in lines.items()
        }
        yield from _unlike(f"{name}, band", found, printed)
        limits = {limit: str(getattr(protocol.limits, limit)) for limit in LIMITS}
        yield from _unlike(f"{name}, limit", limits, LIMITS)
        high = {unit: str(value) for unit, value in protocol.b12_high.items()}
        yield from _unlike(f"{name}, high B12 in", high, B12_HIGH)


def _causes(book: Book) -> Iterator[str]:
    yield from _unlike("cause", {name: _cause(cause) for name, cause in book.causes.items()}, CAUSES)
    found: dict[int | None, set[str]] = {}
    for cause in book.causes.values():
        for medicine in cause.ingredients:
            found.setdefault(medicine.longer_than_months, set()).add(medicine.concept)
    found.pop(None, None)
    if found != EXPOSURE:
        yield f"exposure is {found}, printed {EXPOSURE}"


def _cause(cause: Cause) -> str:
    words = [cause.mechanism.value, cause.duration.value]
    if cause.duration_with_neurology:
        words.append(f"({cause.duration_with_neurology.value})")
    flags = {
        "prevention": cause.prevention,
        "extent-unknown": cause.extent_unknown,
        "antibodies": cause.antibody_workup,
    }
    return " ".join([*words, *(name for name, there in flags.items() if there)])


def _what_can_be_given(book: Book) -> Iterator[str]:
    products = {product.id: _product(product) for p in book.protocols.values() for product in p.products}
    products = {name: products.get(name) for name in PRODUCTS}
    yield from _unlike("product", products, PRODUCTS)
    forbidden = {drug.id for drug in book.drugs.values() if drug.not_with_leber}
    if forbidden != FORBIDDEN_WITH_LEBER:
        yield f"forbidden with Leber optic neuropathy: {forbidden}, printed {FORBIDDEN_WITH_LEBER}"


def _product(product: Product) -> str:
    most = f", up to {product.up_to}" if product.up_to else ""
    strength = f"{product.strength.value} {product.strength.unit} in {product.per.value} {product.per.unit}"
    return f"{strength} by {', '.join(product.routes)}{most}"
