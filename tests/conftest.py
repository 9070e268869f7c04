"""What every test shares: hypothesis looks the same way each time, a busy machine is no failure, counts are printed."""

from __future__ import annotations

import os
from functools import partialmethod

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings

# No test keeps anything in the user's own folder.
os.environ["B12_DATABASE"] = "none"

# As a server does, a test's client takes an answer whole and says that it is done with it (PEP 3333).
FlaskClient.open = partialmethod(FlaskClient.open, buffered=True)  # type: ignore[assignment]

settings.register_profile("project", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests counted (`record_property("count", words)`), so that a proof shows its size."""
    passed = terminalreporter.getreports("passed")
    counts = sorted({words for report in passed for name, words in report.user_properties if name == "count"})
    if counts:
        terminalreporter.section("counted")
        terminalreporter.write("".join(f"{words}\n" for words in counts))
