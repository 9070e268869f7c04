"""The requirements by id: what a service must do, should do, and had better do, in a few words each.

The ids are those of the project's checklist of CDS Hooks 2.0.1. A row is here if a service can be held to it from
outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Level(StrEnum):
    """How binding a requirement is; the first three fail a service, the rest warn."""

    SHALL = "SHALL"
    SHALL_NOT = "SHALL NOT"
    IF_GIVEN = "SHALL, if given"
    """An element that may be left out, and has a form it must have."""
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    ADVICE = "advice"
    """Not said of services in the specification's text: best practice, or the sense of a client's duty."""

    @property
    def fails(self) -> bool:
        """Whether a breach makes the service not conform."""
        return self in (Level.SHALL, Level.SHALL_NOT, Level.IF_GIVEN)


@dataclass(frozen=True, slots=True)
class Rule:
    """One requirement."""

    id: str
    level: Level
    text: str

    @property
    def section(self) -> str:
        """The letter of its section."""
        return self.id[0]


SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "A": "JSON and transport",
        "B": "Discovery",
        "C": "Prefetch templates",
        "D": "Requests",
        "E": "Responses and status codes",
        "F": "Cards",
        "G": "System actions",
        "H": "Feedback",
        "I": "Extensions",
        "J": "Security",
    }
)


def _rules() -> tuple[Rule, ...]:
    shall, must_not, given = Level.SHALL, Level.SHALL_NOT, Level.IF_GIVEN
    should, advice = Level.SHOULD, Level.ADVICE
    return (
        Rule("A1", shall, "All traffic is JSON, and a body that is not JSON is refused"),
        Rule("A2", shall, "The service is offered over HTTPS"),
        Rule("A3", must_not, "No null and nothing empty is sent where the specification does not ask for it"),
        Rule("A4", shall, "An optional element without a value is left out"),
        Rule("A5", shall, "Resources are in FHIR's own JSON"),
        Rule("B1", shall, "Discovery is always there, and says the same each time"),
        Rule("B2", shall, "Discovery answers 200 with an object that has an array of services"),
        Rule("B4", shall, "Each service names its hook"),
        Rule("B5", should, "Each service has a title"),
        Rule("B6", shall, "Each service has a description"),
        Rule("B7", shall, "Each service has an id that can stand in a URL"),
        Rule("B8", given, "Each prefetch template is a string"),
        Rule("B9", given, "usageRequirements is text"),
        Rule("B10", should, "version is a semantic version of the specification"),
        Rule("B11", given, "hookVersion is a version of the hook's published definition"),
        Rule("C1", shall, "prefetch is an object of templates by key"),
        Rule("C2", shall, "A template is a relative FHIR read or search"),
        Rule("C3", shall, "Tokens stand in {{ and }} and name a context field or a user token"),
        Rule("C4", shall, "Tokens name primitive fields at the root of the context"),
        Rule("C5", shall, "Tokens name fields that the hook's definition allows"),
        Rule("C8", shall, "A template stands after the one it depends on"),
        Rule("C9", should, "Queries keep to the common subset of FHIR search"),
        Rule("C13", advice, "Further pages of a prefetched Bundle are fetched"),
        Rule("C15", advice, "null for what was not found is answered, not failed on"),
        Rule("D1", shall, "Each service is called at its id below the discovery URL"),
        Rule("D2", advice, "A hook that the service does not serve is refused with 4xx"),
        Rule("D3", advice, "A missing or ill-formed hookInstance is refused with 4xx"),
        Rule("D4", advice, "fhirAuthorization without fhirServer is refused with 4xx (cds-r-1)"),
        Rule("D7", advice, "A context without its required fields is refused with 4xx"),
        Rule("D9", shall, "What was not prefetched is retrieved from the FHIR server"),
        Rule("D10", should, "An OperationOutcome in the place of data is not taken for no data"),
        Rule("D11", shall, "Without the data it needs a service refuses, and does not answer as if there were nothing"),
        Rule("D12", should, "The service works with prefetch and with the FHIR server"),
        Rule("D14", shall, "The access token is presented as Bearer on every FHIR call"),
        Rule("D15", shall, "The access token is used during its own call only"),
        Rule("D16", should, "An answer takes about 500 ms at most"),
        Rule("D18", advice, "Draft resources are not looked for on the FHIR server"),
        Rule("D19", advice, "Extensions and fields that the service does not know are tolerated"),
        Rule("E1", shall, "A call that succeeds is answered by 200 and an object with an array of cards"),
        Rule("E2", given, "systemActions is an array"),
        Rule("E3", should, "Nothing to say is 200 and an empty array of cards"),
        Rule("E4", shall, "Missing data is refused with 412"),
        Rule("E5", advice, "A caller's mistake is a 4xx and never a 5xx"),
        Rule("E6", should, "A refusal carries an OperationOutcome"),
        Rule("F1", given, "Each uuid is text, and is given once"),
        Rule("F2", shall, "summary is one sentence of fewer than 140 characters"),
        Rule("F3", given, "detail is text (GitHub-flavoured markdown)"),
        Rule("F4", shall, "indicator is info, warning or critical"),
        Rule("F5", shall, "source is an object"),
        Rule("F6", given, "suggestions is an array"),
        Rule("F7", shall, "selectionBehavior stands beside suggestions, and is at-most-one or any (cds-resp-6)"),
        Rule("F8", given, "overrideReasons are codings with a display (cds-resp-4)"),
        Rule("F10", given, "links is an array"),
        Rule("F11", shall, "source has a label"),
        Rule("F12", given, "source.url is absolute"),
        Rule("F13", given, "source.icon is an absolute URL"),
        Rule("F15", shall, "A suggestion has a label"),
        Rule("F17", given, "Where at most one may be taken, at most one is recommended (cds-resp-1)"),
        Rule("F18", shall, "actions is an array of which all can be done together"),
        Rule("F19", must_not, "actionSelectionBehavior is used with clients that support it only (cds-resp-7)"),
        Rule("F20", shall, "An action's type is create, update or delete"),
        Rule("F21", shall, "An action of a suggestion has a description (cds-resp-5)"),
        Rule("F22", shall, "create and update carry the whole resource, update with its id"),
        Rule("F23", should, "delete names its resource by resourceId, and carries none (cds-resp-2)"),
        Rule("F24", shall, "A link has a label, a url, and the type absolute or smart"),
        Rule("F25", must_not, "Only a smart link has an appContext (cds-resp-3)"),
        Rule("F26", given, "autolaunchable is true or false"),
        Rule("F28", shall, "A Coding has a code and a system"),
        Rule("G1", advice, "A system action has a description, as 2.0.1 demands of every action"),
        Rule("H1", advice, "Feedback is taken below the service"),
        Rule("H2", shall, "Feedback is an object with an array, which may hold several items"),
        Rule("H3", advice, "An item without card, outcome or time, or of another outcome, is refused with 4xx"),
        Rule("H4", advice, "An accepted card with its accepted suggestions is taken"),
        Rule("H5", advice, "An override is taken with a reason, a comment, or both"),
        Rule("H6", advice, "An override without any reason is taken, and so is one that comes again"),
        Rule("I1", shall, "extension is an object"),
        Rule("I2", should, "The keys of an extension are globally unique, such as org.example.key"),
        Rule("J1", shall, "Every endpoint has TLS, and none leads to one without"),
        Rule("J2", should, "Callers must authenticate"),
        Rule("J3", advice, "A client's JWT is taken on discovery, service and feedback"),
        Rule("J5", advice, "A JWT that is over, or lacks a required claim, is refused"),
        Rule("J6", advice, "A JWT for another endpoint is refused"),
        Rule("J7", must_not, "A JWT without a signature, or with one by another key, is not taken"),
        Rule("J8", must_not, "A JWT with a symmetric signature (HMAC) is not taken"),
        Rule("J9", should, "ES384 and RS384 are taken"),
        Rule("J10", should, "A key set is fetched from agreed addresses only"),
        Rule("J11", shall, "Keys that were exchanged out of band are used when a JWT has no jku"),
        Rule("J12", advice, "A JWT is taken once (jti)"),
        Rule("J15", advice, "A JWT is refused by a bare 401, the same whatever is wrong"),
        Rule("J17", advice, "A browser's preflight is answered without a token, and no wildcard goes with credentials"),
    )


RULES: Mapping[str, Rule] = MappingProxyType({rule.id: rule for rule in _rules()})
"""Every rule that the check knows, in the order of the checklist."""

AS_RULE: Mapping[str, str] = MappingProxyType(
    {
        "cds-resp-1": "F17",
        "cds-resp-2": "F23",
        "cds-resp-3": "F25",
        "cds-resp-4": "F8",
        "cds-resp-5": "F21",
        "cds-resp-6": "F7",
        "cds-resp-7": "F19",
    }
)
"""HL7's invariants by the row of the checklist that they guard."""
