"""schemathesis reads the OpenAPI document of the running service and calls everything in it, well and badly."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import openapi
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from .running import Running

EXAMPLES = 8
"""Calls of each operation with data that the document allows, and as many with data that it does not."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]
SERVICES = ("patient-view", "order-select", "order-sign", "problem-list-item-create", "medication-refill")
_GOOD = GenerationMode.POSITIVE
OPERATIONS = [
    *[("POST", f"/cds-services/b12-{hook}{feedback}") for hook in SERVICES for feedback in ("", "/feedback")],
    *[("OPTIONS", path) for path in ("/cds-services", "/cds-services/b12-order-sign")],
    *[("GET", path) for path in ("/cds-services", "/healthz", "/readyz", "/openapi.json")],
]


@pytest.fixture(scope="module")
def schema(service: Running) -> Any:
    return openapi.from_url(f"{service.base}/openapi.json")


def test_every_service_that_is_offered_is_called(service: Running) -> None:
    document = requests.get(f"{service.base}/openapi.json", timeout=10).json()
    calls = {path for path, operations in document["paths"].items() if "post" in operations and "cds-" in path}

    assert calls == {path for method, path in OPERATIONS if method == "POST"}


@pytest.mark.parametrize(
    ("method", "path", "mode"),
    [
        (*operation, mode)
        for operation in OPERATIONS
        for mode in GenerationMode
        if operation[0] == "POST" or mode is _GOOD
    ],
)
def test_each_operation_answers_as_the_document_says(
    service: Running, schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = schema[path][method]

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(mode))
    def called(case: Any) -> None:
        answer = case.call(base_url=service.base, timeout=20)
        case.validate_response(answer, checks=CHECKS)
        if "cards" in answer.text[:20]:
            assert answer.json()["extension"]["org.b12-cds.assessment"]

    called()


@given(st.data())
@settings(max_examples=30, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
def test_feedback_that_the_document_allows_is_taken(service: Running, schema: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for _, path in OPERATIONS if path.endswith("/feedback")]))
    case = data.draw(schema[path]["POST"].as_strategy(_GOOD))

    case.validate_response(case.call(base_url=service.base, timeout=20), checks=[*CHECKS, positive_data_acceptance])
