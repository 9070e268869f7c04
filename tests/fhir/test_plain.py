"""What is read in one loop is read as it is one resource at a time; which way it goes changes no record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from service.domain.record import Record
from service.fhir.plain import PlainResults
from service.fhir.reading import Reader

from .kit import (
    B12,
    FILM,
    HAEMOGLOBIN,
    HYDROXO,
    LOINC,
    MMA,
    PERNICIOUS,
    PREGNANT,
    RX,
    TERMINOLOGY,
    Json,
    bundle,
    coded,
    condition,
    items_of,
    observation,
    quantity,
    request,
    status,
    the_reader,
)

_FLAG = [{"coding": [{"system": f"{TERMINOLOGY}/v3-ObservationInterpretation", "code": "L"}]}]
_RANGE = [{"low": quantity(200), "high": quantity(900)}]
_CODES: list[Any] = [
    coded((LOINC, B12)),
    coded((LOINC, B12), (LOINC, HAEMOGLOBIN)),
    coded((LOINC, MMA)),
    coded((LOINC, FILM)),
    coded((LOINC, "82810-3")),
    coded((LOINC, "0000-0")),
    {"text": "B12"},
    "B12",
    ...,
]
_OBSERVATIONS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["o1", "o2", "o3"]),
        "code": st.sampled_from(_CODES),
        "status": st.sampled_from(["final", "amended", "preliminary", "entered-in-error", ...]),
        "effectiveDateTime": st.sampled_from(["2026-03-10", "2026-03", "never", "", ...]),
        "effectivePeriod": st.sampled_from([{"start": "2026-01-02"}, {"end": "x"}, {}, ...]),
        "issued": st.sampled_from(["2026-03-11T08:00:00Z", ...]),
        "valueQuantity": st.sampled_from(
            [quantity(150), quantity(150, "mm[Hg]"), quantity(10**9), quantity("high"), {}, None, ...]
        ),
        "valueString": st.sampled_from(["< 100 pg/mL", "macrocytes", ...]),
        "interpretation": st.sampled_from([_FLAG, [], "L", None, ...]),
        "referenceRange": st.sampled_from([_RANGE, [], None, [{"low": "x"}], ...]),
        "component": st.sampled_from([[{"code": coded((LOINC, B12)), "valueQuantity": quantity(120)}], [], ...]),
        "subject": st.sampled_from([{"reference": "Patient/p1"}, {"reference": "Patient/p1/_history/2"}, {}, ...]),
    },
)
_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["c1", "c2"]),
        "code": st.sampled_from([coded(PERNICIOUS), coded(PREGNANT), coded((LOINC, "0")), {"text": "anaemia"}, 7, ...]),
        "clinicalStatus": st.sampled_from([status("condition-clinical", "resolved"), ...]),
    },
)
_MEDICINES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["m1", "m2"]),
        "status": st.sampled_from(["active", "cancelled", "entered-in-error", ...]),
        "medicationCodeableConcept": st.sampled_from(
            [coded(HYDROXO), coded((RX, "0")), {"text": "vitamin B12"}, {"text": "water"}, "B12", None, ...]
        ),
        "medicationReference": st.sampled_from([{"reference": "Medication/x", "display": "cyanocobalamin"}, ...]),
    },
)
_CHARTS = st.lists(
    st.one_of(
        _OBSERVATIONS.map(lambda changes: observation(**changes)),
        _CONDITIONS.map(lambda c: condition(PERNICIOUS, **c)),
        _MEDICINES.map(lambda changes: request(**changes)),
    ),
    max_size=6,
)


def one_at_a_time(document: Json, monkeypatch: pytest.MonkeyPatch) -> Record:
    with monkeypatch.context() as patched:
        patched.setattr(PlainResults, "read", lambda _, named, *__: named)
        patched.setattr(Reader, "_that_matter", lambda _, __, same: same)
        return the_reader().read(items_of(document), "p1")


@settings(max_examples=400)
@given(_CHARTS)
@example([observation(valueQuantity=None, valueString="< 100 pg/mL", interpretation=_FLAG)])
def test_any_chart_is_read_alike_in_one_loop_and_one_resource_at_a_time(resources: list[Json]) -> None:
    document = bundle(*resources)
    with pytest.MonkeyPatch.context() as monkeypatch:
        slowly = one_at_a_time(document, monkeypatch)

    assert the_reader().read(items_of(document), "p1") == slowly


def test_a_plain_result_needs_no_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "_observation", lambda *_: pytest.fail("a plain result was looked at twice"))

    record = the_reader().read(items_of(bundle(observation(interpretation=_FLAG, referenceRange=_RANGE))), "p1")

    assert [result.shown for result in record.results] == ["150 pg/mL"]
