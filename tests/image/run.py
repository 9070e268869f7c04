"""Proves the Dockerfile where there is no container engine: carries out its instructions, then tries what they make.

sudo make image-check, or as root: python -m tests.image.run [--store FOLDER]

Debian's python3 in a clean root of the same suite, made by debootstrap, stands for the image that FROM names.
That proves every instruction, what is installed and how it runs; it does not prove the published base image itself: its
own Python build, its size, or anything a container engine adds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.supply.pins import ROOT, normal, pins, project

from .base import base
from .dockerfile import Refused, context, stages
from .layers import Builder, Made, merged
from .running import Failed, must

#: What the Dockerfile adds to its base may not grow past this unnoticed.
LARGEST_MB = 230
#: Packages that only a test, the demo's server or a build needs, and that nothing else may bring in.
PARTS_THAT_STAY_OUT = ("sandbox", "test", "browser", "mutation", "supply")


def main() -> int:
    """Build, look, start; return 0 when all holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=ROOT / "build" / "image", help="where roots and layers are kept")
    arguments = parser.parse_args()
    needed = ("debootstrap", "unshare", "chroot", "setpriv", "mount")
    if os.geteuid() != 0 or (missing := [tool for tool in needed if shutil.which(tool) is None]):
        print(f"this check needs root and {', '.join(missing if os.geteuid() == 0 else needed)}", file=sys.stderr)
        return 2
    if os.environ.get("B12_IMAGE_ALONE") != "1":
        alone = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.image.run"]
        return subprocess.call([*alone, *sys.argv[1:]], env={**os.environ, "B12_IMAGE_ALONE": "1"}, cwd=ROOT)
    try:
        _prove(arguments.store.resolve())
    except (Refused, Failed) as error:
        print(f"The image fails: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"The image fails: exit code {error.returncode} of {error.cmd}", file=sys.stderr)
        return 1
    print("The image holds.")
    return 0


def _prove(store: Path) -> None:
    begun = time.monotonic()
    read = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    names = {stage.name for stage in read}
    bases = {stage.base: base(stage.base, store) for stage in read if stage.base not in names}
    print(f"base: {_megabytes(next(iter(bases.values()))):.0f} MB, after {time.monotonic() - begun:.0f} s", flush=True)
    builder = Builder(bases, store / "layers", ROOT, context(ROOT))
    for stage in read:
        made = builder.build(stage)
        print(f"stage {stage.name}: {made.built} layers made anew, after {time.monotonic() - begun:.0f} s", flush=True)
    for layer in made.layers[1:]:
        print(f"  layer {layer.name}: {_megabytes(layer):.1f} MB")
    with merged(made.layers, None, store / "layers") as root:
        _look(root, made)
        _start(root, made)


def _look(root: Path, made: Made) -> None:
    """Hold what is in the image against what was pinned."""
    added = sum(_megabytes(layer) for layer in made.layers[1:])
    must(added <= LARGEST_MB, f"it adds {added:.0f} MB to its base, at most {LARGEST_MB}")
    (packages,) = root.glob("opt/b12-cds/lib/python3*/site-packages")
    installed = {normal(info.name.partition("-")[0]): info for info in packages.glob("*.dist-info")}
    pinned = pins(ROOT / "requirements" / "image.txt")
    itself = str(project()["project"]["name"])
    must(set(installed) <= {*pinned, itself}, f"its {len(installed)} packages are pinned, every one")
    must(
        {name for name, pin in pinned.items() if not pin.marker} <= set(installed), "and none that is pinned is missing"
    )
    must(
        all(
            installed[name].name.partition("-")[2] == f"{pinned[name].version}.dist-info"
            for name in installed
            if name != itself
        ),
        "in the versions that are pinned",
    )
    foreign = {name for name in PARTS_THAT_STAY_OUT if (packages / name).exists()} | {
        name for name in ("tests", "bench", "pip", "setuptools", "pytest", "sekmet") if (packages / name).exists()
    }
    must(not foreign, "no test, no demo server and no installer is in it")
    sources = [file for file in packages.rglob("*.py") if "site-packages" in file.parts]
    bare = [file for file in sources if not list(file.parent.glob(f"__pycache__/{file.stem}.*.pyc"))]
    must(not bare, f"all its {len(sources)} modules have byte code")
    setuid = [
        path
        for layer in made.layers[1:]
        for path in layer.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o6000
    ]
    must(not setuid, "no file that it adds runs with another's rights")
    must(made.user.partition(":")[0].isdigit() and not made.user.startswith("0:"), f"its user is {made.user}, not root")


def _start(root: Path, made: Made) -> None:
    with tempfile.TemporaryDirectory(prefix="b12-image-") as state:
        Path(state).chmod(0o755)
        told = {
            "root": str(root),
            "state": state,
            "environment": made.environment,
            "user": made.user,
            "volumes": made.volumes,
            "health": made.health,
            "command": made.command,
        }
        words = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m", "tests.image.running"]
        ended = subprocess.run(words, input=json.dumps(told).encode(), cwd=ROOT, check=False)
        if ended.returncode:
            raise Failed("what it holds does not run as it must")
        kept = [file.name for file in Path(state).rglob("*.sqlite3")]
        must(kept != [], f"its state is in the volume: {', '.join(kept)}")


def _megabytes(folder: Path) -> float:
    said = subprocess.run(["du", "-s", "-k", "-x", str(folder)], capture_output=True, check=True).stdout.decode()
    return int(re.split(r"\s", said)[0]) / 1024


if __name__ == "__main__":
    sys.exit(main())
