"""The four states of a prefetch key, paging and the deadline: sections C and D of the checklist, 1.7 rows 4-8."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
import requests

from cds_hooks.completion import complete
from cds_hooks.context import read_context
from cds_hooks.errors import MalformedRequest, MissingPrefetch, WrongPatient
from cds_hooks.pages import plain_page
from cds_hooks.prefetch import FetchFailed, Prefetched, State, Template
from cds_hooks.receive import parse
from tests.cds_hooks.kit import (
    PATIENT,
    REQUIRES,
    TEMPLATES,
    TOKEN,
    FhirServer,
    authorization,
    bundle,
    everything,
    hook_request,
    no_fetch,
    observation,
    outcome,
    raw,
    service,
)

POOL = ThreadPoolExecutor(16)


def get(server: str, path: str, token: str | None, deadline: float) -> bytes:
    """Fetch in the simplest way that can be right."""
    url = path if path.startswith("http") else f"{server}/{path}"
    try:
        answer = requests.get(
            url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=max(0.001, deadline - time.monotonic()),
        )
    except requests.RequestException:
        raise FetchFailed("no answer in time") from None
    if answer.status_code != 200:
        raise FetchFailed(f"status {answer.status_code}")
    return answer.content


def known(
    prefetch: Any, server: str | None = None, *, fetch=get, changes: dict[str, Any] | None = None, **options: Any
) -> dict[str, Prefetched]:
    request: dict[str, Any] = {"prefetch": prefetch}
    if server:
        request |= {"fhirServer": server, "fhirAuthorization": authorization()}
    parsed = parse(msgspec.json.encode(hook_request(**request)))
    declared = service(**(changes or {}))
    context = read_context("patient-view", parsed.context)
    return dict(complete(declared, parsed, context, fetch, pool=POOL, **options))


def states(had: dict[str, Prefetched]) -> dict[str, str]:
    return {key: prefetched.state.value for key, prefetched in had.items()}


def without(*keys: str) -> dict[str, Any]:
    return {key: value for key, value in everything().items() if key not in keys}


def test_c11_what_was_sent_is_used_and_nothing_is_fetched(fhir: FhirServer):
    had = known(everything(), fhir.base)

    assert states(had) == {"patient": "sent", "b12": "sent", "conditions": "none", "allergies": "none"}
    assert had["patient"].resources == (PATIENT,)
    assert had["b12"].resources == (observation(),)
    assert fhir.asked == []


def test_c15_null_means_none_found_and_is_not_asked_again(fhir: FhirServer):
    fhir.answers = {"AllergyIntolerance": bundle({"resourceType": "AllergyIntolerance"})}

    had = known(everything() | {"allergies": None}, fhir.base)

    assert had["allergies"] == Prefetched(key="allergies", state=State.NONE)
    assert fhir.asked == []


def test_d9_d12_d14_a_missing_key_is_fetched_with_the_token(fhir: FhirServer):
    fhir.answers = {"Observation": bundle(observation(1), observation(2))}

    had = known(without("b12"), fhir.base)

    assert had["b12"] == Prefetched(key="b12", state=State.FETCHED, resources=(observation(1), observation(2)))
    assert [asked.headers["Authorization"] for asked in fhir.asked] == [f"Bearer {TOKEN}"]
    assert fhir.asked[0].args.to_dict() == {"patient": "pat-1", "code": "http://loinc.org|2132-9", "_count": "20"}


def test_d8_d9_a_request_without_prefetch_is_fetched_altogether(fhir: FhirServer):
    fhir.answers = {
        "Patient": PATIENT,
        "Observation": bundle(observation()),
        "Condition": bundle(),
        "AllergyIntolerance": bundle(),
    }

    assert states(known(None, fhir.base)) == {
        "patient": "fetched",
        "b12": "fetched",
        "conditions": "none",
        "allergies": "none",
    }


def test_d12_an_open_server_is_asked_without_a_token(fhir: FhirServer):
    fhir.answers = {"Condition": bundle()}
    request = parse(msgspec.json.encode(hook_request(prefetch=without("conditions"), fhirServer=fhir.base)))

    had = complete(service(), request, read_context("patient-view", request.context), get, pool=POOL)

    assert had["conditions"].state is State.NONE
    assert "Authorization" not in fhir.asked[0].headers


def test_c14_d10_a_reported_error_is_tried_once_at_the_server(fhir: FhirServer):
    fhir.answers = {"AllergyIntolerance": bundle({"resourceType": "AllergyIntolerance"})}

    had = known(everything() | {"allergies": outcome()}, fhir.base)

    assert had["allergies"].state is State.FETCHED
    assert len(fhir.asked) == 1


def test_d10_a_reported_error_that_the_server_repeats_is_failed_in_words_without_the_patient(fhir: FhirServer):
    fhir.answers = {"AllergyIntolerance": outcome(code="suppressed")}

    had = known(everything() | {"allergies": outcome()}, fhir.base)

    assert had["allergies"] == Prefetched(
        key="allergies",
        state=State.FAILED,
        why="OperationOutcome: forbidden; OperationOutcome: suppressed",
    )
    assert len(fhir.asked) == 1


def test_d10_an_error_inside_a_searchset_is_no_searchset():
    mixed = bundle(observation(), outcome(code="incomplete"))

    assert states(known(everything() | {"allergies": mixed}))["allergies"] == "failed"


def test_d10_a_warning_inside_a_searchset_leaves_its_matches():
    had = known(everything() | {"b12": bundle(observation(), outcome("warning", "informational"))})

    assert had["b12"].resources == (observation(),)


def test_a_missing_key_without_a_server_is_failed_when_it_is_optional():
    had = known(without("allergies"))

    assert had["allergies"] == Prefetched(
        key="allergies", state=State.FAILED, why="not sent; the request names no fhirServer"
    )


def test_a_server_that_is_not_allowed_fails_the_optional_keys_only():
    had = known(without("allergies"), "https://ehr.example/fhir", fetch=no_fetch)

    assert had["allergies"].why == "not sent; server not on the allow-list"
    assert states(had)["b12"] == "sent"


@pytest.mark.parametrize(
    ("prefetch", "named"),
    [
        (without("patient"), ("prefetch.patient",)),
        (everything() | {"patient": None}, ("prefetch.patient",)),
        (without("b12", "conditions"), ("prefetch.b12", "prefetch.conditions")),
        ({}, ("prefetch.patient", "prefetch.b12", "prefetch.conditions")),
        (None, ("prefetch.patient", "prefetch.b12", "prefetch.conditions")),
    ],
)
@pytest.mark.parametrize("server", [None, "https://ehr.example/fhir"])
def test_d11_e4_required_data_that_cannot_be_had_is_a_412_naming_its_keys(prefetch, named, server):
    with pytest.raises(MissingPrefetch) as refused:
        known(prefetch, server, fetch=no_fetch)

    assert refused.value.status == 412
    assert refused.value.expression == named
    for element in named:
        assert element.removeprefix("prefetch.") in refused.value.diagnostics


@pytest.mark.parametrize("present", ["b12", "conditions"])
def test_d11_one_key_of_a_required_set_is_enough(present):
    had = known({"patient": PATIENT, present: bundle()})

    assert had[present].state is State.NONE


def test_c13_further_pages_are_fetched_with_the_token(fhir: FhirServer):
    fhir.answers = {
        "page-2": bundle(observation(2), next_link=f"{fhir.base}/?page=3"),
        "page-3": bundle(observation(3)),
    }

    had = known(everything() | {"b12": bundle(observation(1), next_link=f"{fhir.base}/?page=2")}, fhir.base)

    assert had["b12"] == Prefetched(
        key="b12", state=State.SENT, resources=(observation(1), observation(2), observation(3))
    )
    assert {asked.headers["Authorization"] for asked in fhir.asked} == {f"Bearer {TOKEN}"}


def test_c13_pages_of_a_fetched_search_are_followed_too(fhir: FhirServer):
    fhir.answers = {
        "Observation": bundle(observation(1), next_link=f"{fhir.base}/?page=2"),
        "page-2": bundle(observation(2)),
    }

    had = known(without("b12"), fhir.base)

    assert had["b12"].resources == (observation(1), observation(2))
    assert not had["b12"].truncated


def test_c13_a_first_page_whose_next_cannot_be_had_is_truncated(fhir: FhirServer):
    first = everything() | {"b12": bundle(observation(1), next_link=f"{fhir.base}/?page=2")}

    assert known(first, fhir.base)["b12"] == Prefetched(
        key="b12",
        state=State.SENT,
        resources=(observation(1),),
        why="further pages: status 404",
        truncated=True,
    )
    assert known(first)["b12"].why == "the request names no fhirServer"
    assert known(first)["b12"].truncated


def test_c13_an_empty_first_page_whose_next_cannot_be_had_is_not_taken_for_none_found():
    first = everything() | {"allergies": bundle(next_link="https://ehr.example/fhir?page=2")}

    assert known(first)["allergies"].state is State.FAILED


def test_c13_pages_that_never_end_are_cut(fhir: FhirServer):
    fhir.answers = {"page-2": bundle(observation(2), next_link=f"{fhir.base}/?page=2")}

    had = known(
        everything() | {"b12": bundle(observation(1), next_link=f"{fhir.base}/?page=2")},
        fhir.base,
        page_limit=4,
    )

    assert len(had["b12"].resources) == 4
    assert had["b12"].truncated
    assert had["b12"].why == "more than 4 pages"


SIX = tuple(
    Template(f"key{number}", f"Observation?patient={{{{context.patientId}}}}&_count={number}") for number in range(6)
)


def test_d16_six_queries_of_100_ms_take_less_than_250_ms(fhir: FhirServer):
    fhir.answers = {"Observation": bundle(observation())}
    fhir.delay = 0.1

    started = time.monotonic()
    had = known({}, fhir.base, changes={"prefetch": SIX, "requires": ()})
    took = time.monotonic() - started

    assert set(states(had).values()) == {"fetched"}
    assert took < 0.25


def test_one_deadline_holds_for_all_keys_together(fhir: FhirServer):
    fhir.answers = {"Observation": bundle(observation())}
    fhir.delay = 1.0

    started = time.monotonic()
    had = known({}, fhir.base, changes={"prefetch": SIX, "requires": ()}, seconds=0.2)
    took = time.monotonic() - started

    assert set(states(had).values()) == {"failed"}
    assert took < 0.5


def test_the_deadline_holds_against_a_fetch_that_ignores_it():
    def stubborn(server: str, path: str, token: str | None, deadline: float) -> bytes:
        time.sleep(0.6)
        return b"{}"

    started = time.monotonic()
    had = known(
        everything()
        | {"b12": bundle(observation(), next_link="https://ehr.example/fhir?page=2")}
        | {"allergies": outcome()},
        "https://ehr.example/fhir",
        fetch=stubborn,
        seconds=0.1,
    )
    took = time.monotonic() - started

    assert took < 0.4
    assert had["allergies"].why == "OperationOutcome: forbidden; the time for fetching ran out"
    assert had["b12"].resources == (observation(),)
    assert had["b12"].truncated


def test_row_7_a_required_key_that_times_out_is_a_412(fhir: FhirServer):
    fhir.delay = 0.5

    with pytest.raises(MissingPrefetch, match="patient"):
        known(without("patient"), fhir.base, seconds=0.1)


@pytest.mark.parametrize(
    "answer",
    [b"<html></html>", b"{", b"[]", b'{"no":"type"}', b"\xff", b'{"resourceType":"Patient","id":"pat-2"}'],
    ids=["html", "truncated", "array", "untyped", "not utf-8", "another patient"],
)
def test_an_answer_that_cannot_be_used_is_failed(answer):
    def odd(server: str, path: str, token: str | None, deadline: float) -> bytes:
        return answer

    with pytest.raises(MissingPrefetch) as refused:
        known(without("patient"), "https://ehr.example/fhir", fetch=odd)

    assert "pat-2" not in refused.value.diagnostics


def test_a_fault_in_fetching_is_not_swallowed():
    def broken(server: str, path: str, token: str | None, deadline: float) -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        known(without("allergies"), "https://ehr.example/fhir", fetch=broken)


@pytest.mark.parametrize("value", ["text", 7, [], [PATIENT], True, {}, {"id": "pat-1"}, {"resourceType": 1}])
@pytest.mark.parametrize("key", ["patient", "b12"])
def test_d8_a_value_that_is_no_resource_is_refused_by_its_key(key, value):
    with pytest.raises(MalformedRequest) as refused:
        known(everything() | {key: value})

    assert refused.value.expression == (f"prefetch.{key}",)


def test_d8_another_resource_under_a_read_is_refused():
    with pytest.raises(MalformedRequest, match=r"prefetch\.patient must be a Patient"):
        known(everything() | {"patient": bundle(PATIENT)})


def test_d8_a_bundle_in_the_place_of_prefetch_is_refused():
    with pytest.raises(MalformedRequest) as refused:
        known(bundle(PATIENT))

    assert refused.value.expression == ("prefetch",)


@pytest.mark.parametrize("patient", [PATIENT | {"id": "pat-2"}, {"resourceType": "Patient"}])
def test_row_15_another_patient_is_refused_before_anything_is_fetched(fhir: FhirServer, patient):
    with pytest.raises(WrongPatient) as refused:
        known({"patient": patient}, fhir.base)

    assert refused.value.expression == ("prefetch.patient", "context.patientId")
    assert "pat-2" not in refused.value.diagnostics
    assert fhir.asked == []


def test_c12_keys_that_were_not_asked_for_are_ignored():
    assert set(known(everything() | {"extra": "anything"})) == {template.key for template in TEMPLATES}


def test_a_read_whose_token_the_context_lacks_is_failed_when_optional(fhir: FhirServer):
    encounter = Template("encounter", "Encounter/{{context.encounterId}}")

    had = known(everything(), fhir.base, changes={"prefetch": (*TEMPLATES, encounter), "requires": REQUIRES})

    assert had["encounter"].why == "not sent; the context lacks what the query needs"
    assert fhir.asked == []


def test_the_reader_of_the_service_decides_what_a_resource_is():
    seen: list[bytes] = []

    def reader(body: bytes | msgspec.Raw):
        seen.append(bytes(body))
        return plain_page(body)

    known({"patient": PATIENT, "b12": bundle()}, changes={"read_page": reader})

    assert seen == [json.dumps(PATIENT, separators=(",", ":")).encode(), bytes(raw(bundle()))]


def test_what_is_known_does_not_show_the_record_when_it_is_printed():
    assert "1951" not in repr(known(everything()))


def test_a_page_of_the_wrong_form_is_refused_by_the_reader():
    for odd in ({"resourceType": "Bundle", "entry": {}}, {"resourceType": "Bundle", "entry": [7]}):
        with pytest.raises(ValueError):
            plain_page(raw(odd))
