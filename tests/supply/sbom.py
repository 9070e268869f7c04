"""Writes the bill of materials of the image (CycloneDX 1.6, JSON), and holds it against the schema and the pins.

python -m tests.supply.sbom PYTHON [FILE]: PYTHON has the image's packages and nothing else (`make sbom`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .licences import listed
from .pins import ROOT, Pin, normal, pins, project

FILE = ROOT / "build" / "sbom.cdx.json"
SCHEMA = "1.6"


def written(python: str) -> str:
    """Return the bill of what an interpreter has installed, the same bytes for the same packages."""
    command = [str(Path(sysconfig.get_path("scripts")) / "cyclonedx-py"), "environment", python]
    command += ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application", "--output-reproducible"]
    command += ["--spec-version", SCHEMA, "--output-format", "JSON", "--no-validate"]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode()


def completed(
    bill: dict[str, Any], pinned: Mapping[str, Pin], licences: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """Return the bill with the pinned sha256 of every file that a component may have been installed from.

    A component that has several stands for one of them: they are listed as properties, not as its hash. Where the
    tool read no licence, the one that docs/licences.md lists for that version is named.
    """
    for component in bill["components"]:
        version, said = licences.get(normal(component["name"]), ("", ""))
        if not component.get("licenses") and version == component["version"]:
            component["licenses"] = [{"expression": said, "acknowledgement": "declared"}]
        if pin := pinned.get(normal(component["name"])):
            told = [{"name": "b12-cds:pinned:sha256", "value": digest} for digest in pin.hashes]
            component["properties"] = [*component.get("properties", []), *told]
    return bill


def wrong(bill: Mapping[str, Any], pinned: Mapping[str, Pin], itself: str) -> list[str]:
    """Return what the bill and the pins do not agree on: nothing when each component is pinned and each pin listed."""
    listed = {normal(each["name"]): each["version"] for each in bill["components"]}
    listed.pop(itself, None)
    said = [f"{name} {version} is not pinned" for name, version in listed.items() if name not in pinned]
    for name, pin in pinned.items():
        if name not in listed and not pin.marker:
            said.append(f"{name} is pinned and not listed")
        elif name in listed and listed[name] != pin.version:
            said.append(f"{name} is listed as {listed[name]} and pinned to {pin.version}")
    return said + [f"{each['name']} has no licence" for each in bill["components"] if not each.get("licenses")]


def broken(bill: str) -> str | None:
    """Return where the bill does not fit CycloneDX's own schema, or None."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    found = JsonStrictValidator(SchemaVersion.from_version(SCHEMA)).validate_str(bill)
    return None if found is None else str(found)[:2000]


def main() -> None:
    """Write the bill; stop with what is wrong with it."""
    python, *rest = sys.argv[1:]
    file = Path(rest[0]) if rest else FILE
    pinned = pins(ROOT / "requirements" / "image.txt")
    bill = completed(json.loads(written(python)), pinned, listed())
    text = json.dumps(bill, indent=1, sort_keys=True) + "\n"
    if said := wrong(bill, pinned, str(project()["project"]["name"])):
        sys.exit("The bill of materials is wrong: " + "; ".join(said))
    if said_by_schema := broken(text):
        sys.exit(f"The bill of materials does not fit CycloneDX {SCHEMA}: {said_by_schema}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"{file}: {len(bill['components'])} components, CycloneDX {SCHEMA}, valid")


if __name__ == "__main__":
    main()
