"""Kept requests still get the kept responses; after an intended change run `python -m tests.golden`."""

from __future__ import annotations

import json

import pytest

from tests.medicine.ask import answer
from tests.vignettes import TODAY

from . import HERE, KEPT, files, fresh, written


@pytest.mark.parametrize(("name", "protocol"), KEPT)
def test_a_kept_request_gets_its_kept_response(name: str, protocol: str) -> None:
    request, response = files(name, protocol)
    chart = json.loads(request.read_text(encoding="utf-8"))

    assert written(answer(chart, protocol, TODAY)) == response.read_text(encoding="utf-8")


def test_nothing_is_kept_that_is_no_longer_asked_and_requests_are_as_drawn() -> None:
    expected = dict(fresh())

    assert {path.name for path in HERE.glob("*.json")} == {path.name for path in expected}
    assert all(
        path.read_text(encoding="utf-8") == text
        for path, text in expected.items()
        if path.name.endswith(".request.json")
    )
