"""Write anew the golden files, the answers, plans and words about orders that are kept, and the worked patients."""

from __future__ import annotations

from service.evaluate import shipped
from tests.worked import SHIPPED, drawn

from . import answers, fresh, orders, plans, therapies

tables = ((plans.FILE, plans.written()), (orders.FILE, orders.written()), (therapies.FILE, therapies.written()))
for path, text in (*fresh(), (SHIPPED, drawn()), (answers.FILE, answers.written(shipped())), *tables):
    path.write_text(text, encoding="utf-8")
