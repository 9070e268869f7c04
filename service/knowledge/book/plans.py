"""What is done: limits, bands, the table of plans, regimens with every dose, products, drugs."""

from __future__ import annotations

from collections.abc import Iterator

from service.domain.situation import ROWS
from service.knowledge import schema as shape
from service.knowledge.book.marks import cited, listed, plain, table
from service.knowledge.load import Shelf

Section = Iterator[str]
_SITE = {None: "may set its own", "fixed": "may not", "not-higher": "only lower", "not-lower": "only higher"}


def limits(shelf: Shelf) -> Section:
    """Yield the numbers the rules compare with, shared by all protocols."""
    content = shelf.common.content
    yield "## Limits that all protocols share"
    yield ""
    yield from table(
        ("limit", "value", "a site", "source"),
        (
            (name, f"{line.value} {plain(line.unit)}", _SITE[line.site], cited(line.cite))
            for name, line in content.limits.items()
        ),
    )
    high = listed(f"{value} {unit}" for unit, value in content.b12_high.lines.items())
    yield f"A B12 is called high above {high}; {cited(content.b12_high.cite)}."
    yield ""


def protocols(shelf: Shelf) -> Section:
    """Yield the protocols, one after the other."""
    yield "## Protocols"
    yield ""
    for file in shelf.protocols:
        yield from _protocol(file.content)


def _protocol(line: shape.ProtocolFile) -> Section:
    period = line.effective_period
    yield f"### {line.id}"
    yield ""
    yield f"{plain(line.title)}, {plain(line.publisher)}; {cited(line.cite)}."
    yield ""
    yield f"- version {line.version}, {line.status}, in force from {period.start} to {period.end or 'further notice'}"
    yield f"- approved: {line.approval_date or 'not said'}; last review: {line.last_review_date or 'not said'}"
    yield f"- reviewed by: {plain(line.reviewer) if line.reviewer else 'nobody yet'}"
    yield f"- products: {line.products}"
    yield f"- with a bleeding risk, first: {_linked(line.bridge) if line.bridge else 'nothing by mouth'}"
    yield f"- with Leber optic neuropathy: {_linked(line.leber) if line.leber else 'the row, without a forbidden drug'}"
    yield f"- anticoagulated, deep under the skin: {listed(line.subcutaneous_first) or 'nothing'}"
    for name, other in line.pregnancy_swaps.items():
        yield f"- in pregnancy and breastfeeding {_linked(other)} takes the place of {_linked(name)}"
    yield ""
    yield from table(
        ("band of", "unit", "low", "unlikely", "source"),
        (
            (analyte.value, plain(unit), f"below {band.low_below}", _upper(band), cited(bands.cite))
            for analyte, bands in line.bands.items()
            for unit, band in bands.lines.items()
        ),
    )
    own = line.limits.items()
    yield from table(("its own limit", "value", "source"), ((n, f"{x.value} {x.unit}", cited(x.cite)) for n, x in own))
    plans = ((key, _plan(line.plans[key]), plain(line.plans[key].why or "")) for key in ROWS)
    yield from table(("row", "options, the recommended first", "why"), plans)
    yield from _screening(line.screening)
    yield from _monitoring(line.monitoring)
    yield from _stable(line.stable)


def _upper(band: shape.BandLine) -> str:
    return f"above {band.unlikely_above}" if band.unlikely_above is not None else f"from {band.unlikely_from}"


def _plan(row: shape.PlanLine) -> str:
    if row.none is not None:
        then = f"; {plain(row.then_words)}" if row.then_words else ""
        return f"none: {plain(row.none)}{then}"
    return "; ".join(_option(option) for option in row.options)


def _option(option: shape.OptionLine) -> str:
    then = f", then {_linked(option.then)}" if option.then else ""
    return f"{_linked(option.regimen)}{then}{', if the extent is unknown' if option.only_if else ''}"


def _linked(regimen: str) -> str:
    return f"[{regimen}](#{regimen.lower()})"


def _screening(rule: shape.ScreeningLine) -> Section:
    alone = [f"age over {rule.age_over}"] if rule.age_over is not None else []
    risks = listed([*alone, *rule.causes])
    or_alone = "" if rule.needs_symptom else f", or alone {risks}"
    yield f"Tested, if never tested: a symptom beside a risk{or_alone}; {cited(rule.cite)}."
    yield ""


