"""Carrying out the stages of a Dockerfile, as root: each instruction that writes makes a layer over those before.

Layers are kept by what they were made from, so that a second run makes only what has changed: the cache of a container
engine, by the same rules.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from .dockerfile import Instruction, Refused, Stage, copied, key, variables

#: What stands for the machine's own way to the package index, as a builder's arguments would.
PASSED_ON = ("PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT", "http_proxy", "https_proxy", "no_proxy")
BORROWED = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
FIRST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Instructions that say how a container is started, and change no file.
TOLD_ONLY = {"ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD"}


@dataclass(frozen=True)
class Made:
    """A stage so far: its layers, the lowest first; its key; and what later instructions and the container need."""

    layers: tuple[Path, ...]
    key: str
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": FIRST_PATH, "LANG": "C.UTF-8"})
    folder: str = "/"
    user: str = "0:0"
    volumes: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    built: int = 0


class Builder:
    """Builds the stages of one Dockerfile over a base, with the files of one folder."""

    def __init__(self, bases: Mapping[str, Path], store: Path, folder: Path, files: Sequence[Path]) -> None:
        self._bases, self._store, self._folder, self._files = bases, store, folder, list(files)
        self._stages: dict[str, Made] = {}
        store.mkdir(parents=True, exist_ok=True)

    def build(self, stage: Stage) -> Made:
        """Return the stage when all its instructions are carried out; raises Refused, CalledProcessError."""
        if stage.base in self._stages:
            made = replace(self._stages[stage.base], built=0)
        elif stage.base in self._bases:
            made = Made((self._bases[stage.base],), stage.base)
        else:
            raise Refused(f"Dockerfile: nothing stands for the image {stage.base}")
        for instruction in stage.instructions:
            made = self._told(made, instruction) if instruction.word in TOLD_ONLY else self._laid(made, instruction)
        self._stages[stage.name] = made
        return made

    def _told(self, made: Made, instruction: Instruction) -> Made:
        match instruction.word:
            case "ENV":
                return replace(made, environment=variables(instruction, made.environment))
            case "USER":
                return replace(made, user=instruction.rest.strip())
            case "VOLUME":
                return replace(made, volumes=(*made.volumes, instruction.rest.strip()))
            case "HEALTHCHECK":
                command = replace(instruction, rest=instruction.rest.strip().removeprefix("CMD"))
                return replace(made, health=tuple(command.listed()))
            case "CMD":
                return replace(made, command=tuple(instruction.listed()))
            case _:
                return made

    def _laid(self, made: Made, instruction: Instruction) -> Made:
        keys = {name: stage.key for name, stage in self._stages.items()}
        known = key(made.key, instruction, self._folder, self._files, keys)
        layer = self._store / known
        fresh = not layer.exists()
        if fresh:
            unfinished = self._store / f"{known}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            with merged(made.layers, unfinished, self._store) as root:
                self._write(root, made, instruction)
            unfinished.rename(layer)
        folder = str(Path(made.folder) / instruction.rest.strip()) if instruction.word == "WORKDIR" else made.folder
        return replace(made, layers=(*made.layers, layer), key=known, folder=folder, built=made.built + fresh)

    def _write(self, root: Path, made: Made, instruction: Instruction) -> None:
        match instruction.word:
            case "WORKDIR":
                inside(root, str(Path(made.folder) / instruction.rest.strip())).mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(root, made, instruction)
            case "RUN":
                self._run(root, made, instruction)

    def _copy(self, root: Path, made: Made, instruction: Instruction) -> None:
        *sources, destination = instruction.rest.split()
        target = inside(root, str(Path(made.folder) / destination))
        if stage := instruction.options.get("from"):
            with merged(self._stages[stage].layers, None, self._store) as other:
                target.mkdir(parents=True, exist_ok=True)
                for source in sources:
                    from_there = inside(other, source)
                    subprocess.run(["cp", "-a", "--reflink=auto", f"{from_there}/.", str(target)], check=True)
            return
        for file, place in copied(instruction, self._files).items():
            whole = target / place if len(sources) > 1 or destination.endswith("/") or place != file else target
            whole.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self._folder / file, whole)

    def _run(self, root: Path, made: Made, instruction: Instruction) -> None:
        if made.user != "0:0":
            raise Refused(f"Dockerfile, line {instruction.line}: a RUN after USER is not known to this check")
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        command = ["chroot", str(root), "/bin/sh", "-c", f'cd "{made.folder}" && {instruction.rest}']
        with devices(root), borrowed(root):
            environment = {**made.environment, **passed, "HOME": "/root"}
            ended = subprocess.run(command, env=environment, capture_output=True, check=False)
        if ended.returncode:
            said = (ended.stdout + ended.stderr).decode(errors="replace")
            raise Refused(f"Dockerfile, line {instruction.line}: exit code {ended.returncode}\n{said[-4000:]}")


def inside(root: Path, place: str) -> Path:
    """Return where an absolute path of the image is on this machine."""
    return root / place.lstrip("/")


@contextmanager
def merged(layers: Sequence[Path], upper: Path | None, store: Path) -> Iterator[Path]:
    """Lay layers over one another, writing to `upper`; without one nothing can be written."""
    point = store / f"mounted-{os.getpid()}-{len(list(store.glob('mounted-*')))}"
    point.mkdir()
    options = "lowerdir=" + ":".join(str(layer) for layer in reversed(layers))
    work = store / f"{point.name}.work"
    if upper is not None:
        work.mkdir()
        options += f",upperdir={upper},workdir={work}"
    elif len(layers) == 1:
        options += f":{layers[0]}"
    mount("-t", "overlay", "overlay", "-o", options, str(point))
    try:
        yield point
    finally:
        unmount(point)
        point.rmdir()
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def devices(root: Path) -> Iterator[None]:
    """Give a root its /proc and the devices that any container has, while the block runs."""
    made = [root / "proc"]
    mount("-t", "proc", "proc", str(root / "proc"))
    try:
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(root / "dev"))
        made.append(root / "dev")
        for name in DEVICES:
            (root / "dev" / name).touch()
            mount("--bind", f"/dev/{name}", str(root / "dev" / name))
        (root / "dev" / "shm").mkdir(mode=0o1777)
        yield
    finally:
        for point in reversed(made):
            unmount(point)


@contextmanager
def borrowed(root: Path) -> Iterator[None]:
    """Lend a root this machine's way out: names, and the certificates that its package index is known by."""
    points: list[Path] = []
    try:
        for place in BORROWED:
            point = inside(root, place)
            if Path(place).exists() and point.exists():
                mount("--bind", place, str(point))
                points.append(point)
        yield
    finally:
        for point in reversed(points):
            unmount(point)


def mount(*words: str) -> None:
    """Mount; raises CalledProcessError."""
    subprocess.run(["mount", *words], check=True)


def unmount(point: Path) -> None:
    """Take a mount and all that is mounted below it away."""
    subprocess.run(["umount", "--recursive", str(point)], check=True)
