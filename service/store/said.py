"""What a service showed of a patient a short while ago."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select

from service.store.database import Database
from service.store.tables import Shown


def shown_matters(
    database: Database, patients: Collection[str], client: str, service: str, since: datetime
) -> frozenset[str]:
    """Return the matters of the cards a service showed since an instant; raises StoreError.

    The patient is known by one hash for each key.
    """
    wanted = select(Shown.matter).where(
        Shown.at >= since,
        Shown.patient_hash.in_(list(patients)),
        Shown.client == client,
        Shown.service == service,
        Shown.delivery == "shown",
    )
    with database.reading() as connection:
        return frozenset(connection.execute(wanted).scalars())
