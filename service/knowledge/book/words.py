"""What is said and asked for, where guidelines differ, and the documents all of it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from service.knowledge import schema as shape
from service.knowledge.book.marks import LETTERS, anchor, cited, listed, plain, table
from service.knowledge.load import Shelf

Section = Iterator[str]


def conflicts(shelf: Shelf) -> Section:
    """Yield where guidelines differ, for whom it matters, and what each says."""
    content = shelf.conflicts.content
    yield "## Where guidelines differ"
    yield ""
    yield f"Beside the protocols speak: {listed(content.voices)}."
    yield ""
    for line in content.conflicts:
        yield f"### {line.id}: {plain(line.topic)}"
        yield ""
        for when in line.when:
            yield f"- matters with {_when(when)}"
        said = line.positions.items()
        yield from (f"- {plain(name)}: {plain(position.says)}; {cited(position.cite)}" for name, position in said)
        yield ""


def _when(when: shape.ConflictWhen) -> str:
    """Return for which patients a conflict matters, every condition that is given."""
    words = []
    for name in type(when).model_fields:
        value = getattr(when, name)
        if value:
            names = f" {listed(getattr(each, 'value', each) for each in value)}" if isinstance(value, list) else ""
            words.append(f"{name.replace('_', ' ')}{names}")
    return "; ".join(words)


def investigations(shelf: Shelf) -> Section:
    """Yield the tests that can be asked for, and the notices that call for them."""
    yield "## Investigations"
    yield ""
    yield from table(
        ("test", "code", "answered by", "called for by"),
        (
            (
                plain(line.title),
                f"`{line.code.system} {line.code.code}`" if line.code else "text only",
                listed(analyte.value for analyte in line.analytes),
                listed(notice.value for notice in line.notices),
            )
            for line in shelf.investigations.content.investigations
        ),
    )


def notices(shelf: Shelf) -> Section:
    """Yield the sentences of the cards."""
    content = shelf.wording.content
    yield "## Notices"
    yield ""
    said = {notice.value: line for notice, line in content.notices.items()}
    kinds = (("notice", said), ("rule", content.rules), ("occasion", content.phrases))
    for kind, lines in kinds:
        rows = ((name, plain(line.says), cited(line.cite)) for name, line in lines.items())
        yield from table((kind, "says", "source"), rows)
    rests = ((name, cited(line.cite)) for name, line in content.status_rules.items())
    yield from table(("status rule", "rests on"), rests)
    reasons = content.override_reasons
    yield f"Cards are about `{content.topic.system} {content.topic.code}`."
    yield f"Reasons offered for not following one, of `{reasons.system}`:"
    yield ""
    yield from (f"- `{reason.code}` {plain(reason.display)}" for reason in reasons.codes)
    yield ""


def quieting(shelf: Shelf) -> Section:
    """Yield how long a card stays quiet after each answer to it."""
    content = shelf.quieting.content
    yield "## Quiet after an answer"
    yield ""
    lines = {"a suggestion was taken": content.accepted, "no reason was given": content.unexplained, **content.reasons}
    yield from table(
        ("answer", "quiet for", "ended early by", "days", "source"),
        (
            (
                name,
                line.who.value.replace("-", " "),
                listed(until.value.replace("-", " ") for until in line.until) or "nothing but a graver finding",
                str(content.periods[line.period].days),
                cited(content.periods[line.period].cite),
            )
            for name, line in lines.items()
        ),
    )


def calendar(shelf: Shelf) -> Section:
    """Yield when what is watched falls due, and which intervals may be chosen."""
    content = shelf.calendar.content
    yield "## Calendar"
    yield ""
    yield from table(
        ("watched", "for the patient", "due after the first dose", "source"),
        ((plain(line.watches), plain(line.plain), _due(line), cited(line.cite)) for line in content.checks),
    )
    yield from table(
        ("regimen", "months as printed", "may also be", "source"),
        (
            (line.regimen, str(line.printed), listed(map(str, line.may_be)), cited(line.cite))
            for line in content.intervals
        ),
    )
    yield from table(
        ("a later step waits for", "for the patient", "source"),
        ((plain(line.waits_for), plain(line.plain), cited(line.cite)) for line in content.conditions),
    )


def _due(line: shape.CheckLine) -> str:
    """Return when a check falls due in words."""
    if isinstance(line.due, str):
        return "at the review"
    spans = (f"{d.from_}{f' to {d.to}' if d.to is not None else ''} {d.unit}" for d in line.due)
    return listed(spans) or "no day"


def sources(shelf: Shelf) -> Section:
    """Yield the documents that are cited, and the places where codes were seen."""
    content = shelf.sources.content
    yield "## Sources"
    yield ""
    yield "; ".join(f"**{letter.value}** {meaning}" for letter, meaning in LETTERS.items()) + "."
    yield ""
    yield from table(
        ("source", "document", "publisher"),
        (
            (
                f'<a id="{anchor(line.id)}"></a>{line.id}',
                f"[{plain(line.title)}]({line.url})" if line.url else plain(line.title),
                plain(line.publisher),
            )
            for line in content.sources
        ),
    )
    yield "### Where codes were seen"
    yield ""
    yield from (f"- `{line.id}`: {plain(line.title)}" for line in content.codes)
    yield ""
