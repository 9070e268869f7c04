"""The closed vocabularies of the decision, in the words that go on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Status(StrEnum):
    """What the record says about B12 deficiency."""

    CONFIRMED = "confirmed"
    INDETERMINATE = "indeterminate"
    UNLIKELY = "unlikely"
    UNKNOWN = "unknown"
    ON_TREATMENT = "on-treatment"
    OUT_OF_SCOPE = "out-of-scope"


class Mechanism(StrEnum):
    """Why B12 is short, in the order that decides when there are several causes."""

    TRANSPORT_METABOLIC = "transport-metabolic"
    AUTOIMMUNE_GASTRITIS = "autoimmune-gastritis"
    GASTRIC_RESECTION = "gastric-resection"
    ILEAL_RESECTION = "ileal-resection"
    MALABSORPTION = "malabsorption"
    NITROUS_OXIDE = "nitrous-oxide"
    MEDICINE_INDUCED = "medicine-induced"
    DIETARY = "dietary"
    INCREASED_REQUIREMENT = "increased-requirement"
    UNDETERMINED = "undetermined"

    @property
    def rank(self) -> int:
        """Return the place in the deciding order, 0 first."""
        return _MECHANISM_RANK[self]


_MECHANISM_RANK = {mechanism: place for place, mechanism in enumerate(Mechanism)}

#: Causes that do not go away: treatment does not wait for the last test (decisions, section 3).
IRREVERSIBLE = frozenset({Mechanism.AUTOIMMUNE_GASTRITIS, Mechanism.GASTRIC_RESECTION, Mechanism.ILEAL_RESECTION})


class Certainty(StrEnum):
    """How sure a cause is, the surest first."""

    ESTABLISHED = "established"
    PROBABLE = "probable"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        """Return the place in the order, 0 the surest."""
        return _CERTAINTY_RANK[self]


_CERTAINTY_RANK = {certainty: place for place, certainty in enumerate(Certainty)}


class Duration(StrEnum):
    """How long treatment lasts, the longest first."""

    LIFELONG = "lifelong"
    SPECIALIST = "specialist"
    WHILE_CAUSE_PERSISTS = "while-cause-persists"
    UNTIL_REVIEW = "until-review"

    @property
    def rank(self) -> int:
        """Return the place in the order, 0 the longest."""
        return _DURATION_RANK[self]


_DURATION_RANK = {duration: place for place, duration in enumerate(Duration)}


class Modifier(StrEnum):
    """What in the patient changes the plan, whatever the cause."""

    NEUROLOGICAL = "neurological"
    POSSIBLE_NEUROLOGICAL = "possible-neurological"
    SEVERE_ANAEMIA = "severe-anaemia"
    PREGNANCY = "pregnancy"
    BREASTFEEDING = "breastfeeding"
    ADHERENCE = "adherence"
    SWALLOWING = "swallowing"
    BLEEDING_RISK = "bleeding-risk"
    LEBER = "leber"
    COBALAMIN_ALLERGY = "cobalamin-allergy"
    RENAL_IMPAIRMENT = "renal-impairment"
    LOW_FOLATE = "low-folate"
    HYPOKALAEMIA = "hypokalaemia"
    POLYCYTHAEMIA_VERA = "polycythaemia-vera"
    CHLORAMPHENICOL = "chloramphenicol"
    ON_B12_THERAPY = "on-b12-therapy"
    ASSAY_SUSPECT = "assay-suspect"


class Route(StrEnum):
    """How a dose is given."""

    INTRAMUSCULAR = "intramuscular"
    SUBCUTANEOUS = "subcutaneous"
    ORAL = "oral"
    NASAL = "nasal"

    @property
    def injected(self) -> bool:
        """Return whether the route is by injection."""
        return self in _INJECTED


_INJECTED = (Route.INTRAMUSCULAR, Route.SUBCUTANEOUS)


class PhaseName(StrEnum):
    """The two parts of every plan."""

    REPLETION = "repletion"
    MAINTENANCE = "maintenance"


class Letter(StrEnum):
    """How a number was verified: verbatim, in a secondary page, from memory or by design."""

    VERBATIM = "V"
    SECONDARY = "S"
    MEMORY = "M"


class Notice(StrEnum):
    """What a card may have to say beside the plan."""

    PLAN = "plan"
    PREVENT = "prevent"
    URGENT_NEURO = "urgent-neuro"
    URGENT_ANAEMIA = "urgent-anaemia"
    SAFETY_ALLERGY = "safety-allergy"
    SAFETY_LEBER = "safety-leber"
    SAFETY_K = "safety-k"
    SAFETY_BLEED = "safety-bleed"
    SAFETY_PRESSURE = "safety-pressure"
    SAFETY_FOLATE = "safety-folate"
    SAFETY_RENAL = "safety-renal"
    SAFETY_PV = "safety-pv"
    SAFETY_CHLORAMPHENICOL = "safety-chloramphenicol"
    REFER = "refer"
    PREG = "preg"
    STOP_N2O = "stop-n2o"
    REVIEW_MEDICINE = "review-medicine"
    DIET = "diet"
    ADHERENCE = "adherence"
    ASSAY = "assay"
    RESPONSE = "response"
    DUPLICATE = "duplicate"
    NO_REPEAT = "no-repeat"
    WORKUP_B12 = "workup-b12"
    WORKUP_ACTIVE = "workup-active"
    WORKUP_MMA = "workup-mma"
    WORKUP_HCY = "workup-hcy"
    WORKUP_CAUSE = "workup-cause"
    WORKUP_FBC = "workup-fbc"
    ETHNICITY = "ethnicity"
    HIGH_B12 = "high-b12"
    CONTRACEPTIVE = "contraceptive"
    DATA = "data"
    NOT_DEFICIENT = "not-deficient"
    SCOPE = "scope"


class Analyte(StrEnum):
    """The laboratory tests that the decision or the card reads."""

    B12 = "b12"
    ACTIVE_B12 = "active-b12"
    MMA = "mma"
    HOMOCYSTEINE = "homocysteine"
    FOLATE = "folate"
    RED_CELL_FOLATE = "red-cell-folate"
    HAEMOGLOBIN = "haemoglobin"
    HAEMATOCRIT = "haematocrit"
    MCV = "mcv"
    RETICULOCYTES = "reticulocytes"
    RETICULOCYTE_COUNT = "reticulocyte-count"
    WHITE_CELLS = "white-cells"
    PLATELETS = "platelets"
    FILM = "film"
    FERRITIN = "ferritin"
    EGFR = "egfr"
    CREATININE = "creatinine"
    POTASSIUM = "potassium"
    INR = "inr"
    INTRINSIC_FACTOR_ANTIBODY = "intrinsic-factor-antibody"
    PARIETAL_CELL_ANTIBODY = "parietal-cell-antibody"
    GASTRIN = "gastrin"
    COELIAC_SEROLOGY = "coeliac-serology"
    TOTAL_IGA = "total-iga"
    TSH = "tsh"
    PREGNANCY_TEST = "pregnancy-test"


class Role(StrEnum):
    """What a coded fact means to the rules; a fact may have several roles or none."""

    B12_DIAGNOSIS = "b12-diagnosis"
    B12_UNSPECIFIC = "b12-unspecific"
    STRONG_PICTURE = "strong-picture"
    NEUROLOGY = "neurology"
    NEUROPATHY = "neuropathy"
    OTHER_NEUROPATHY = "other-neuropathy"
    POSSIBLE_NEUROLOGY = "possible-neurology"
    SYMPTOM = "symptom"
    ANAEMIA = "anaemia"
    RISK = "risk"
    RELATIVE = "relative"
    KIDNEY_DISEASE = "kidney-disease"
    PREGNANCY = "pregnancy"
    BREASTFEEDING = "breastfeeding"
    ADHERENCE = "adherence"
    SWALLOWING = "swallowing"
    LEBER = "leber"
    BLEEDING = "bleeding"
    ANTICOAGULANT = "anticoagulant"
    INR_NEEDED = "inr-needed"
    PLATELETS_NEEDED = "platelets-needed"
    POLYCYTHAEMIA = "polycythaemia"
    CHLORAMPHENICOL = "chloramphenicol"
    FOLIC_ACID = "folic-acid"
    FOLATE_ANTAGONIST = "folate-antagonist"
    HOMOCYSTEINE_CONFOUNDER = "homocysteine-confounder"
    CONTRACEPTIVE = "contraceptive"
    HYPOKALAEMIA = "hypokalaemia"
    COBALAMIN = "cobalamin"
    COBALT = "cobalt"
    ALLERGY_IN_WORDS = "allergy-in-words"
    ANTIDOTE = "antidote"
    KIND_NOT_SAID = "kind-not-said"
    NITROUS_OXIDE_NAMED = "nitrous-oxide-named"
    NITROUS_OXIDE_MISUSE = "nitrous-oxide-misuse"
    NITROUS_OXIDE_MEDICINE = "nitrous-oxide-medicine"
    INHALANT_USE = "inhalant-use"
    INHALED_ANAESTHETIC = "inhaled-anaesthetic"
    STATUS_OBSERVATION = "status-observation"
    ETHNICITY = "ethnicity"


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a code system, as a FHIR Coding."""

    system: str
    code: str
    display: str


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a number comes from: a key of sources.yaml, a place in it, and how it was verified."""

    source: str
    letter: Letter
    locator: str | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its UCUM unit."""

    value: Decimal
    unit: str
