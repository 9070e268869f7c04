"""Writes docs/licences.md: under which licence each package of the image is, as its own metadata says.

Run by a Python that has just those packages: `make licences`. Only the standard library is needed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from .pins import ROOT, normal, pins, project

PAGE = ROOT / "docs" / "licences.md"
PINNED = ROOT / "requirements" / "image.txt"

#: Licences under which a package may be part of the image, by SPDX id: all let it be used, changed and passed on
#: beside our own code. LGPL-3.0-only and MPL-2.0 ask for the source of the package itself, which is unchanged.
ALLOWED = frozenset(
    {
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "MIT", "MIT-0", "PSF-2.0"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0"),
    }
)
#: What packages write who do not use SPDX ids, and what they mean by it. A bare "BSD" is held to be the stricter form.
SPELLINGS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD license": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
}
HEAD = """# Licences of what the image holds

Written by `make licences` from each package's own metadata, for the versions in `requirements/image.txt`, as installed
on Linux. A test fails when a version is not listed here, or a licence is not one of these:
{allowed}.

| package | version | licence | said by |
|---|---|---|---|
"""
FOOT = """
Under the LGPL or the MPL: {copyleft}. They are used as they are published
and stay replaceable, each installed as a package of its own. Packages that only tests, the demo, or other platforms
need are not in the image and not listed.
"""


class Unknown(ValueError):
    """A package does not say its licence, or says one that is not allowed; the message names it."""


def licence(package: Distribution) -> tuple[str, str]:
    """Return a package's licence as an SPDX expression, and which part of its metadata says so.

    Raises Unknown for one that says nothing that is understood, or a licence that is not allowed.
    """
    field, said = next(_said(package), ("", "nothing"))
    found = SPELLINGS.get(said, said)
    if not allowed(found):
        raise Unknown(f"{package.name} {package.version} says of its licence {said}: not allowed, or not known")
    return found, field


def allowed(expression: str) -> bool:
    """Return whether an SPDX expression leaves only what is allowed: every part of AND, some part of OR."""
    words = expression.replace("(", " ( ").replace(")", " ) ").split()
    reading = iter([*words, ""])
    try:
        return bool(words) and _any(reading)[0]
    except StopIteration:
        return False


def _any(words: Iterator[str]) -> tuple[bool, str]:
    held, then = _all(words)
    while then == "OR":
        further, then = _all(words)
        held = held or further
    return held, then


def _all(words: Iterator[str]) -> tuple[bool, str]:
    held, then = _one(words)
    while then == "AND":
        further, then = _one(words)
        held = held and further
    return held, then


def _one(words: Iterator[str]) -> tuple[bool, str]:
    word = next(words)
    held = _any(words)[0] if word == "(" else word in ALLOWED
    return held, next(words)


def _said(package: Distribution) -> Iterator[tuple[str, str]]:
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        yield "License-Expression", expression
    kept = [entry for entry in metadata.get_all("Classifier") or [] if entry.startswith("License :: ")]
    named = {SPELLINGS.get(last, last) for last in (entry.rpartition(" :: ")[2] for entry in kept)} - {"OSI Approved"}
    if named:
        yield "classifier", " AND ".join(sorted(named))
    if (text := (metadata.get("License") or "").strip()) and "\n" not in text:
        yield "License", text


def page(packages: dict[str, Distribution]) -> str:
    """Return the page; raises Unknown where one licence is not allowed or not known."""
    pinned = pins(PINNED)
    rows, copyleft = [], []
    for name, pin in sorted(pinned.items()):
        if name not in packages and pin.marker:
            continue
        if name not in packages or packages[name].version != pin.version:
            raise Unknown(f"{name} {pin.version} is not what is installed: run `make licences`")
        found, field = licence(packages[name])
        rows.append(f"| {name} | {pin.version} | {found} | {field} |\n")
        copyleft += [name] if "LGPL" in found or "MPL" in found else []
    head, foot = HEAD.format(allowed=", ".join(sorted(ALLOWED))), FOOT.format(copyleft=", ".join(copyleft) or "none")
    return head + "".join(rows) + foot


def listed() -> dict[str, tuple[str, str]]:
    """Return version and licence of each package, as the page says them."""
    rows = re.finditer(r"^\| ([\w-]+) \| (\S+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return {found[1]: (found[2], found[3]) for found in rows if found[1] not in ("package", "---")}


def main() -> None:
    """Write the page; with --check only say whether it would be another."""
    itself = str(project()["project"]["name"])
    packages = {normal(found.name): found for found in distributions() if normal(found.name) != itself}
    try:
        written = page(packages)
    except Unknown as unknown:
        sys.exit(str(unknown))
    if "--check" in sys.argv[1:]:
        sys.exit(0 if PAGE.read_text(encoding="utf-8") == written else f"{Path(PAGE).name}: run `make licences`")
    PAGE.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
