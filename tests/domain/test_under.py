"""What another protocol sees of the same patient is what it would gather itself."""

from datetime import date

import pytest

from service.compare.worked import worked
from service.domain.elsewhere import _same
from service.domain.evidence import Evidence, gather, under
from service.fhir.pages import sheet
from service.fhir.reading import Reader
from service.knowledge.load import load

KNOWN = load()
READER = Reader(KNOWN.index)


@pytest.mark.parametrize("patient", worked(), ids=lambda patient: patient.id)
def test_the_evidence_under_another_protocol_is_what_it_would_gather(patient) -> None:
    record = READER.read(sheet(patient.chart).items, None)
    today = date.fromisoformat(str(patient.today))
    for one in KNOWN.book.protocols.values():
        for other in KNOWN.book.protocols.values():
            if not _same(one.limits, other.limits):
                continue
            seen, own = under(gather(record, one, today), other), gather(record, other, today)
            assert [f for f in Evidence._fields if getattr(seen, f) != getattr(own, f)] == []
