"""The mutants: one value of one mapping file changed, each a fault that somebody could type."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the file, the place in it, what stood there and what stands there now (None: taken away)."""

    kind: str
    file: str
    place: Place
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.kind}: {self.file} {'.'.join(map(str, self.place))}: {self.old!r} -> {self.new!r}"

    def applied(self, folder: Path) -> str:
        """The whole file with the change in it."""
        content = yaml.safe_load((folder / self.file).read_text(encoding="utf-8"))
        part = content
        for step in self.place[:-1]:
            part = part[step]
        if self.new is None and isinstance(part, dict) and self.kind.endswith("taken away"):
            del part[self.place[-1]]
        else:
            part[self.place[-1]] = copy.deepcopy(self.new)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def mutants(folder: Path) -> Iterator[Mutant]:
    """Every mutant of the mappings in a folder."""
    yield from _limits(folder)
    for name in ("uk-ng239", "us-aafp", "us-label"):
        yield from _protocol(folder, f"protocols/{name}.yaml")
    for name in ("uk", "us"):
        yield from _regimens(folder, f"regimens/{name}.yaml")
        yield from _products(folder, f"products/{name}.yaml")
    yield from _drugs(folder)
    for file in sorted((folder / "causes").glob("*.yaml")):
        yield from _cause(folder, f"causes/{file.name}")


def _read(folder: Path, file: str) -> Any:
    return yaml.safe_load((folder / file).read_text(encoding="utf-8"))


def _nudged(value: str | int) -> Iterator[str | int]:
    """One step up and one down, in the last digit that is printed."""
    if isinstance(value, int):
        yield from (n for n in (value + 1, value - 1) if n > 0)
        return
    number = Decimal(value)
    step = Decimal(1).scaleb(int(number.as_tuple().exponent))
    yield from (str(n) for n in (number + step, number - step) if n > 0)


def _limits(folder: Path) -> Iterator[Mutant]:
    file = "protocols/common.yaml"
    content = _read(folder, file)
    for name, line in content["limits"].items():
        for new in _nudged(line["value"]):
            yield Mutant("limit", file, ("limits", name, "value"), line["value"], new)
    for unit, value in content["b12-high"]["lines"].items():
        for new in _nudged(value):
            yield Mutant("limit", file, ("b12-high", "lines", unit), value, new)


def _protocol(folder: Path, file: str) -> Iterator[Mutant]:
    content = _read(folder, file)
    for analyte, band in content["bands"].items():
        for unit, line in band["lines"].items():
            place = ("bands", analyte, "lines", unit)
            for key, value in line.items():
                for new in _nudged(value):
                    yield Mutant("band", file, (*place, key), value, new)
            yield Mutant("comparison", file, place, line, _other_comparison(line))
    regimens = ["UK-HYDROXO-STD", "UK-ORAL-MALABS"] if content["products"] == "uk" else ["US-IM-TRAD", "US-ORAL-HIGH"]
    for key in ("bridge", "leber"):
        others = [r for r in (None, *regimens) if r != content[key]]
        yield from (Mutant("route constraint", file, (key,), content[key], new) for new in others)
    drugs = ["cyanocobalamin", "hydroxocobalamin"]
    first = content["subcutaneous-first"]
    yield from (
        Mutant(
            "route constraint", file, ("subcutaneous-first",), first, [d for d in drugs if (d in first) != (d == drug)]
        )
        for drug in drugs
    )
    for old, new in content["pregnancy-swaps"].items():
        yield Mutant("route constraint", file, ("pregnancy-swaps",), {old: new}, {})
    for key, row in content["plans"].items():
        yield from _row(file, ("plans", key), row, regimens)


def _other_comparison(line: dict[str, str]) -> dict[str, str]:
    names = {"unlikely-above": "unlikely-from", "unlikely-from": "unlikely-above"}
    return {names.get(key, key): value for key, value in line.items()}


def _row(file: str, place: Place, row: dict[str, Any], regimens: list[str]) -> Iterator[Mutant]:
    options = row.get("options")
    if options is None:
        new = {"options": [{"regimen": regimens[0]}], "why": "mutant"}
        yield Mutant("row", file, place, row, new)
        if "then-words" in row:
            yield Mutant("row", file, place, row, {"none": row["none"]})
        return
    yield Mutant("row", file, place, row, {"none": "mutant"})
    here = (*place, "options")
    if len(options) > 1:
        yield Mutant("row", file, here, options, options[::-1])
        yield from (Mutant("row", file, here, options, options[:n] + options[n + 1 :]) for n in range(len(options)))
    offered = [option["regimen"] for option in options]
    yield from (
        Mutant("row", file, here, options, [*options, {"regimen": other}]) for other in regimens if other not in offered
    )
    for n, option in enumerate(options):
        for other in regimens:
            if other not in offered:
                changed = [*options[:n], {**option, "regimen": other}, *options[n + 1 :]]
                yield Mutant("row", file, here, options, changed)
        for key in ("then", "only-if"):
            if key in option:
                yield Mutant(f"row, {key} taken away", file, (*here, n, key), option[key], None)


