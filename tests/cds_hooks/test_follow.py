"""A service may ask for what the answers refer to: read last, under the same deadline."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import msgspec

from cds_hooks.completion import FOLLOWED, complete
from cds_hooks.context import read_context
from cds_hooks.prefetch import FetchFailed, Prefetched, State, Template
from cds_hooks.registry import Service
from cds_hooks.wire import HookRequest, Response


def _service(references: tuple[str, ...]) -> Service:
    def follow(data: Mapping[str, Prefetched]) -> tuple[str, ...]:
        assert "orders" in data

        return references

    return Service(
        id="some-view",
        hook="patient-view",
        title="Title",
        description="Description",
        answer=lambda _: Response(cards=()),
        prefetch=(Template("orders", "MedicationRequest?patient={{context.patientId}}"),),
        follow=follow,
    )


def _fetch(server: str, path: str, token: str | None, deadline: float) -> bytes:
    if path == "Medication/gone":
        raise FetchFailed("404")
    if path.startswith("Medication/"):
        return json.dumps({"resourceType": "Medication", "id": path.partition("/")[2]}).encode()
    return b'{"resourceType": "Bundle", "type": "searchset"}'


def _completed(
    references: tuple[str, ...], server: str | None = "https://ehr.example/fhir"
) -> Mapping[str, Prefetched]:
    raw = {"userId": "Practitioner/1", "patientId": "p1"}
    context = read_context("patient-view", msgspec.Raw(json.dumps(raw).encode()))
    request = HookRequest(hook="patient-view", hookInstance="x", context=msgspec.Raw(b"{}"), fhirServer=server)
    with ThreadPoolExecutor(4) as pool:
        return complete(_service(references), request, context, _fetch, pool=pool)


def test_referenced_resources_are_read_and_found_under_their_own_key() -> None:
    had = _completed(("Medication/a", "Medication/b"))[FOLLOWED]

    assert had.state is State.FETCHED
    assert [resource["id"] for resource in had.resources] == ["a", "b"]  # type: ignore[index]
    assert had.why is None


def test_a_reference_that_cannot_be_followed_is_said_and_costs_no_other() -> None:
    had = _completed(("Medication/a", "Medication/gone"))[FOLLOWED]

    assert len(had.resources) == 1
    assert had.why == "1 of 2 references could not be followed"
    assert had.truncated


def test_nothing_is_followed_without_a_server_or_without_references() -> None:
    assert FOLLOWED not in _completed(())
    assert FOLLOWED not in _completed(("Medication/a",), server=None)
