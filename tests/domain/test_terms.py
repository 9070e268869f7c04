"""The closed words of the contract: harnesses rely on them, and each has one spelling."""

from __future__ import annotations

from enum import StrEnum

import pytest

from service.domain.terms import Certainty, Duration, Mechanism, Modifier, Route, Status

WORDS = {
    Status: "confirmed indeterminate unlikely unknown on-treatment out-of-scope",
    Mechanism: "transport-metabolic autoimmune-gastritis gastric-resection ileal-resection malabsorption nitrous-oxide "
    "medicine-induced dietary increased-requirement undetermined",
    Modifier: "neurological possible-neurological severe-anaemia pregnancy breastfeeding adherence swallowing "
    "bleeding-risk leber cobalamin-allergy renal-impairment low-folate hypokalaemia polycythaemia-vera chloramphenicol "
    "on-b12-therapy assay-suspect",
    Duration: "lifelong while-cause-persists until-review specialist",
    Certainty: "established probable possible",
    Route: "intramuscular subcutaneous oral nasal",
}


@pytest.mark.parametrize("vocabulary", WORDS, ids=lambda each: each.__name__)
def test_a_vocabulary_is_closed(vocabulary: type[StrEnum]) -> None:
    assert {word.value for word in vocabulary} == set(WORDS[vocabulary].split())
