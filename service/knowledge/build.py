"""From mapping files to the Book: every reference resolved, every citation found, no row missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from service.domain.attribute import BY_RULE
from service.domain.cause import Cause, Ingredient
from service.domain.index import CodeIndex
from service.domain.protocol import (
    Book,
    Choice,
    Conflict,
    Drug,
    Investigation,
    Limits,
    Lines,
    Product,
    Protocol,
    Regimen,
    Row,
    Source,
    Step,
    Timing,
    Wording,
)
from service.domain.recommend import ROWS
from service.domain.terms import Amount, Citation
from service.knowledge import schema as shape
from service.knowledge.files import Read
from service.ucum import is_unit

if TYPE_CHECKING:
    from service.knowledge.load import Shelf

_UNITS = {"months": "mo", "weeks": "wk", "days": "d", "ml": "mL", "age-minimum": "a"}
#: The occasions on which a card needs a sentence of its own.
PHRASES = (
    "neurology-without-plan",
    "tablets-replaced",
    "why-leber",
    "why-adherence",
    "why-moved",
    "why-bridge",
    "off-label",
    "immeasurable",
    "unsafe-leber",
    "unsafe-allergy",
)
_WHOLE = frozenset(name for name, kind in Limits.__annotations__.items() if kind == "int")


def book_of(shelf: Shelf, index: CodeIndex, version: str) -> Book:
    """Return the Book; raises KnowledgeError for a reference that leads nowhere."""
    _each_once(shelf)
    compared = _compared_in(shelf.analytes.content)
    sources = {s.id: Source(s.id, s.title, s.publisher, s.url) for s in shelf.sources.content.sources}
    for read, path, cite in _citations(shelf):
        if cite.source not in sources:
            raise read.error(path, f"the source {cite.source} is not in sources.yaml")
    drugs = {d.id: Drug(d.id, d.title, d.not_with_leber) for d in shelf.drugs.content.drugs}
    regimens = _regimens(shelf.regimens, drugs)
    lists = {f.content.id: tuple(_products(f, index, drugs)) for f in shelf.products}
    causes = _causes(shelf.causes)
    protocols = {
        file.content.id: _Protocols(shelf.common, regimens, lists, drugs, compared).build(file)
        for file in shelf.protocols
    }
    return Book(
        version=version,
        protocols=MappingProxyType(protocols),
        causes=MappingProxyType(causes),
        drugs=MappingProxyType(drugs),
        conflicts=tuple(_conflicts(shelf.conflicts, protocols, causes)),
        investigations=tuple(_investigations(shelf.investigations, index)),
        sources=MappingProxyType(sources),
        wording=_wording(shelf.wording, index),
        tests=tuple({code.test.analyte: code.test for code in index.tests.values()}.values()),
        routes=index.routes.coding,
    )


def _each_once(shelf: Shelf) -> None:
    """Refuse an id that stands twice: the later line would silently take the place of the earlier."""
    single: list[tuple[Read[shape.Strict], str, list[str]]] = [
        (shelf.sources, "sources", [line.id for line in shelf.sources.content.sources]),
        (shelf.sources, "codes", [line.id for line in shelf.sources.content.codes]),
        (shelf.drugs, "drugs", [line.id for line in shelf.drugs.content.drugs]),
        (shelf.conflicts, "conflicts", [line.id for line in shelf.conflicts.content.conflicts]),
        (shelf.investigations, "investigations", [line.id for line in shelf.investigations.content.investigations]),
        *((file, "products", [line.id for line in file.content.products]) for file in shelf.products),
    ]
    for file, key, ids in single:
        for place, name in enumerate(ids):
            if name in ids[:place]:
                raise file.error((key, place), f"{name} stands twice: keep one")
    named: list[tuple[Read[shape.Strict], str]] = [(file, file.content.id) for file in shelf.protocols]
    named += [(file, file.content.id) for file in shelf.products]
    for file, name in named:
        if name != file.document.file.stem:
            raise file.error(("id",), f"the file of {name} is called {name}.yaml")


def _compared_in(analytes: shape.AnalytesFile) -> dict[str, frozenset[str]]:
    """Return the units each test is compared in: not those that a bridge leads away from."""
    return {
        line.id.value: frozenset(line.units.values()) - {bridge.from_ for bridge in line.bridges}
        for line in analytes.analytes
    }


def _citations(shelf: Shelf) -> Iterator[tuple[Read[shape.Strict], tuple[str | int, ...], shape.Cite]]:
    """Yield every citation of every file with its place."""
    single = (shelf.drugs, shelf.common, shelf.analytes, shelf.wording)
    for read in (*single, *shelf.causes, *shelf.regimens, *shelf.products, *shelf.protocols):
        yield from _cites_in(read, read.document.value, ())


def _cites_in(
    read: Read[shape.Strict], value: object, path: tuple[str | int, ...]
) -> Iterator[tuple[Read[shape.Strict], tuple[str | int, ...], shape.Cite]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if key == "cite":
                yield read, (*path, key), shape.Cite.model_validate(child)
            else:
                yield from _cites_in(read, child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from _cites_in(read, child, (*path, place))


def citation(cite: shape.Cite) -> Citation:
    """Return a citation as the domain carries it."""
    return Citation(cite.source, cite.letter, cite.locator)


def _regimens(files: Iterable[Read[shape.RegimensFile]], drugs: Mapping[str, Drug]) -> dict[str, Regimen]:
    found: dict[str, Regimen] = {}
    for file in files:
        for place, line in enumerate(file.content.regimens):
            path = ("regimens", place)
            if line.id in found:
                raise file.error(path, f"the regimen {line.id} stands twice")
            if line.drug not in drugs:
                raise file.error((*path, "drug"), f"{line.drug} is not in drugs.yaml; known: {', '.join(drugs)}")
            found[line.id] = Regimen(
                id=line.id,
                title=line.title,
                drug=line.drug,
                routes=tuple(line.routes),
                steps=tuple(_step(step) for step in line.steps),
                cite=citation(line.cite),
                off_label=tuple(line.off_label),
            )
    return found


def _step(line: shape.StepLine) -> Step:
    timing = line.timing
    return Step(
        phase=line.phase,
        low=line.dose.low,
        high=line.dose.high,
        unit=line.dose.unit,
        timing=Timing(
            frequency=timing.frequency,
            period=timing.period,
            unit=timing.unit,
            period_max=timing.period_max,
            count=timing.count,
            count_max=timing.count_max,
            weeks=timing.weeks,
            weeks_max=timing.weeks_max,
        ),
        text=line.text,
        cite=citation(line.cite),
        begins_if=line.begins_if,
        ends_when=line.ends_when,
        review_weeks=line.review_weeks.value if line.review_weeks else None,
    )


def _products(file: Read[shape.ProductsFile], index: CodeIndex, drugs: Mapping[str, Drug]) -> Iterator[Product]:
    for place, line in enumerate(file.content.products):
        path = ("products", place)
        if not is_unit(line.per.unit):
            raise file.error((*path, "per", "unit"), f"{line.per.unit} is not a UCUM unit")
        if line.drug not in drugs:
            raise file.error((*path, "drug"), f"{line.drug} is not in drugs.yaml; known: {', '.join(drugs)}")
        yield Product(
            id=line.id,
            drug=line.drug,
            text=line.text,
            codings=tuple(_coding(file, path, code, index) for code in line.codes),
            routes=tuple(line.routes),
            strength=Amount(line.strength.value, line.strength.unit),
            per=Amount(line.per.value, line.per.unit),
            unit_one=line.unit.one,
            unit_many=line.unit.many,
            up_to=line.up_to.value if line.up_to else None,
        )


def _coding(
    file: Read[shape.Strict], path: tuple[str | int, ...], code: shape.CodeRef, index: CodeIndex
) -> tuple[str, str, str]:
    key = (shape.SYSTEMS[code.system], code.code)
    display = index.emittable.get(key)
    if display is None:
        raise file.error(path, f"{code.system} {code.code} is not a verified code of findings: it cannot be emitted")
    return (*key, display)


def _causes(files: Iterable[Read[shape.CauseFile]]) -> dict[str, Cause]:
    found: dict[str, Cause] = {}
    for file in files:
        line = file.content
        if line.id != file.document.file.stem:
            raise file.error(("id",), f"the file of the cause {line.id} is called {line.id}.yaml")
        found[line.id] = Cause(
            id=line.id,
            title=line.title,
            mechanism=line.mechanism,
            duration=line.duration,
            cite=citation(line.cite),
            duration_with_neurology=line.duration_with_neurology,
            prevention=line.prevention,
            extent_unknown=line.extent_unknown,
            antibody_workup=line.antibody_workup,
            ask=line.ask,
            limitation=line.limitation,
            treat=line.treat,
            replaces=frozenset(line.replaces),
            ingredients=tuple(Ingredient(m.id, m.longer_than_months, citation(m.cite)) for m in line.medicines),
        )
    for file in files:
        for other in file.content.replaces:
            if other not in found:
                raise file.error(("replaces",), f"there is no cause {other}")
    for cause in BY_RULE:
        if cause not in found:
            raise next(iter(files)).error((), f"the rules need a cause called {cause}: causes/{cause}.yaml")
    return found


class _Protocols:
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


def _conflicts(
    file: Read[shape.ConflictsFile], protocols: Mapping[str, Protocol], causes: Mapping[str, Cause]
) -> Iterator[Conflict]:
    for place, line in enumerate(file.content.conflicts):
        path = ("conflicts", place)
        for name in line.positions:
            if name not in protocols:
                raise file.error((*path, "positions", name), f"there is no protocol {name}")
        for name in line.when.causes:
            if name not in causes:
                raise file.error((*path, "when", "causes"), f"there is no cause {name}")
        yield Conflict(
            id=line.id,
            topic=line.topic,
            positions=MappingProxyType(dict(line.positions)),
            mechanisms=frozenset(line.when.mechanisms),
            causes=frozenset(line.when.causes),
            modifiers=frozenset(m.value for m in line.when.modifiers),
            on_injections=line.when.on_injections,
            band_differs=line.when.band_differs,
        )


def _investigations(file: Read[shape.InvestigationsFile], index: CodeIndex) -> Iterator[Investigation]:
    for place, line in enumerate(file.content.investigations):
        path = ("investigations", place)
        coding = _coding(file, path, line.code, index) if line.code else None
        yield Investigation(line.id, line.title, coding, tuple(line.analytes), frozenset(line.notices))


def _wording(file: Read[shape.WordingFile], index: CodeIndex) -> Wording:
    content = file.content
    reasons = content.override_reasons
    for name in PHRASES:
        if name not in content.phrases:
            raise file.error(("phrases",), f"the cards need a phrase called {name}")
    return Wording(
        topic=_coding(file, ("topic",), content.topic, index),
        reasons=tuple((reasons.system, reason.code, reason.display) for reason in reasons.codes),
        sentences=MappingProxyType({notice.value: line.says for notice, line in content.notices.items()}),
        rules=MappingProxyType({rule: line.says for rule, line in content.rules.items()}),
        phrases=MappingProxyType({name: content.phrases[name].says for name in PHRASES}),
    )
