"""A clean Debian root that stands for the Python image a Dockerfile starts from."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from .dockerfile import Refused

#: What the image has beside a minimal Debian: its Python under the name `python`, with pip, and certificates.
PACKAGES = ("python3", "python3-venv", "python3-pip", "python-is-python3", "ca-certificates")
_IMAGE = re.compile(r"python:(?P<python>3\.\d+)-slim-(?P<suite>[a-z]+)")


def base(image: str, store: Path) -> Path:
    """Return the root for an image, made once. Raises Refused where Debian has nothing that could stand for it."""
    named = _IMAGE.fullmatch(image)
    if named is None:
        raise Refused(f"FROM {image}: only python:3.x-slim-SUITE can be stood for")
    root = store / f"base-{named['suite']}"
    if not root.exists():
        unfinished = store / f"base-{named['suite']}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        wanted = ["--variant=minbase", f"--include={','.join(PACKAGES)}"]
        subprocess.run(
            ["debootstrap", *wanted, named["suite"], str(unfinished), mirror(named["suite"])],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        _slim(unfinished)
        unfinished.rename(root)
    said = subprocess.run(["chroot", str(root), "python", "--version"], capture_output=True, check=True).stdout.decode()
    if not said.startswith(f"Python {named['python']}."):
        raise Refused(f"FROM {image}: the python of Debian {named['suite']} is {said.strip()}, another version")
    return root


def mirror(suite: str) -> str:
    """Return where this machine gets Debian's packages of a suite; raises Refused where it gets them nowhere."""
    form = "$(CODENAME) $(COMPONENT) $(REPO_URI)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"], capture_output=True, check=True
    )
    for line in listed.stdout.decode().splitlines():
        words = line.split()
        if words[:2] == [suite, "main"]:
            return words[2]
    raise Refused(f"apt on this machine has no packages of Debian {suite}")


def _slim(root: Path) -> None:
    """Take out what the slim image takes out: downloaded packages, lists, documentation, translations."""
    for folder in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(root / folder, ignore_errors=True)
