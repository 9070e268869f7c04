"""One protocol put together: its own file, the limits all share, regimens and products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType

from service.domain.protocol import Choice, Drug, Limits, Lines, Product, Protocol, Regimen, Row
from service.domain.recommend import ROWS
from service.domain.screening import Screening
from service.domain.terms import Analyte, Citation
from service.knowledge import schema as shape
from service.knowledge.files import Place, Read
from service.knowledge.nearest import meant, unknown
from service.knowledge.over_time import over_time
from service.knowledge.safety import loosened
from service.knowledge.signing import sign_off

_UNITS = {
    "months": "mo",
    "weeks": "wk",
    "days": "d",
    "ml": "mL",
    "age-minimum": "a",
    "antidote-dose": "ug",
    "dose-slip-factor": "1",
}
_WHOLE = frozenset(name for name, kind in Limits.__annotations__.items() if kind == "int")


def citation(cite: shape.Cite) -> Citation:
    """Return a citation as the domain carries it."""
    return Citation(cite.source, cite.letter, cite.locator)


def screening_of(line: shape.ScreeningLine) -> Screening:
    """Return whom a protocol tests who was never tested."""
    return Screening(line.needs_symptom, line.age_over, frozenset(line.causes), citation(line.cite))


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
        """Return the protocol of a file; raises KnowledgeError for a name that leads nowhere or an unsafe plan."""
        line = file.content
        if line.extends != "common":
            raise file.error(("extends",), "a shipped protocol extends common")
        if line.products not in self.products:
            near = meant(line.products, self.products)
            raise file.error(("products",), f"no product list {line.products}{near}; known: {', '.join(self.products)}")
        for drug in line.subcutaneous_first:
            if drug not in self.drugs:
                raise file.error(("subcutaneous-first",), f"{drug} is not in drugs.yaml")
        for regimen in line.pregnancy_swaps:
            self._given(file, ("pregnancy-swaps", regimen), regimen)
        for unit in self.common.content.b12_high.lines:
            if unit not in self.compared["b12"]:
                raise self.common.error(("b12-high", "lines", unit), f"{unit} is not a unit B12 is compared in")
        shared, citations = self.limits(self.common, self.common.content.limits)
        own, own_cites = self.limits(file, line.limits)
        for name in shape.LIMITS:
            if name.replace("-", "_") not in shared:
                raise self.common.error(("limits",), f"the limit {name} is missing")
        bands, cites = self.bands(file, line.bands)
        watch = line.monitoring
        made = Protocol(
            id=line.id,
            version=line.version,
            title=line.title,
            publisher=line.publisher,
            url=None,
            cite=citation(line.cite),
            effective_from=line.effective_period.start,
            effective_to=line.effective_period.end,
            reviewer=line.reviewer,
            sign_off=sign_off(file),
            bands=MappingProxyType(dict(bands)),
            b12_high=MappingProxyType(dict(self.common.content.b12_high.lines)),
            limits=Limits(**shared | own),  # type: ignore[arg-type]
            citations=MappingProxyType({**citations, **own_cites, **cites}),
            table=MappingProxyType(dict(self._table(file))),
            products=self.products[line.products],
            bridge=self._given(file, ("bridge",), line.bridge) if line.bridge else None,
            leber=self._given(file, ("leber",), line.leber) if line.leber else None,
            subcutaneous_first=frozenset(line.subcutaneous_first),
            pregnancy_swaps=MappingProxyType(
                {a: self._given(file, ("pregnancy-swaps", a), b) for a, b in line.pregnancy_swaps.items()}
            ),
            monitoring=MappingProxyType(
                {
                    "injected": tuple(watch.injected),
                    "tablets": tuple(watch.tablets),
                    "pregnant": tuple(watch.pregnant),
                    "prevention": tuple(watch.prevention),
                    "autoimmune": tuple(watch.autoimmune),
                    "review of injected": (watch.review.injected,) if watch.review else (),
                    "review of tablets": (watch.review.tablets,) if watch.review else (),
                }
            ),
            response=watch.response,
            shorter=MappingProxyType(dict(watch.shorter)),
            screening=screening_of(line.screening),
            **over_time(file, self.drugs, self._given),
        )
        for path, problem in loosened(made, self.drugs):
            raise file.error(path, problem)
        return made

    def limits(
        self, read: Read[shape.Strict], lines: Mapping[str, shape.LimitLine]
    ) -> tuple[dict[str, Decimal | int], dict[str, Citation]]:
        """Return the limits that a file gives, by the names of the fields of Limits; and their citations."""
        values: dict[str, Decimal | int] = {}
        citations: dict[str, Citation] = {}
        for name, line in lines.items():
            if name not in shape.LIMITS:
                hint = f"{meant(name, shape.LIMITS)}; known: {', '.join(shape.LIMITS)}"
                raise read.error(("limits", name), f"no limit is called {name}{hint}")
            values[name.replace("-", "_")] = self._number(read, name, line)
            citations[name] = citation(line.cite)
        return values, citations

    def _number(self, read: Read[shape.Strict], name: str, line: shape.LimitLine) -> Decimal | int:
        wanted = self._unit_of(name)
        if line.unit not in wanted:
            raise read.error(("limits", name), f"{name} is compared in {', '.join(sorted(wanted))}, not in {line.unit}")
        if line.value <= 0:
            raise read.error(("limits", name), f"{name} is more than 0")
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

    def bands(
        self, file: Read[shape.Strict], bands: Mapping[Analyte, shape.BandsLine]
    ) -> tuple[Mapping[Analyte, Mapping[str, Lines]], dict[str, Citation]]:
        """Return where the bands of each test end by unit, and their citations."""
        found = {analyte: MappingProxyType(dict(self._lines(file, analyte, band))) for analyte, band in bands.items()}
        return found, {f"bands.{analyte}": citation(band.cite) for analyte, band in bands.items()}

    def _lines(self, file: Read[shape.Strict], analyte: str, bands: shape.BandsLine) -> Iterator[tuple[str, Lines]]:
        for unit, line in bands.lines.items():
            path = ("bands", analyte, "lines", unit)
            if (line.unlikely_above is None) == (line.unlikely_from is None):
                raise file.error(path, "give either unlikely-above or unlikely-from")
            # pg/mL and ng/L are the same number; the rules compare in ng/L.
            if {"pg/mL", "ng/L"} <= bands.lines.keys():
                raise file.error(path, "pg/mL and ng/L are the same unit: keep one")
            unit = "ng/L" if unit == "pg/mL" else unit
            if unit not in self.compared[analyte]:
                raise file.error(path, f"{analyte} is compared in {', '.join(sorted(self.compared[analyte]))}")
            upper = line.unlikely_above if line.unlikely_above is not None else line.unlikely_from
            if upper is None or upper < line.low_below:
                raise file.error(path, "low must end below where unlikely begins")
            yield unit, Lines(line.low_below, upper, line.unlikely_from is not None)

    def _table(self, file: Read[shape.ProtocolFile]) -> Iterator[tuple[str, Row]]:
        rows = dict(self.rows(file, file.content.plans))
        for key in ROWS:
            if key not in rows:
                raise file.error(("plans",), f"the row {key} is missing: give options or none")
            for place, option in enumerate(file.content.plans[key].options):
                for name in filter(None, (option.regimen, option.then)):
                    self._given(file, ("plans", key, "options", place), name)
            yield key, rows[key]

    def rows(self, file: Read[shape.Strict], plans: Mapping[str, shape.PlanLine]) -> Iterator[tuple[str, Row]]:
        """Yield the rows of the table of plans that a file gives."""
        for key, line in plans.items():
            if key not in ROWS:
                hint = f"{meant(key, ROWS)}; the rows are: {', '.join(ROWS)}"
                raise file.error(("plans", key), f"no row is called {key}{hint}")
            if bool(line.options) == bool(line.none):
                raise file.error(("plans", key), "give either options or none")
            choices = tuple(
                Choice(
                    self.regimen(file, ("plans", key, "options", place), option.regimen),
                    self.regimen(file, ("plans", key, "options", place), option.then) if option.then else None,
                    option.only_if == "extent-unknown",
                )
                for place, option in enumerate(line.options)
            )
            if choices and line.why is None:
                raise file.error(("plans", key), "say why: one short sentence for the card")
            yield key, Row(choices, line.none, line.why, line.then_words)

    def regimen(self, file: Read[shape.Strict], path: Place, name: str) -> Regimen:
        """Return a regimen by its id; raises KnowledgeError, naming those there are."""
        if name not in self.regimens:
            raise file.error(path, unknown("regimen", name, self.regimens))
        return self.regimens[name]

    def _given(self, file: Read[shape.ProtocolFile], path: Place, name: str) -> Regimen:
        """Return a regimen that a product of the protocol's list gives."""
        found, products = self.regimen(file, path, name), file.content.products
        if not any(p.drug == found.drug and found.routes[0] in p.routes for p in self.products[products]):
            raise file.error(path, f"{name}: no product of {products} gives {found.drug} {found.routes[0]}")
        return found
