"""Write the golden files, the answers kept in short and the shipped worked patients anew."""

from __future__ import annotations

from service.evaluate import shipped
from tests.worked import SHIPPED, drawn

from . import answers, fresh, plans

for path, text in (
    *fresh(),
    (SHIPPED, drawn()),
    (answers.FILE, answers.written(shipped())),
    (plans.FILE, plans.written()),
):
    path.write_text(text, encoding="utf-8")
