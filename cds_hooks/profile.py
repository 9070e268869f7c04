"""What is known of a client's ways: how strictly its requests are read, and what may be sent to it."""

from dataclasses import dataclass
from types import MappingProxyType

from msgspec.structs import replace

from cds_hooks.wire import ActionSelection, Card, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A client profile; the defaults are `strict` (CDS Hooks 2.0.1 to the letter; checklist 1.7)."""

    name: str
    specification: str = "2.0.1"
    """What discovery says is spoken (B10)."""
    hook_instance: bool = True
    """A hookInstance that is missing or no UUID is refused; else it is logged and accepted (row 1)."""
    plain_http: bool = False
    """A fhirServer beyond this machine may be http (row 14)."""
    typ: bool = True
    """A client's JWT must say `typ: JWT` (J4)."""
    relative_dates: bool = False
    """Prefetch templates may hold `{{today() - N days}}` (C6)."""
    action_selection: bool = False
    """`actionSelectionBehavior` may be sent (F19)."""
    granular_scopes: bool = False
    """Scopes are written in the second version of SMART (`patient/Observation.rs`; D6)."""


STRICT = Profile(name="strict")
SANDBOX = Profile(name="sandbox", hook_instance=False, plain_http=True, typ=False)
CDS_HOOKS_3 = Profile(
    name="cds-hooks-3",
    specification="3.0.0-ballot",
    relative_dates=True,
    action_selection=True,
    granular_scopes=True,
)

PROFILES = MappingProxyType({profile.name: profile for profile in (STRICT, SANDBOX, CDS_HOOKS_3)})


def scope(resource_type: str, profile: Profile) -> str:
    """Return the scope that reading and searching a type takes, as this client's server writes it (D6, J19)."""
    return f"patient/{resource_type}.{'rs' if profile.granular_scopes else 'read'}"


def to_edition(response: Response, profile: Profile) -> Response:
    """Return a response as this client's edition says it: actions that belong together say so (F18, F19)."""
    if not profile.action_selection:
        return response
    return replace(response, cards=tuple(map(_together, response.cards)))


def _together(card: Card) -> Card:
    suggestions = tuple(
        replace(suggestion, actionSelectionBehavior=ActionSelection.ALL)
        if len(suggestion.actions) > 1 and suggestion.actionSelectionBehavior is None
        else suggestion
        for suggestion in card.suggestions
    )
    return replace(card, suggestions=suggestions) if suggestions else card
