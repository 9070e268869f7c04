"""SMART scopes of both versions: which to ask for, and what those that were granted allow."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

NEEDED = ("Patient", "Observation", "Condition", "MedicationRequest", "AllergyIntolerance")
"""Without one of these a plan could be unsafe: they must be granted."""
USEFUL = (
    "MedicationStatement",
    "MedicationAdministration",
    "Medication",
    "Procedure",
    "FamilyMemberHistory",
    "ServiceRequest",
    "CarePlan",
)
WRITTEN = ("MedicationRequest", "ServiceRequest", "CarePlan")
"""What the plan is written as; without these it can be read and printed only."""

_V1 = {"read": "rs", "write": "cud", "*": "cruds"}
_V2 = re.compile(r"c?r?u?d?s?")
_OPTIONAL = ("openid", "fhirUser", "online_access")


def speaks_v2(capabilities: Collection[str], supported: Collection[str]) -> bool:
    """Return whether a server reads scopes of version 2 (`.rs`); one that says nothing reads version 1 (`.read`)."""
    if "permission-v2" in capabilities or "permission-v1" in capabilities:
        return "permission-v2" in capabilities
    return any("/" in scope and scope.rpartition(".")[2].partition("?")[0] not in _V1 for scope in supported)


def wanted(capabilities: Collection[str], supported: Collection[str], *, from_ehr: bool, identity: bool) -> str:
    """Return the scopes to ask for, as one string.

    The patient comes with the launch or is chosen; `identity` asks who the user is. A session that lives as long as
    the user is online is asked for where it is on offer; one that outlives it never is.
    """
    asked = ["launch" if from_ehr else "launch/patient"]
    offered = {"openid", "fhirUser"} if identity else set()
    if "permission-online" in capabilities or "online_access" in supported:
        offered.add("online_access")
    asked += [scope for scope in _OPTIONAL if scope in offered]
    v2 = speaks_v2(capabilities, supported)
    for kind in (*NEEDED, *USEFUL):
        if v2:
            asked.append(f"patient/{kind}.{'crs' if kind in WRITTEN else 'rs'}")
        else:
            asked.append(f"patient/{kind}.read")
            asked += [f"patient/{kind}.write"] if kind in WRITTEN else []
    return " ".join(asked)


def allows(granted: Iterable[str], kind: str, letter: str) -> bool:
    """Return whether scopes allow an interaction (one of c, r, u, d, s) with all resources of a type.

    A scope that is narrowed by a query (`patient/Observation.rs?category=…`) allows a part and so is no such scope.
    """
    return any(letter in letters for found, letters in map(_parts, granted) if found in {kind, "*"})


def missing(granted: Collection[str]) -> tuple[str, ...]:
    """Return the types that must be readable and are not."""
    return tuple(kind for kind in NEEDED if not (allows(granted, kind, "r") and allows(granted, kind, "s")))


def _parts(scope: str) -> tuple[str, str]:
    """Return a scope's type and letters; nothing for one that is no access to the patient's resources."""
    context, _, rest = scope.partition("/")
    kind, _, permission = rest.partition(".")
    if context not in {"patient", "user"} or not permission:
        return "", ""
    return kind, _V1.get(permission, permission if _V2.fullmatch(permission) else "")
