"""Bootstrap's style sheet, from the installed package, as a strict content policy and a system's dark mode want it.

Its small pictures stand in the sheet as `data:` addresses, which the policy does not let in: each gets an address of
its own. Its dark colours wait for an attribute that a script would set: they are asked for by `prefers-color-scheme`.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from urllib.parse import unquote

_PICTURE = re.compile(r'url\("data:image/svg\+xml,([^"]*)"\)')
_RULE = re.compile(r"([^{}]*\[data-bs-theme=dark\][^{}]*)\{([^{}]*)\}")
_DARK = "[data-bs-theme=dark]"


@cache
def _original() -> str:
    return (files("flask_bootstrap") / "static/bootstrap5/css/bootstrap.min.css").read_text("utf-8")


@cache
def pictures() -> dict[str, bytes]:
    """Return the pictures of the sheet by the name they are served under."""
    return {_name(each): unquote(each).encode() for each in _PICTURE.findall(_original())}


def sheet(prefix: str) -> str:
    """Return the style sheet, its pictures under this address."""
    moved = _PICTURE.sub(lambda found: f'url("{prefix}{_name(found[1])}.svg")', _original())
    asked = _RULE.sub(_by_system, moved)
    return re.sub(r"/\*# sourceMappingURL=[^*]*\*/", "", asked)


def _by_system(found: re.Match[str]) -> str:
    """Return a rule whose dark part holds where the system is dark."""
    selectors, body = found[1].split(","), found[2]
    dark = ",".join(each.replace(_DARK, ":root") for each in selectors if _DARK in each)
    light = ",".join(each for each in selectors if _DARK not in each)
    plain = f"{light}{{{body}}}" if light else ""
    return f"{plain}@media (prefers-color-scheme:dark){{{dark}{{{body}}}}}"


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
