"""Puts a mutant to work in a process that has imported everything already: the code of its functions is exchanged."""

from __future__ import annotations

import functools
import gc
import inspect
import sys
from collections import defaultdict
from importlib.machinery import SourceFileLoader
from types import CodeType, FunctionType
from typing import Any

DOMAIN = "service.domain"
OURS = ("service", "cds_hooks", "tests")


def compiled(source: str, file: str) -> CodeType:
    """Return a module's code as an import would make it."""
    return compile(source, file, "exec", dont_inherit=True)


def differing(old: CodeType, new: CodeType) -> list[tuple[CodeType, CodeType]] | None:
    """Return each function's code that is another with its replacement; None when the module itself is another."""
    if old == new:
        return []
    if old.co_flags & inspect.CO_OPTIMIZED:
        return [(old, new)]
    mine, its = _inner(old), _inner(new)
    if old.co_code != new.co_code or len(mine) != len(its) or _plain(old) != _plain(new):
        return None
    pairs: list[tuple[CodeType, CodeType]] = []
    for one, other in zip(mine, its, strict=True):
        inner = differing(one, other)
        if inner is None:
            return None
        pairs += inner
    return pairs


def _inner(code: CodeType) -> list[CodeType]:
    return [const for const in code.co_consts if isinstance(const, CodeType)]


def _plain(code: CodeType) -> tuple[Any, ...]:
    return code.co_names, [(type(c), c) for c in code.co_consts if not isinstance(c, CodeType)]


def functions() -> dict[CodeType, list[FunctionType]]:
    """Return every function of the domain by its code."""
    held: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and str(each.__module__).startswith(DOMAIN):
            held[each.__code__].append(each)
    return held


def exchange(pairs: list[tuple[CodeType, CodeType]], held: dict[CodeType, list[FunctionType]]) -> bool:
    """Exchange the codes; return whether every one was held by a function."""
    if any(old not in held or old.co_freevars != new.co_freevars for old, new in pairs):
        return False
    for old, new in pairs:
        for function in held[old]:
            function.__code__ = new
    return True


_caches: list[functools._lru_cache_wrapper[Any]] = []
#: Rooms that do not depend on the domain.
_STRANGERS = ("service.ucum", "service.store", "service.clients")
#: What is made anew on purpose only.
_KEPT = ("shipped", "kept", "questions", "vignettes", "documents")


def forget(*rooms: str) -> None:
    """Empty the caches of these rooms: what was worked out by the unchanged code."""
    if not _caches:
        _caches.extend(each for each in gc.get_objects() if isinstance(each, functools._lru_cache_wrapper))
    for each in _caches:
        room = str(each.__module__)
        if (
            room.startswith(rooms)
            and not room.startswith(_STRANGERS)
            and (len(rooms) > 1 or each.__name__ not in _KEPT)
        ):
            each.cache_clear()


def drop(*rooms: str) -> None:
    """Drop the modules of these rooms, so that they are imported anew."""
    for name in [name for name in sys.modules if name.split(".")[0] in rooms]:
        del sys.modules[name]


def import_anew(module: str, code: CodeType) -> None:
    """Drop every module of the project; from now on this one is imported with this code."""
    drop(*OURS)
    usual = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> Any:
        return code if fullname == module else usual(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
