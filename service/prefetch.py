"""What an EHR is asked to send: templates derived from the codes the service reads, so the two cannot drift apart."""

from __future__ import annotations

from collections.abc import Iterable

from cds_hooks.completion import FOLLOWED
from cds_hooks.prefetch import Template
from service.domain.index import CodeIndex
from service.domain.terms import Analyte, Role

#: Few and decisive: asked for apart, so that daily blood counts cannot crowd them out of a page.
RARE = frozenset(
    {
        Analyte.B12,
        Analyte.ACTIVE_B12,
        Analyte.MMA,
        Analyte.HOMOCYSTEINE,
        Analyte.INTRINSIC_FACTOR_ANTIBODY,
        Analyte.PARIETAL_CELL_ANTIBODY,
        Analyte.GASTRIN,
        Analyte.COELIAC_SEROLOGY,
        Analyte.TOTAL_IGA,
        Analyte.RED_CELL_FOLATE,
        Analyte.PREGNANCY_TEST,
        Analyte.TSH,
    }
)
#: Of each set at least one key must be had, or there is nothing to decide on.
REQUIRED = (frozenset({"patient"}), frozenset({"b12", "conditions"}))
#: Asked for no further back than this, of clients that read relative dates (CDS Hooks checklist, 1.9).
DATED, DATED_DAYS = frozenset({"bloods"}), 730
#: The keys whose resources may refer to a Medication.
MEDICINES = frozenset({"medicationRequests", "medicationStatements", "medicationAdministrations"})
TITLES = {
    "patient": "the patient",
    "b12": "B12 and its markers",
    "bloods": "blood count and chemistry",
    "conditions": "problems and diagnoses",
    "medicationRequests": "prescriptions",
    "medicationStatements": "medicines reported",
    "medicationAdministrations": "doses given",
    "allergies": "allergies",
    "procedures": "procedures",
    "familyHistory": "family history",
    FOLLOWED: "medicines that orders refer to",
}
_PATIENT = "patient={{context.patientId}}"
_NEWEST_FIRST = "&_sort=-date&_count="


def templates(index: CodeIndex) -> tuple[Template, ...]:
    """Return the templates; raises ValueError when a site's codes make one too long for clients."""
    rare = [key for key, code in index.tests.items() if code.test.analyte in RARE]
    frequent = [key for key, code in index.tests.items() if code.test.analyte not in RARE]
    frequent += [key for key, concept in index.concepts.items() if Role.STATUS_OBSERVATION in concept.roles]
    # All statuses: what was taken before explains a deficiency, and spoils a sample.
    searches = {
        "b12": f"Observation?{_PATIENT}&code={_codes(rare)}{_NEWEST_FIRST}100",
        "bloods": f"Observation?{_PATIENT}&code={_codes(frequent)}{_NEWEST_FIRST}200",
        "conditions": f"Condition?{_PATIENT}&_count=200",
        "medicationRequests": f"MedicationRequest?{_PATIENT}&_count=200",
        "medicationStatements": f"MedicationStatement?{_PATIENT}&_count=200",
        "medicationAdministrations": f"MedicationAdministration?{_PATIENT}&_count=200",
        "allergies": f"AllergyIntolerance?{_PATIENT}&_count=100",
        "procedures": f"Procedure?{_PATIENT}&_count=200",
        "familyHistory": f"FamilyMemberHistory?{_PATIENT}&_count=100",
    }
    patient = Template("patient", "Patient/{{context.patientId}}")
    return (patient, *(Template(key, url) for key, url in searches.items()))


def _codes(keys: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{system}|{code}" for system, code in keys)
