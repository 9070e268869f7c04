"""`python -m service.settings_page`: docs/settings.md, written from the settings' own descriptions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.settings import Settings
from service.settings_sources import DOCUMENT, FILE, plain_types, shown, variable

MORE = "More"
_HEAD = f"""# Settings

Every setting is an environment variable, or a line of one file that `{FILE}` names. The environment wins; an empty
variable is none. The file is YAML (`.yaml`) or TOML (`.toml`); a setting's name in it is the variable's without
`B12_`, in small letters, with `-` or `_`; a file that it names is beside it.

```yaml
# settings.yaml
protocol: uk-ng239
clients: clients.yaml
base-urls: ["https://cds.example"]
fetch-seconds: 3
```

A setting that does not exist, or a value that cannot be, stops the start with its name, its line in the file, and
what would be right. Lists are JSON in the environment, as the examples show, and lists in the file. Where to listen
and with how many workers is said to `b12-cds serve` itself (`--help`).
"""
_BOUNDS = (
    ("ge", "at least {}"),
    ("gt", "more than {}"),
    ("le", "at most {}"),
    ("min_length", "at least {} characters"),
)


def page() -> str:
    """Return the whole page."""
    groups: dict[str, list[str]] = {}
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        group = str(extra["group"]) if isinstance(extra, dict) and "group" in extra else MORE
        groups.setdefault(group, []).append(_row(name, field))
    tables = (f"\n## {group}\n\n| setting | what it says | values | default |\n|---|---|---|---|\n" for group in groups)
    return _HEAD + "".join(head + "".join(rows) for head, rows in zip(tables, groups.values(), strict=True))


def _row(name: str, field: FieldInfo) -> str:
    default = field.default
    told = f"`{shown(default)}`" if default not in (None, ()) else "none"
    values = "; ".join(_values(field))
    return f"| `{variable(name)}` | {field.description} | {values} | {told} |\n"


def _values(field: FieldInfo) -> Iterator[str]:
    (kind, *_) = plain_types(field.annotation)
    yield _kind(kind)
    for name, words in _BOUNDS:
        for bound in (getattr(each, name, None) for each in field.metadata):
            if bound is not None:
                yield words.format(shown(bound))
    if field.examples:
        yield f"such as `{shown(field.examples[0])}`"


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return "list"
    names = {Path: "file", SecretStr: "secret text", bool: "`true` or `false`", int: "whole number", float: "number"}
    return names.get(kind, "text")


if __name__ == "__main__":
    (Path(__file__).parents[1] / DOCUMENT).write_text(page(), encoding="utf-8")
