"""Whole answers kept word for word: a change in what a clinician reads shows as a diff.

`python -m tests.golden` writes them anew; read the diff before committing it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.medicine.ask import answer, chart_of
from tests.vignettes import TODAY, vignette

HERE = Path(__file__).parent
KEPT = (
    ("V23", "us-aafp"),
    ("V23", "us-label"),
    ("V26", "uk-ng239"),
    ("V42", "uk-ng239"),
    ("V49", "us-aafp"),
    ("V56", "uk-ng239"),
    ("V62", "us-aafp"),
    ("V69", "uk-ng239"),
    ("V90", "uk-ng239"),
    ("V91", "us-aafp"),
)


def written(content: Any) -> str:
    return json.dumps(_unstamped(content), indent=2, ensure_ascii=False) + "\n"


def _unstamped(content: Any) -> Any:
    """The content without the fingerprint of the rule set, which any edit of a mapping file changes."""
    if isinstance(content, list):
        return [_unstamped(each) for each in content]
    if isinstance(content, dict):
        return {key: "…" if key == "ruleSet" else _unstamped(each) for key, each in content.items()}
    return content


def files(name: str, protocol: str) -> tuple[Path, Path]:
    """Where the request and the response are kept."""
    return HERE / f"{name}.request.json", HERE / f"{name}.{protocol}.response.json"


def fresh() -> Iterator[tuple[Path, str]]:
    """Every file as it would be written today."""
    for name, protocol in KEPT:
        request, response = files(name, protocol)
        chart = chart_of(vignette(name))
        yield request, written(chart)
        yield response, written(answer(chart, protocol, TODAY))
