"""What the other protocols would do with this patient, in one line."""

from __future__ import annotations

from functools import lru_cache

from service.cards.text import escaped, listed
from service.domain.decision import Decision
from service.domain.elsewhere import View, elsewhere, view_of
from service.domain.protocol import Book
from service.domain.recommend import Option
from service.domain.terms import Duration, Route, Status

_STATUS = {
    Status.CONFIRMED: "deficiency confirmed",
    Status.INDETERMINATE: "not settled",
    Status.UNLIKELY: "deficiency unlikely",
    Status.UNKNOWN: "not known",
    Status.ON_TREATMENT: "on treatment",
    Status.OUT_OF_SCOPE: "out of scope",
}
_DURATION = {
    Duration.LIFELONG: "for life",
    Duration.WHILE_CAUSE_PERSISTS: "while the cause lasts",
    Duration.UNTIL_REVIEW: "until the review decides",
    Duration.SPECIALIST: "as the specialist decides",
}
_NO_ORDER = "no order"


def others(decision: Decision, book: Book) -> str:
    """Return the line that names every protocol whose answer differs, or nothing when all agree."""
    return _line(view_of(decision), elsewhere(decision, book))


@lru_cache(maxsize=1024)
def _line(own: View, views: tuple[View, ...]) -> str:
    """Return the line, which nothing else of the patient changes."""
    told: dict[str, list[str]] = {}
    for view in views:
        told.setdefault(_answer(view, own), []).append(view.protocol.id)
    if not told:
        return ""
    return f"For this patient {'; '.join(f'{listed(names)}: {answer}' for answer, names in told.items())}."


def _answer(view: View, own: View) -> str:
    words = []
    if view.status is not own.status:
        words.append(f"{_STATUS[view.status]} ({view.rule})")
    if view.option is not None:
        words.append(_plan(view.option, view, own))
    elif own.option is not None:
        because = view.none_because
        words.append(f"{_NO_ORDER} ({escaped(because)})" if because else _NO_ORDER)
    return ", ".join(words)


def _plan(option: Option, view: View, own: View) -> str:
    words = option.regimen.title
    if option.bridge_to is not None:
        words += f" until {option.bridge_to.title} are safe"
    elif option.route is Route.SUBCUTANEOUS:
        words += ", deep subcutaneous"
    elif own.option is not None and option.regimen is own.option.regimen:
        words += f", {option.route.value}"
    if own.option is not None and view.duration is not None and view.duration is not own.duration:
        words += f", {_DURATION[view.duration]}"
    return words
