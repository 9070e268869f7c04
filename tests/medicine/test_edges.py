"""Every line is where the decisions put it: one step across it, the answer is another."""

import pytest

from service.evaluate import shipped

from .edges import EDGES, Edge, crossed, documents


@pytest.mark.parametrize(
    ("edge", "here", "there"), documents(), ids=[f"{edge.line}-{edge.protocol}-{n}" for n, edge in enumerate(EDGES)]
)
def test_one_step_across_a_line_the_answer_is_another(edge: Edge, here: bytes, there: bytes) -> None:
    assert crossed(edge, here, there, shipped()) == []
