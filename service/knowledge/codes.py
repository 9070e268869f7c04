"""From codes in mappings to the index the reader uses: one code has one name and one meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.domain.index import CodeIndex, RouteIndex, Test, TestCode
from service.domain.record import Concept
from service.domain.terms import Role, Route
from service.knowledge import schema as shape
from service.knowledge.check_digits import well_formed
from service.knowledge.files import Read
from service.ucum import is_unit

if TYPE_CHECKING:
    from service.knowledge.load import Shelf

_DMD = shape.SYSTEMS["dmd"]
#: Systems whose codes without a strength are ingredients.
_INGREDIENTS = frozenset({"rx", "atc"})


@dataclass(frozen=True, slots=True)
class _Names:
    """What codes are taken, which may be emitted, and where codes can have been seen."""

    taken: dict[tuple[str, str], str]
    emittable: dict[tuple[str, str], str]
    seen: set[str]


_Place = tuple[Read[shape.Strict], tuple[str | int, ...]]


def index_of(shelf: Shelf, site: Read[shape.SiteCodesFile] | None) -> CodeIndex:
    """Return the index of every code; raises KnowledgeError where a code is malformed or stands twice."""
    seen = {place.id for place in shelf.sources.content.codes}
    names = _Names({}, {}, seen)
    concepts: dict[tuple[str, str], Concept] = {}
    by_id: dict[str, Concept] = {}
    below: list[tuple[str, str, Concept]] = []
    words: list[tuple[str, Concept]] = []
    ingredients: dict[str, Concept] = {}
    for (file, path), line, concept in _concepts(shelf.findings, shelf.causes):
        if concept.id in by_id:
            raise file.error(path, f"the finding {concept.id} stands twice")
        by_id[concept.id] = concept
        for place, code in enumerate(line.codes):
            key = _key(file, (*path, "codes", place), code, names)
            concepts[key] = _with_form(concept, code)
            if (name := _ingredient(code, concept)) is not None:
                ingredients[name] = concept
        if isinstance(line, shape.FindingLine):
            below += [(shape.SYSTEMS[b.system], b.code, concept) for b in line.below]
            words += [(word.lower(), concept) for word in line.words]
    tests = dict(_tests(shelf.analytes, names))
    if site is not None:
        _add_site_codes(site, concepts, tests, by_id)
    undotted = {
        (system, code.replace(".", "")): concept
        for (system, code), concept in concepts.items()
        if "icd-10" in system and "." in code
    }
    # dm+d products are also written under SNOMED CT, of which dm+d is the UK extension.
    as_snomed = {
        (shape.SYSTEMS["sct"], code): concept for (system, code), concept in concepts.items() if system == _DMD
    }
    aliases = shelf.units.content.aliases
    for written, ucum in aliases.items():
        _must_be_ucum(shelf.units, ("aliases", written), ucum)
    return CodeIndex(
        concepts={**undotted, **as_snomed, **concepts},
        below=tuple(below),
        words=tuple(words),
        tests=tests,
        aliases=aliases,
        emittable=names.emittable,
        routes=_routes(shelf.routes, names),
        ingredients=_by_first_word(ingredients),
    )


def _routes(file: Read[shape.RoutesFile], names: _Names) -> RouteIndex:
    forms: dict[tuple[str, str], str] = {}
    coding: dict[Route, tuple[str, str, str]] = {}
    words: list[tuple[str, str]] = []
    for place, line in enumerate(file.content.routes):
        for number, code in enumerate(line.codes):
            key = _key(file, ("routes", place, "codes", number), code, names)
            forms[key] = line.form
            if code.trust == "verified":
                coding[line.route] = (*key, code.display)
        words += [(word, line.form) for word in line.words]
    content = file.content
    for route in Route:
        if route not in {line.route for line in content.routes}:
            raise file.error(("routes",), f"the route {route} is missing")
    return RouteIndex(
        forms=forms,
        words=tuple(words),
        coding=coding,
        local_words=tuple(content.local_words),
        positive_words=tuple(content.positive_words),
        negative_words=tuple(content.negative_words),
    )


def _concepts(
    findings: Iterable[Read[shape.FindingsFile]], causes: Iterable[Read[shape.CauseFile]]
) -> Iterator[tuple[_Place, shape.FindingLine | shape.MedicineLine, Concept]]:
    for file in findings:
        for place, line in enumerate(file.content.findings):
            roles = frozenset(line.roles)
            yield (file, ("findings", place)), line, Concept(line.id, line.title, roles, None, line.certainty)
    for cause in causes:
        name = cause.content.id
        for place, line in enumerate(cause.content.findings):
            concept = Concept(line.id, line.title, frozenset(line.roles), name, line.certainty)
            yield (cause, ("findings", place)), line, concept
        for place, medicine in enumerate(cause.content.medicines):
            concept = Concept(medicine.id, medicine.title, frozenset({Role.RISK}), name)
            yield (cause, ("medicines", place)), medicine, concept


def _ingredient(code: shape.CodeLine, concept: Concept) -> str | None:
    """Return the name of the ingredient that a code stands for, or None when it stands for a product or a group.

    Cobalamins are known by code only: which of them, how strong and by which route decides what may be given.
    """
    name = code.display.lower()
    named = code.system in _INGREDIENTS and Role.COBALAMIN not in concept.roles
    return name if named and name.replace(" ", "").isalpha() else None


def _by_first_word(ingredients: Mapping[str, Concept]) -> dict[str, tuple[tuple[str, Concept], ...]]:
    found: dict[str, tuple[tuple[str, Concept], ...]] = {}
    for name, concept in ingredients.items():
        first = name.partition(" ")[0]
        found[first] = (*found.get(first, ()), (name, concept))
    return found


def _with_form(concept: Concept, code: shape.CodeLine) -> Concept:
    return Concept(concept.id, concept.title, concept.roles, concept.cause, concept.certainty, code.form, code.trust)


def _key(
    file: Read[shape.Strict],
    path: tuple[str | int, ...],
    code: shape.CodeLine,
    names: _Names,
) -> tuple[str, str]:
    problem = well_formed(code.system, code.code)
    if problem is not None:
        raise file.error(path, f"{code.system} {code.code}: {problem}")
    if code.seen not in names.seen:
        raise file.error(path, f"{code.seen} is not in sources.yaml under codes")
    key = (shape.SYSTEMS[code.system], code.code)
    if key in names.taken:
        raise file.error(
            path, f"{code.system} {code.code} stands here and as {names.taken[key]!r}: one code has one name"
        )
    names.taken[key] = code.display
    if code.trust == "verified":
        names.emittable[key] = code.display
    return key


def _tests(analytes: Read[shape.AnalytesFile], names: _Names) -> Iterator[tuple[tuple[str, str], TestCode]]:
    known: set[str] = set()
    for place, line in enumerate(analytes.content.analytes):
        path = ("analytes", place)
        if line.id in known:
            raise analytes.error(path, f"the test {line.id} stands twice")
        known.add(line.id)
        plausible = line.plausible.ranges() if line.plausible else {}
        bridges = {bridge.from_: (bridge.to, bridge.factor) for bridge in line.bridges}
        test = Test(line.id, line.title, line.units, plausible, bridges)
        for unit in {*line.units.values(), *plausible, *bridges}:
            _must_be_ucum(analytes, path, unit)
        for number, bridge in enumerate(line.bridges):
            if bridge.to not in line.units.values():
                raise analytes.error((*path, "bridges", number), f"to is one of: {', '.join(line.units.values())}")
        for number, code in enumerate(line.codes):
            key = _key(analytes, (*path, "codes", number), code, names)
            if code.property is None or code.property not in line.units:
                raise analytes.error((*path, "codes", number), f"property is one of: {', '.join(line.units)}")
            yield key, TestCode(test, code.property)


def _must_be_ucum(file: Read[shape.Strict], path: tuple[str | int, ...], unit: str) -> None:
    if not is_unit(unit):
        raise file.error(path, f"{unit} is not a UCUM unit")


def _add_site_codes(
    site: Read[shape.SiteCodesFile],
    concepts: dict[tuple[str, str], Concept],
    tests: dict[tuple[str, str], TestCode],
    by_id: dict[str, Concept],
) -> None:
    """Add a site's own codes: each says which shipped finding or test it is."""
    by_analyte = {code.test.analyte.value: code.test for code in tests.values()}
    for place, line in enumerate(site.content.codes):
        path = ("codes", place)
        key = (line.system, line.code)
        if key in concepts or key in tests:
            raise site.error(path, f"{line.system} {line.code} is already known: a site adds codes, it changes none")
        if line.finding is not None and line.finding in by_id:
            concepts[key] = by_id[line.finding]
        elif line.test is not None and line.test in by_analyte:
            test = by_analyte[line.test]
            if line.property not in test.units:
                raise site.error(path, f"property is one of: {', '.join(test.units)}")
            tests[key] = TestCode(test, line.property)
        else:
            raise site.error(
                path, "name a finding (`finding:`) or a test (`test:` and `property:`) of the shipped mappings"
            )
