"""The shape of a site's own files, kept outside the tree: its codes, and its protocol."""

from __future__ import annotations

from pydantic import Field

from service.domain.terms import Analyte
from service.knowledge.schema.base import Cite, CodeRef, Strict
from service.knowledge.schema.protocols import (
    BandsLine,
    IntervalLine,
    LimitLine,
    PeriodLine,
    PlanLine,
    ScreeningLine,
    SignOffLine,
)
from service.knowledge.schema.regimens import ProductLine, RegimenLine
from service.knowledge.schema.sources import SourceLine


class SiteCode(Strict):
    """A site's local code, and which shipped finding or test it is."""

    system: str
    code: str
    display: str
    finding: str | None = None
    test: str | None = None
    property: str = ""


class SiteCodesFile(Strict):
    """A site's own code map, kept outside the tree."""

    codes: list[SiteCode]


class SiteCoding(Strict):
    """A code that a site answers for, as it goes out in an order."""

    system: str = Field(pattern=r"^(https?://\S+|urn:\S+)$")
    code: str = Field(pattern=r"^\S+$")
    display: str


class SiteProductLine(ProductLine):
    """A product that only the site has: by verified codes of the mappings, or by codes of its own."""

    codes: list[CodeRef] = []
    site_codes: list[SiteCoding] = []


class StockLine(Strict):
    """What the site stocks: ids of products in the order they are preferred; `own` describes those not shipped."""

    stock: list[str] = Field(min_length=1)
    own: list[SiteProductLine] = []


class SiteMonitoringLine(Strict):
    """What shows whether it works, where the site's words differ from the protocol's."""

    injected: list[str] | None = None
    tablets: list[str] | None = None
    pregnant: list[str] | None = None
    prevention: list[str] | None = None
    autoimmune: list[str] | None = None
    intervals: list[IntervalLine] = []
    shorter: dict[str, str] | None = None
    response: str | None = None
    cite: Cite


class LocalProtocolFile(Strict):
    """A site's own protocol: a shipped one, and what the site does otherwise."""

    id: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)
    extends: str
    version: str
    title: str
    publisher: str
    reviewer: str | None
    sign_off: SignOffLine | None = None
    effective_period: PeriodLine
    cite: Cite
    sources: list[SourceLine] = Field(min_length=1)
    limits: dict[str, LimitLine] = {}
    bands: dict[Analyte, BandsLine] = {}
    products: StockLine | None = None
    regimens: list[RegimenLine] = []
    plans: dict[str, PlanLine] = {}
    bridge: str | None = None
    leber: str | None = None
    pregnancy_swaps: dict[str, str] = {}
    screening: ScreeningLine | None = None
    monitoring: SiteMonitoringLine | None = None
