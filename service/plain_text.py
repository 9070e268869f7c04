"""The answer as a person reads it in a terminal: what `b12-cds evaluate` prints without --json."""

from __future__ import annotations

from html import unescape
from typing import Any


def explanation(name: str, answer: dict[str, Any]) -> str:
    """Return the verdict, the plan and the cards' own words."""
    causes = ", ".join(f"{c['id']} ({c['certainty']})" for c in answer["causes"]) or "none"
    lines = [
        f"{name}: {answer['status']} by rule {answer['rule']}, {answer['protocol']['id']} "
        f"{answer['protocol']['version']}, as of {answer['date']}",
        f"  causes: {causes}",
        f"  modifiers: {', '.join(answer['modifiers']) or 'none'}",
        f"  start now: {'yes' if answer['startNow'] else 'no'}",
    ]
    for option in answer["options"]:
        mark = "recommended" if option["recommended"] else "or"
        lines.append(f"  {mark}: {option['regimen']}, {option['route']}, {option['duration']}")
    lines.append(f"  notices: {', '.join(answer['notices']) or 'none'}")
    for card in answer["cards"]:
        lines += ["", f"[{card['indicator']}] {card['summary']}", "", _plain(card.get("detail", ""))]
    if not answer["cards"]:
        lines.append("  no card: there is nothing to say at the bedside")
    return "\n".join(lines) + "\n"


def _plain(markdown: str) -> str:
    """Return markdown without its marks: what was escaped from a chart reads as it was."""
    text = unescape(markdown.replace("**", ""))
    for mark in "\\`*_{}[]()#+!|~$:@.":
        text = text.replace(f"\\{mark}", mark)
    return text
