"""Getting FHIR servers of other families from the package registries, once, into `build/servers`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / "build" / "servers"
GET_SECONDS = 600
CLASSPATH = KEPT / "hapi" / "classpath"
CLASSES = KEPT / "hapi" / "classes"
MEDPLUM = KEPT / "medplum"
_DEPENDENCIES = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:build-classpath"
_JAVA, _NODE = (17, 0), (20, 19)


class NotToBeHad(RuntimeError):
    """A server cannot be got on this machine; the message says what is missing, or what the registry's client said."""


def lacking(name: str) -> str | None:
    """What this machine lacks to run a server, None when nothing."""
    if name == "hapi":
        return _lacks(("java", "javac", "mvn")) or _older("Java", _JAVA, ("java", "-version"))
    if name == "medplum":
        return _lacks(("node", "npm")) or _older("Node", _NODE, ("node", "--version"))
    return None


def is_here(name: str) -> bool:
    """Whether a server was got before, and is what its package list asks for now."""
    if name == "hapi":
        made = [CLASSPATH, CLASSES / "HapiServer.class"]
        jars = CLASSPATH.read_text().split(os.pathsep) if CLASSPATH.exists() else []
        asked = [HERE / "hapi" / "pom.xml", HERE / "hapi" / "HapiServer.java"]
        return all(path.exists() for path in [*made, *map(Path, jars)]) and _newest(asked) <= _newest(made)
    if name == "medplum":
        made = [MEDPLUM / "package.json", MEDPLUM / "node_modules" / ".package-lock.json"]
        return all(path.exists() for path in made) and _newest([HERE / "medplum" / "package.json"]) <= _newest(made)
    return True


def get(name: str) -> None:
    """Get a server unless it is here; raises NotToBeHad."""
    if (why := lacking(name)) is not None:
        raise NotToBeHad(why)
    if not is_here(name) and name == "hapi":
        _get_hapi()
    if not is_here(name) and name == "medplum":
        _get_medplum()


def _get_hapi() -> None:
    """Let Maven bring HAPI's jars and name them, then compile the few lines that start it."""
    CLASSES.mkdir(parents=True, exist_ok=True)
    pom = HERE / "hapi" / "pom.xml"
    named = [f"-Dmaven.repo.local={KEPT / 'm2'}", f"-Dmdep.outputFile={CLASSPATH}", "-Dmdep.includeScope=runtime"]
    _run(["mvn", "--batch-mode", "--quiet", "--file", str(pom), *named, _DEPENDENCIES])
    shutil.copy(HERE / "hapi" / "logback.xml", CLASSES)
    source = HERE / "hapi" / "HapiServer.java"
    _run(["javac", "-nowarn", "-d", str(CLASSES), "-cp", CLASSPATH.read_text().strip(), str(source)])


def _get_medplum() -> None:
    MEDPLUM.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "medplum" / "package.json", MEDPLUM / "package.json")
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    _run(["npm", "install", "--prefix", str(MEDPLUM), *quiet])


def _run(command: Sequence[str]) -> None:
    try:
        ran = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=GET_SECONDS, check=False, text=True
        )
    except subprocess.TimeoutExpired as error:
        raise NotToBeHad(f"{command[0]} took more than {GET_SECONDS} s") from error
    if ran.returncode:
        raise NotToBeHad(f"{command[0]} failed: {(ran.stdout + ran.stderr)[-2000:]}")


def _lacks(programs: Sequence[str]) -> str | None:
    missing = [program for program in programs if shutil.which(program) is None]
    return f"{', '.join(missing)} not found" if missing else None


def _older(what: str, wanted: tuple[int, int], command: Sequence[str]) -> str | None:
    said = subprocess.run(command, capture_output=True, timeout=30, check=False, text=True)
    found = re.search(r"(\d+)(?:\.(\d+))?", said.stdout + said.stderr)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    return None if version >= wanted else f"{what} is older than {'.'.join(map(str, wanted))}"


def _newest(paths: Sequence[Path]) -> float:
    return max(path.stat().st_mtime for path in paths)
