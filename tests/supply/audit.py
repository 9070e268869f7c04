"""Asks for known vulnerabilities of what the image pins; says so plainly when there is nobody to ask.

python -m tests.supply.audit (`make audit`). Exit code 1: something is known. 0 with a line that begins SKIPPED: the
data could not be had, which says nothing about the packages.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .pins import ROOT

PINNED = ROOT / "requirements" / "image.txt"
#: Where pip-audit can have its data from.
SERVICES = ("pypi", "osv")


def judged(report: Mapping[str, Any]) -> tuple[int, str]:
    """Return the exit code and the words for what pip-audit reports."""
    packages = report["dependencies"]
    known = [(each["name"], each["version"], found) for each in packages for found in each.get("vulns", [])]
    if known:
        lines = (
            f"{name} {version}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version'}"
            for name, version, found in known
        )
        return 1, "\n".join(("Known vulnerabilities:", *lines))
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if len(unknown) == len(packages):
        return (
            0,
            f"SKIPPED: the data of vulnerabilities cannot be had here; none of {len(packages)} packages was looked up",
        )
    left = f"; SKIPPED, no data: {', '.join(unknown)}" if unknown else ""
    return 0, f"{len(packages) - len(unknown)} packages looked up, nothing known{left}"


def main() -> None:
    """Ask the services in turn until one answers."""
    said = "SKIPPED: the data of vulnerabilities cannot be had here"
    for service in SERVICES:
        command = [str(Path(sysconfig.get_path("scripts")) / "pip-audit"), "--require-hashes", "--disable-pip"]
        command += ["--vulnerability-service", service, "--requirement", str(PINNED), "--format", "json"]
        command += ["--progress-spinner", "off", "--timeout", "15"]
        ended = subprocess.run(command, capture_output=True, check=False)
        try:
            code, said = judged(json.loads(ended.stdout))
        except ValueError:
            continue  # it ended without a report: the service cannot be reached
        if code or not said.startswith("SKIPPED"):
            print(said)
            sys.exit(code)
    print(said)


if __name__ == "__main__":
    main()
