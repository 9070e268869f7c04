"""What the page shows of a card: plain values for the template, with text made safe on the way."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markupsafe import Markup

from service.sandbox.orders import digest
from service.sandbox.wire import Json

# Never by colour alone: each indicator has its own word and sign.
INDICATORS = {"critical": ("Critical", "▲"), "warning": ("Warning", "◆"), "info": ("Information", "●")}
DOES = {"create": "New order", "update": "Change", "delete": "Remove"}

# Raw HTML is escaped, not passed through; pictures are links to elsewhere and are left as text.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@dataclass(frozen=True, slots=True)
class OrderView:
    """One action of a suggestion."""

    does: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SuggestionView:
    """One suggestion, with the fingerprint by which a click means exactly this one."""

    label: str
    recommended: bool
    orders: tuple[OrderView, ...]
    digest: str
    new: bool


@dataclass(frozen=True, slots=True)
class ReasonView:
    """A reason that the service offers for setting a card aside."""

    key: str
    display: str


@dataclass(frozen=True, slots=True)
class LinkView:
    """A label, and an address when it is safe to follow; a SMART app is launched by the EHR, with its context."""

    label: str
    url: str | None
    smart: bool
    app_context: str


@dataclass(frozen=True, slots=True)
class CardView:
    """One card as an EHR would show it."""

    uuid: str
    indicator: str
    word: str
    sign: str
    summary: str
    detail: Markup
    source: LinkView
    topic: str
    reasons: tuple[ReasonView, ...]
    choose_one: bool
    suggestions: tuple[SuggestionView, ...]
    links: tuple[LinkView, ...]


def cards(response: Json) -> tuple[CardView, ...]:
    """The cards of a response, most urgent first."""
    urgency = list(INDICATORS)
    shown = [_card(card) for card in response["cards"]]
    return tuple(sorted(shown, key=lambda card: urgency.index(card.indicator)))


def chosen(response: Json, wanted: str) -> tuple[Json, Json] | None:
    """The card and suggestion with this fingerprint, if the service still says the same."""
    for card in response["cards"]:
        for suggestion in card.get("suggestions") or ():
            if digest(suggestion) == wanted:
                return card, suggestion
    return None


def card_of(response: Json, uuid: str) -> Json | None:
    """The card with this id."""
    return next((card for card in response["cards"] if uuid and card.get("uuid") == uuid), None)


def reason_key(reason: Json) -> str:
    """A reason as a form sends it."""
    return f"{reason.get('system')}|{reason.get('code')}"


def markdown(text: str) -> Markup:
    """GitHub-flavoured markdown as far as cards use it, as safe HTML."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704  # the renderer escapes: its html option is off


def words(concept: Json | None) -> str:
    """The text of a CodeableConcept, or the display or code of its first coding."""
    concept = concept or {}
    first: Json = next(iter(concept.get("coding") or ()), {})
    return str(concept.get("text") or first.get("display") or first.get("code") or "not named")


def _card(card: Json) -> CardView:
    indicator = card.get("indicator")
    indicator = indicator if indicator in INDICATORS else "info"
    word, sign = INDICATORS[indicator]
    source: Json = card.get("source") or {}
    suggestions: Sequence[Json] = card.get("suggestions") or ()
    return CardView(
        uuid=str(card.get("uuid") or ""),
        indicator=indicator,
        word=word,
        sign=sign,
        summary=str(card.get("summary", "")),
        detail=markdown(str(card.get("detail") or "")),
        source=_link(source),
        topic=str((source.get("topic") or {}).get("display") or ""),
        reasons=tuple(ReasonView(reason_key(r), str(r.get("display"))) for r in card.get("overrideReasons") or ()),
        choose_one=len(suggestions) > 1 and card.get("selectionBehavior") == "at-most-one",
        suggestions=tuple(_suggestion(suggestion) for suggestion in suggestions),
        links=tuple(_link(link) for link in card.get("links") or ()),
    )


def _suggestion(suggestion: Json) -> SuggestionView:
    actions: Sequence[Json] = suggestion.get("actions") or ()
    return SuggestionView(
        label=str(suggestion.get("label", "")),
        recommended=suggestion.get("isRecommended") is True,
        orders=tuple(_order(action) for action in actions),
        digest=digest(suggestion),
        new=any(action.get("type") == "create" for action in actions),
    )


def _order(action: Json) -> OrderView:
    resource: Json = action.get("resource") or {}
    does = DOES.get(str(action.get("type")), "Unknown action")
    if not resource:
        return OrderView(does, str(action.get("description") or action.get("resourceId") or ""), ())
    view = order_view(does, resource)
    if not view.lines and action.get("description"):
        return OrderView(does, view.title, (str(action["description"]),))
    return view


def order_view(does: str, resource: Json) -> OrderView:
    """An order as people read it: what, the dosage in words, and how much is supplied."""
    concept = resource.get("medicationCodeableConcept") or resource.get("code")
    title = words(concept) if concept else str(resource.get("resourceType") or "")
    lines = [str(dose["text"]) for dose in resource.get("dosageInstruction") or () if dose.get("text")]
    supply: Json = (resource.get("dispenseRequest") or {}).get("quantity") or {}
    if "value" in supply:
        lines.append(f"Supply: {supply['value']} {supply.get('unit', '')}".rstrip())
    if resource.get("status") not in ("draft", "active", None):
        lines.append(f"Becomes: {resource['status']}")
    return OrderView(does, title, tuple(lines))


def _link(link: Json) -> LinkView:
    url = str(link.get("url") or "")
    safe = urlsplit(url).scheme in {"https", "http"}
    smart = link.get("type") == "smart"
    return LinkView(str(link.get("label", "")), url if safe else None, smart, str(link.get("appContext") or ""))
