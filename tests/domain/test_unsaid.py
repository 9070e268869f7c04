"""What a type of the domain says where nobody said anything: nothing, no, none."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

import service.domain

#: What is so until it is denied.
_USUALLY_SO = {
    ("Concept", "certainty"): "established",
    ("Concept", "trust"): "verified",
    ("Draft", "can_change"): True,
    ("Draft", "selected"): True,
    ("Exposure", "systemic"): True,
}
_NOTHING: dict[str, Any] = {"bool": False, "str": "", "int": 0, "tuple": (), "frozenset": frozenset(), "dict": {}}


def unsaid() -> Iterator[tuple[str, str, str, Any]]:
    """Every field that may be left out: its type's name, its own, how it is annotated, and what it then is."""
    for file in sorted(Path(service.domain.__file__).parent.glob("*.py")):
        module = import_module(f"service.domain.{file.stem}")
        for name, kind in getmembers(module, isclass):
            if kind.__module__ == module.__name__:
                for field, default in _left_out(kind):
                    annotation = kind.__annotations__[field]
                    yield name, field, getattr(annotation, "__forward_arg__", annotation), default


def _left_out(kind: type) -> Iterator[tuple[str, Any]]:
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            if field.default_factory is not dataclasses.MISSING:
                yield field.name, field.default_factory()
            elif field.default is not dataclasses.MISSING:
                yield field.name, field.default
    else:
        yield from getattr(kind, "_field_defaults", {}).items()


def test_what_is_left_out_is_nothing_no_or_none() -> None:
    found = {(name, field): (annotation, default) for name, field, annotation, default in unsaid()}

    for place, (annotation, default) in found.items():
        optional = annotation.endswith("| None")
        kind = annotation.replace("Mapping", "dict").partition("[")[0]
        expected = _USUALLY_SO[place] if place in _USUALLY_SO else None if optional else _NOTHING[kind]
        assert default == expected, place
        assert optional or place in _USUALLY_SO or type(default) is type(expected), place
    assert _USUALLY_SO.keys() <= found.keys()
