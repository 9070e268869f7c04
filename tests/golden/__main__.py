"""Write the golden files anew."""

from __future__ import annotations

from . import fresh

for path, text in fresh():
    path.write_text(text, encoding="utf-8")
