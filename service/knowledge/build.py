"""From mapping files to the Book: every reference resolved, every citation found, no row missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from service.domain.attribute import BY_RULE
from service.domain.cause import Cause, Ingredient
from service.domain.faults import Kind
from service.domain.index import CodeIndex
from service.domain.protocol import (
    Book,
    Drug,
    Investigation,
    Product,
    Regimen,
    Source,
    Step,
    Timing,
    Wording,
)
from service.knowledge import schema as shape
from service.knowledge.calendar import calendar_of
from service.knowledge.disputes import conflicts_of
from service.knowledge.files import Read
from service.knowledge.local import local_protocol
from service.knowledge.nearest import meant, unknown
from service.knowledge.protocols import ProtocolShelf, citation
from service.knowledge.quieting import quieting_of
from service.knowledge.stock import Stock, product_of

if TYPE_CHECKING:
    from service.knowledge.load import Shelf

#: The occasions on which a card needs a sentence of its own.
PHRASES = (
    "neurology-without-plan",
    "tablets-replaced",
    "why-leber",
    "why-adherence",
    "why-not-enough",
    "why-moved",
    "active-b12-kidneys",
    "why-bridge",
    "off-label",
    "immeasurable",
    "unsafe-leber",
    "unsafe-allergy",
    "b12-without-line",
    "renal-injection",
    "assay-biotin",
    "allergy-test-dose",
    "allergy-excipient",
    "preservative-free",
    "antibody-again",
    "side-by-side",
    "overdue",
    "too-rare",
    "too-often",
    "antidote-given",
    "dose-slip",
    "given-lately",
    "last-on-record",
    "allergy-in-words",
    "review-passed",
    "homocysteine-confounded",
    "lowers-folate",
    "kidney-counted",
    "kidney-creatinine",
    "pregnancy-old",
    "pregnancy-test",
    *(f"draft-{kind.value}" for kind in Kind),
    "draft-without-id",
    "refill-monitoring",
    "refill-offer",
    "refill-stop",
)


def book_of(shelf: Shelf, index: CodeIndex, version: str, local: Read[shape.LocalProtocolFile] | None = None) -> Book:
    """Return the Book, with a site's own protocol beside the shipped ones.

    Raises KnowledgeError for a reference that leads nowhere.
    """
    _each_once(shelf)
    compared = _compared_in(shelf.analytes.content)
    sources = {s.id: Source(s.id, s.title, s.publisher, s.url) for s in shelf.sources.content.sources}
    own_sources = _sources_of(local, sources) if local else {}
    for read, path, cite in _citations(shelf):
        if cite.source not in sources:
            near = meant(cite.source, sources)
            raise read.error(path, f"the source {cite.source} is not in sources.yaml{near}")
    drugs = {d.id: Drug(d.id, d.title, d.not_with_leber) for d in shelf.drugs.content.drugs}
    regimens = regimens_of(shelf.regimens, drugs)
    lists = {f.content.id: tuple(_products(f, index, drugs)) for f in shelf.products}
    causes = _causes(shelf.causes)
    parts = ProtocolShelf(shelf.common, regimens, lists, drugs, compared)
    protocols = {file.content.id: parts.build(file) for file in shelf.protocols}
    screened: list[Read[shape.ProtocolFile] | Read[shape.LocalProtocolFile]] = [*shelf.protocols]
    for file in (*screened, local) if local else screened:
        for cause in file.content.screening.causes if file.content.screening else ():
            if cause not in causes:
                raise file.error(("screening", "causes"), unknown("cause", cause, causes))
    conflicts = tuple(conflicts_of(shelf.conflicts, set(protocols), causes, regimens, drugs))
    if local is not None:
        own = regimens_of([local], drugs, taken=regimens)
        with_own = ProtocolShelf(shelf.common, regimens | own, lists, drugs, compared)
        stock = Stock(lists, drugs, lambda file, path, code: _coding(file, path, code, index))
        protocols[local.content.id] = local_protocol(local, protocols, with_own, stock)
    return Book(
        version=version,
        protocols=MappingProxyType(protocols),
        causes=MappingProxyType(causes),
        drugs=MappingProxyType(drugs),
        conflicts=conflicts,
        investigations=tuple(_investigations(shelf.investigations, index)),
        sources=MappingProxyType(sources | own_sources),
        wording=_wording(shelf.wording, index),
        tests=tuple({code.test.analyte: code.test for code in index.tests.values()}.values()),
        routes=index.routes.coding,
        quieting=quieting_of(shelf.quieting, shelf.wording.content.override_reasons),
        calendar=calendar_of(shelf.calendar, shelf.wording.content, protocols.values(), regimens),
    )


def _sources_of(local: Read[shape.LocalProtocolFile], shipped: Mapping[str, Source]) -> dict[str, Source]:
    """Return a site's own sources; every citation of its file must lead to one of them or to a shipped one."""
    found: dict[str, Source] = {}
    for place, line in enumerate(local.content.sources):
        if line.id in shipped or line.id in found:
            raise local.error(("sources", place), f"a source is already called {line.id}: give yours another name")
        found[line.id] = Source(line.id, line.title, line.publisher, line.url)
    for read, path, cite in _cites_in(local, local.document.value, ()):
        if cite.source not in shipped.keys() | found.keys():
            near = meant(cite.source, [*found, *shipped])
            problem = f"the source {cite.source} is neither in this file's sources nor in sources.yaml{near}"
            raise read.error(path, problem)
    return found


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
    single = (shelf.drugs, shelf.common, shelf.analytes, shelf.wording, shelf.conflicts, shelf.quieting, shelf.calendar)
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