def _regimens(folder: Path, file: str) -> Iterator[Mutant]:
    for place, line in enumerate(_read(folder, file)["regimens"]):
        here: Place = ("regimens", place)
        yield from _routes(file, here, line["routes"])
        if line.get("off-label"):
            yield Mutant("route constraint taken away", file, (*here, "off-label"), line["off-label"], None)
        other = "cyanocobalamin" if line["drug"] == "hydroxocobalamin" else "hydroxocobalamin"
        yield Mutant("drug", file, (*here, "drug"), line["drug"], other)
        for number, step in enumerate(line["steps"]):
            yield from _step(file, (*here, "steps", number), step)
        steps = line["steps"]
        yield from (
            Mutant("step", file, (*here, "steps"), "all", steps[:n] + steps[n + 1 :])
            for n in range(len(steps))
            if len(steps) > 1
        )


def _routes(file: str, here: Place, routes: list[str]) -> Iterator[Mutant]:
    known = ["intramuscular", "subcutaneous", "oral", "nasal"]
    for route in known:
        changed = [r for r in routes if r != route] if route in routes else [*routes, route]
        if changed:
            yield Mutant("route constraint", file, (*here, "routes"), routes, changed)
    if len(routes) > 1:
        yield Mutant("route constraint", file, (*here, "routes"), routes, routes[::-1])


def _step(file: str, here: Place, step: dict[str, Any]) -> Iterator[Mutant]:
    dose, timing = step["dose"], step["timing"]
    for end in ("low", "high"):
        if dose[end] is not None:
            yield from (Mutant("dose", file, (*here, "dose", end), dose[end], new) for new in _nudged(dose[end]))
    yield Mutant("dose", file, (*here, "dose", "unit"), dose["unit"], "ug" if dose["unit"] == "mg" else "mg")
    for key, value in timing.items():
        if key == "unit":
            yield from (
                Mutant("period", file, (*here, "timing", key), value, u) for u in ("d", "wk", "mo") if u != value
            )
            continue
        kind = "count" if key.startswith("count") else "period"
        yield from (Mutant(kind, file, (*here, "timing", key), value, new) for new in _nudged(value))
        if key not in ("frequency", "period"):
            yield Mutant(f"{kind} taken away", file, (*here, "timing", key), value, None)
    phase = "maintenance" if step["phase"] == "repletion" else "repletion"
    yield Mutant("phase", file, (*here, "phase"), step["phase"], phase)
    for key in ("begins-if", "ends-when", "review-weeks"):
        if key in step:
            yield Mutant(f"{key} taken away", file, (*here, key), step[key], None)
    if "review-weeks" in step:
        value = step["review-weeks"]["value"]
        yield from (Mutant("period", file, (*here, "review-weeks", "value"), value, new) for new in _nudged(value))


def _products(folder: Path, file: str) -> Iterator[Mutant]:
    for place, line in enumerate(_read(folder, file)["products"]):
        here: Place = ("products", place)
        yield from _routes(file, here, line["routes"])
        for key in ("strength", "per"):
            value = line[key]["value"]
            yield from (Mutant("strength", file, (*here, key, "value"), value, new) for new in _nudged(value))
        if "up-to" in line:
            value = line["up-to"]["value"]
            yield from (Mutant("count", file, (*here, "up-to", "value"), value, new) for new in _nudged(value))


def _drugs(folder: Path) -> Iterator[Mutant]:
    for place, line in enumerate(_read(folder, "drugs.yaml")["drugs"]):
        value = line["not-with-leber"]
        yield Mutant("route constraint", "drugs.yaml", ("drugs", place, "not-with-leber"), value, not value)


def _cause(folder: Path, file: str) -> Iterator[Mutant]:
    content = _read(folder, file)
    others = {"mechanism": ("malabsorption", "undetermined"), "duration": ("lifelong", "until-review")}
    for key, values in others.items():
        new = next(value for value in values if value != content[key])
        yield Mutant("cause", file, (key,), content[key], new)
    for key in ("prevention", "extent-unknown", "antibody-workup"):
        value = content.get(key, False)
        yield Mutant("cause", file, (key,), value, not value)
    if content.get("duration-with-neurology"):
        yield Mutant("cause", file, ("duration-with-neurology",), content["duration-with-neurology"], None)
    for place, medicine in enumerate(content.get("medicines") or ()):
        here: Place = ("medicines", place, "longer-than-months")
        value = medicine["longer-than-months"]
        changed = _nudged(value) if value is not None else iter((1,))
        yield from (Mutant("limit", file, here, value, new) for new in changed)
