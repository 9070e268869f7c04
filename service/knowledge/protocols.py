"""One protocol put together: its own file, the limits all share, regimens and products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from service.domain.protocol import Choice, Drug, Limits, Lines, Product, Protocol, Regimen, Row
from service.domain.recommend import ROWS
from service.domain.terms import Citation
from service.knowledge import schema as shape
from service.knowledge.files import Read

_UNITS = {"months": "mo", "weeks": "wk", "days": "d", "ml": "mL", "age-minimum": "a"}
_WHOLE = frozenset(name for name, kind in Limits.__annotations__.items() if kind == "int")


def citation(cite: shape.Cite) -> Citation:
    """Return a citation as the domain carries it."""
    return Citation(cite.source, cite.letter, cite.locator)


class ProtocolShelf:
    """Puts a protocol together from its file, the common limits, regimens and products."""

    def __init__(
        self,
        common: Read[shape.CommonFile],
        regimens: Mapping[str, Regimen],
        products: Mapping[str, tuple[Product, ...]],
        drugs: Mapping[str, Drug],
        compared: Mapping[str, frozenset[str]],
    ) -> None:
        self.common, self.regimens, self.products, self.drugs = common, regimens, products, drugs
        self.compared = compared

    def build(self, file: Read[shape.ProtocolFile]) -> Protocol:
        line = file.content
        if line.extends != "common":
            raise file.error(("extends",), "a shipped protocol extends common")
        if line.products not in self.products:
            raise file.error(("products",), f"no product list {line.products}; known: {', '.join(self.products)}")
        for drug in line.subcutaneous_first:
            if drug not in self.drugs:
                raise file.error(("subcutaneous-first",), f"{drug} is not in drugs.yaml")
        for regimen in line.pregnancy_swaps:
            self._regimen(file, ("pregnancy-swaps", regimen), regimen)
        for unit in self.common.content.b12_high.lines:
            if unit not in self.compared["b12"]:
                raise self.common.error(("b12-high", "lines", unit), f"{unit} is not a unit B12 is compared in")
        limits, citations = self._limits(file)
        bands = {
            analyte: MappingProxyType(dict(self._lines(file, analyte, band))) for analyte, band in line.bands.items()
        }
        citations |= {f"bands.{analyte}": citation(band.cite) for analyte, band in line.bands.items()}
        watch = line.monitoring
        return Protocol(
            id=line.id,
            version=line.version,
            title=line.title,
            publisher=line.publisher,
            url=None,
            cite=citation(line.cite),
            effective_from=line.effective_period.start,
            effective_to=line.effective_period.end,
            reviewer=line.reviewer,
            bands=MappingProxyType(bands),
            b12_high=MappingProxyType(dict(self.common.content.b12_high.lines)),
            limits=limits,
            citations=MappingProxyType(citations),
            table=MappingProxyType(dict(self._table(file))),
            products=self.products[line.products],
            bridge=self._regimen(file, ("bridge",), line.bridge) if line.bridge else None,
            leber=self._regimen(file, ("leber",), line.leber) if line.leber else None,
            subcutaneous_first=frozenset(line.subcutaneous_first),
            pregnancy_swaps=MappingProxyType(
                {a: self._regimen(file, ("pregnancy-swaps", a), b) for a, b in line.pregnancy_swaps.items()}
            ),
            monitoring=MappingProxyType(
                {
                    "injected": tuple(watch.injected),
                    "tablets": tuple(watch.tablets),
                    "pregnant": tuple(watch.pregnant),
                    "prevention": tuple(watch.prevention),
                }
            ),
            response=watch.response,
            shorter=MappingProxyType(dict(watch.shorter)),
        )

    def _limits(self, file: Read[shape.ProtocolFile]) -> tuple[Limits, dict[str, Citation]]:
        values: dict[str, Decimal | int] = {}
        citations: dict[str, Citation] = {}
        places: list[tuple[Read[shape.Strict], Mapping[str, shape.LimitLine]]] = [
            (self.common, self.common.content.limits),
            (file, file.content.limits),
        ]
        for read, lines in places:
            for name, line in lines.items():
                if name not in shape.LIMITS:
                    raise read.error(("limits", name), f"no limit is called {name}; known: {', '.join(shape.LIMITS)}")
                values[name.replace("-", "_")] = self._number(read, name, line)
                citations[name] = citation(line.cite)
        for name in shape.LIMITS:
            if name.replace("-", "_") not in values:
                raise self.common.error(("limits",), f"the limit {name} is missing")
        return Limits(**values), citations  # type: ignore[arg-type]

    def _number(self, read: Read[shape.Strict], name: str, line: shape.LimitLine) -> Decimal | int:
        wanted = self._unit_of(name)
        if line.unit not in wanted:
            raise read.error(("limits", name), f"{name} is compared in {', '.join(sorted(wanted))}, not in {line.unit}")
        if name.replace("-", "_") not in _WHOLE:
            return line.value
        if line.value != line.value.to_integral_value():
            raise read.error(("limits", name), f"{name} is a whole number")
        return int(line.value)

    def _unit_of(self, name: str) -> frozenset[str]:
        """Return the unit the rules compare a limit in: of time by its last word, else of the test it names."""
        last = name.split("-")[-1]
        if last in _UNITS or name in _UNITS:
            return frozenset({_UNITS.get(name) or _UNITS[last]})
        if name.startswith("review-months"):
            return frozenset({_UNITS["months"]})
        return next(units for analyte, units in self.compared.items() if analyte in name)

    def _lines(
        self, file: Read[shape.ProtocolFile], analyte: str, bands: shape.BandsLine
    ) -> Iterator[tuple[str, Lines]]:
        for unit, line in bands.lines.items():
            path = ("bands", analyte, "lines", unit)
            if (line.unlikely_above is None) == (line.unlikely_from is None):
                raise file.error(path, "give either unlikely-above or unlikely-from")
            # pg/mL and ng/L are the same number; the rules compare in ng/L.
            unit = "ng/L" if unit == "pg/mL" else unit
            if unit not in self.compared[analyte]:
                raise file.error(path, f"{analyte} is compared in {', '.join(sorted(self.compared[analyte]))}")
            upper = line.unlikely_above if line.unlikely_above is not None else line.unlikely_from
            if upper is None or upper < line.low_below:
                raise file.error(path, "low must end below where unlikely begins")
            yield unit, Lines(line.low_below, upper, line.unlikely_from is not None)

    def _table(self, file: Read[shape.ProtocolFile]) -> Iterator[tuple[str, Row]]:
        plans = file.content.plans
        for key in plans:
            if key not in ROWS:
                raise file.error(("plans", key), f"no row is called {key}; the rows are: {', '.join(ROWS)}")
        for key in ROWS:
            if key not in plans:
                raise file.error(("plans",), f"the row {key} is missing: give options or none")
            line = plans[key]
            if bool(line.options) == bool(line.none):
                raise file.error(("plans", key), "give either options or none")
            choices = tuple(
                Choice(
                    self._regimen(file, ("plans", key, "options", place), option.regimen),
                    self._regimen(file, ("plans", key, "options", place), option.then) if option.then else None,
                    option.only_if == "extent-unknown",
                )
                for place, option in enumerate(line.options)
            )
            if choices and line.why is None:
                raise file.error(("plans", key), "say why: one short sentence for the card")
            yield key, Row(choices, line.none, line.why, line.then_words)

    def _regimen(self, file: Read[shape.ProtocolFile], path: tuple[str | int, ...], name: str) -> Regimen:
        if name not in self.regimens:
            raise file.error(path, f"there is no regimen {name}; known: {', '.join(self.regimens)}")
        found, products = self.regimens[name], file.content.products
        if not any(p.drug == found.drug and found.routes[0] in p.routes for p in self.products[products]):
            raise file.error(path, f"{name}: no product of {products} gives {found.drug} {found.routes[0]}")
        return found