def regimens_of(
    files: Iterable[Read[shape.RegimensFile] | Read[shape.LocalProtocolFile]],
    drugs: Mapping[str, Drug],
    taken: Collection[str] = (),
) -> dict[str, Regimen]:
    """Return the regimens of files by id; raises KnowledgeError for one that stands twice or is taken."""
    found: dict[str, Regimen] = {}
    for file in files:
        for place, line in enumerate(file.content.regimens):
            path = ("regimens", place)
            if line.id in found:
                raise file.error(path, f"the regimen {line.id} stands twice")
            if line.id in taken:
                raise file.error(path, f"{line.id} is a shipped regimen: give yours a name of its own")
            if line.drug not in drugs:
                hint = f"{meant(line.drug, drugs)}; known: {', '.join(drugs)}"
                raise file.error((*path, "drug"), f"{line.drug} is not in drugs.yaml{hint}")
            found[line.id] = Regimen(
                id=line.id,
                title=line.title,
                drug=line.drug,
                routes=tuple(line.routes),
                steps=tuple(_step(step) for step in line.steps),
                cite=citation(line.cite),
                off_label=tuple(line.off_label),
                pressing=line.pressing.says if line.pressing else None,
                for_sites=line.for_sites,
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
        codings = tuple(_coding(file, path, code, index) for code in line.codes)
        yield product_of(file, path, line, drugs, codings)


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
            negated_by=tuple(line.negated_by),
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


def _investigations(file: Read[shape.InvestigationsFile], index: CodeIndex) -> Iterator[Investigation]:
    for place, line in enumerate(file.content.investigations):
        path = ("investigations", place)
        coding = _coding(file, path, line.code, index) if line.code else None
        for other in line.after:
            if other not in {each.id for each in file.content.investigations}:
                raise file.error((*path, "after"), f"there is no investigation {other}")
        yield Investigation(
            line.id, line.title, coding, tuple(line.analytes), frozenset(line.notices), tuple(line.after)
        )


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
        cites=MappingProxyType({rule: citation(line.cite) for rule, line in content.status_rules.items()}),
        phrases=MappingProxyType({name: line.says for name, line in content.phrases.items()}),
    )