def _monitoring(watch: shape.MonitoringLine) -> Section:
    yield f"Watched, by {cited(watch.cite)}:"
    yield ""
    for name in ("injected", "tablets", "pregnant", "prevention"):
        yield f"- {name}: {'; '.join(plain(words) for words in getattr(watch, name))}"
    for drug, words in watch.shorter.items():
        yield f"- interval of {drug}: {plain(words)}"
    yield f"- response: {plain(watch.response)}"
    if watch.autoimmune:
        yield f"- with autoimmune gastritis: {'; '.join(plain(words) for words in watch.autoimmune)}"
    if watch.review is not None:
        yield f"- at each review, injected: {plain(watch.review.injected)}"
        yield f"- at each review, tablets: {plain(watch.review.tablets)}"
    if watch.reticulocytes is not None:
        marrow = watch.reticulocytes
        wanted = f"at least {marrow.times_normal} times normal from day {marrow.from_day}"
        low = f"while the haematocrit is under {marrow.haematocrit_below} %"
        yield f"- reticulocytes: {wanted}, {low}; {cited(marrow.cite)}"
    yield ""
    yield from table(
        ("injections of", "after", "months apart", "in words", "source"),
        (
            (i.drug, i.mechanism or "any cause", f"{i.shortest} to {i.longest}", plain(i.text), cited(i.cite))
            for i in watch.intervals
        ),
    )


def _stable(stable: shape.StableLine) -> Section:
    yield "A patient who is stable on injections may be offered, where it is asked for:"
    yield ""
    for name, move in (("tablets", stable.tablets), ("nasal spray", stable.nasal)):
        if move is None:
            yield f"- {name}: nothing"
            continue
        unless = (
            f", unless {listed(m.value for m in move.never)}: {plain(move.never_because or '')}" if move.never else ""
        )
        yield f"- {name}: {_linked(move.regimen)}{unless}; {cited(move.cite)}"
    yield ""


def regimens(shelf: Shelf) -> Section:
    """Yield the regimens: every step with its dose, its timing and its words."""
    yield "## Regimens"
    yield ""
    for file in shelf.regimens:
        for line in file.content.regimens:
            yield f"### {line.id}"
            yield ""
            site = "; for a site's own protocol" if line.for_sites else ""
            off = f"; off-label {listed(r.value for r in line.off_label)}" if line.off_label else ""
            by = f"{line.drug}, {listed(r.value for r in line.routes)}{off}{site}"
            yield f"{plain(line.title)}: {by}; {cited(line.cite)}."
            yield ""
            if line.pressing is not None:
                yield f"With neurology or severe anaemia: {plain(line.pressing.says)} {cited(line.pressing.cite)}"
                yield ""
            yield from table(
                ("phase", "dose", "timing", "in words", "source"),
                ((s.phase.value, _dose(s.dose), _timing(s.timing), _words(s), cited(s.cite)) for s in line.steps),
            )


def _dose(dose: shape.DoseLine) -> str:
    if dose.high is None:
        return f"at least {dose.low} {dose.unit}"
    return f"{dose.low} {dose.unit}" if dose.low == dose.high else f"{dose.low} to {dose.high} {dose.unit}"


def _timing(timing: shape.TimingLine) -> str:
    most = f" to {timing.period_max}" if timing.period_max else ""
    words = [f"{timing.frequency} every {timing.period}{most} {timing.unit}"]
    if timing.count:
        words.append(f"{timing.count}{f' to {timing.count_max}' if timing.count_max else ''} doses")
    if timing.weeks:
        words.append(f"{timing.weeks}{f' to {timing.weeks_max}' if timing.weeks_max else ''} weeks")
    return ", ".join(words)


def _words(step: shape.StepLine) -> str:
    words = [plain(step.text)]
    words += [f"begins {plain(step.begins_if)}"] if step.begins_if else []
    words += [f"ends {plain(step.ends_when)}"] if step.ends_when else []
    if step.review_weeks is not None:
        words.append(f"review after {step.review_weeks.value} weeks, {cited(step.review_weeks.cite)}")
    return "; ".join(words)


def _pack(line: shape.ProductLine) -> str:
    pack = line.pack
    if pack is None:
        return ""
    serves = ", one dose each" if pack.single_use else ""
    return f"{pack.unit.one} of {pack.holds} {plain(line.per.unit)}{serves}; {cited(pack.cite)}"


def products(shelf: Shelf) -> Section:
    """Yield the products that can be prescribed, list by list, and what forbids their drugs."""
    yield "## Products"
    yield ""
    for file in shelf.products:
        yield f"### {file.content.id}"
        yield ""
        yield from table(
            ("product", "drug", "routes", "strength", "codes", "at most at a time", "container"),
            (
                (
                    f"{plain(line.text)} (`{line.id}`)",
                    line.drug,
                    listed(route.value for route in line.routes),
                    f"{line.strength.value} {line.strength.unit} in {line.per.value} {plain(line.per.unit)}",
                    ", ".join(f"`{ref.system} {ref.code}`" for ref in line.codes),
                    f"{line.up_to.value}; {cited(line.up_to.cite)}" if line.up_to else "",
                    _pack(line),
                )
                for line in file.content.products
            ),
        )
    yield "### Drugs"
    yield ""
    yield from table(
        ("drug", "with Leber optic neuropathy", "source"),
        (
            (plain(line.title), "forbidden" if line.not_with_leber else "may be given", cited(line.cite))
            for line in shelf.drugs.content.drugs
        ),
    )
