"""What each hook's context must hold, as a table: the project's checklist 1.3, after HL7's hook library."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from types import MappingProxyType

PRACTITIONERS = frozenset({"Practitioner", "PractitionerRole"})
ANYONE = PRACTITIONERS | {"Patient", "RelatedPerson"}


class Shape(StrEnum):
    """The shape of a context field."""

    ID = auto()
    REFERENCE = auto()
    REFERENCES = auto()
    RESOURCE = auto()
    RESOURCES = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a hook's context; `types` limits what a reference or a resource may be."""

    name: str
    shape: Shape
    types: frozenset[str] = frozenset()
    required: bool = True

    @property
    def is_token(self) -> bool:
        """Whether a CDS Hooks 2.0 prefetch template may name it: root-level primitives only (C4)."""
        return self.shape in (Shape.ID, Shape.REFERENCE)


def _hook(user: frozenset[str], *fields: Field, encounter: bool = False) -> tuple[Field, ...]:
    return (
        Field("userId", Shape.REFERENCE, user),
        Field("patientId", Shape.ID),
        Field("encounterId", Shape.ID, required=encounter),
        *fields,
    )


def _bundle(name: str) -> Field:
    return Field(name, Shape.RESOURCE, frozenset({"Bundle"}))


HOOKS: Mapping[str, tuple[Field, ...]] = MappingProxyType(
    {
        "patient-view": _hook(ANYONE),
        "order-select": _hook(PRACTITIONERS, Field("selections", Shape.REFERENCES), _bundle("draftOrders")),
        "order-sign": _hook(ANYONE, _bundle("draftOrders")),
        "encounter-start": _hook(ANYONE, encounter=True),
        "encounter-discharge": _hook(ANYONE, encounter=True),
        "appointment-book": _hook(ANYONE, _bundle("appointments")),
        "order-dispatch": (
            Field("patientId", Shape.ID),
            Field("dispatchedOrders", Shape.REFERENCES),
            Field("performer", Shape.REFERENCE),
            Field("fulfillmentTasks", Shape.RESOURCES, frozenset({"Task"}), required=False),
        ),
        "allergyintolerance-create": _hook(
            PRACTITIONERS,
            Field("allergyIntolerance", Shape.RESOURCE, frozenset({"AllergyIntolerance"})),
        ),
        "medication-refill": (
            Field("userId", Shape.REFERENCE, ANYONE, required=False),
            Field("patientId", Shape.ID),
            Field("encounterId", Shape.ID, required=False),
            _bundle("medications"),
        ),
        "problem-list-item-create": _hook(ANYONE, _bundle("conditions")),
        "medication-verify": _hook(ANYONE, Field("medication", Shape.RESOURCE, frozenset({"MedicationRequest"}))),
    }
)
