"""What a client is offered: the services, as its protocol, its code map and its profile make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from math import ceil
from pathlib import Path

from cds_hooks.prefetch import Template
from cds_hooks.profile import Profile, scope
from cds_hooks.registry import Registry, Service
from service.consult import Consultant, following
from service.domain.assess import RULES
from service.domain.protocol import Protocol
from service.hooks import Desk, registry
from service.knowledge.load import protocol_file
from service.memory import Memory
from service.ordering import REFILL_RULES
from service.ordering import RULES as OF_ORDERS
from service.prefetch import DATED, DATED_DAYS
from service.prove import prove

SCOPES = "org.b12-cds.scopes"
"""The key of a service's extension in discovery that says which scopes it needs."""

Wrap = Callable[[Service], Service]


@dataclass(slots=True)
class Consultants:
    """Who knows which protocol with which codes: each read and proved once.

    Workers that are forked have what was read before them: a worker that is replaced follows the same protocols as
    the others, whatever has become of their files since.
    """

    _known: dict[tuple[Path | None, Path | None], tuple[Consultant, str]] = field(default_factory=dict)

    def of(self, protocol: str, site_codes: Path | None) -> tuple[Consultant, str]:
        """Return who knows a protocol, and the protocol's id; raises UnknownProtocol or KnowledgeError."""
        file = protocol_file(protocol)
        known = self._known.get((file, site_codes))
        if known is None:
            known = following(protocol, site_codes)
            prove(known[0].book)
            self._known[file, site_codes] = known
        using, name = known
        if file is not None:
            return using, name
        using.protocol(protocol)
        return using, protocol


@dataclass(slots=True)
class Offers:
    """Makes each offer once; clients that are told the same share it.

    `given` is a consultant to use in place of loading one, for protocols that it knows; `read` are those known before.
    """

    today: Callable[[], date]
    may_choose: bool = False
    given: Consultant | None = None
    read: Consultants = field(default_factory=Consultants)
    memory: Memory | None = None
    wrap: list[Wrap] = field(default_factory=list)
    _made: dict[tuple[str, Path | None, str], Registry] = field(default_factory=dict)

    def consultant(self, protocol: str, site_codes: Path | None) -> tuple[Consultant, str]:
        """Return who knows a protocol, and the protocol's id; raises UnknownProtocol or KnowledgeError."""
        if self.given is not None:
            self.given.protocol(protocol)
            prove(self.given.book)
            return self.given, protocol
        return self.read.of(protocol, site_codes)

    def registry(self, protocol: str, site_codes: Path | None, profile: Profile) -> Registry:
        """Return the services; raises UnknownProtocol, KnowledgeError, or ValueError for a site's codes."""
        key = (protocol, site_codes, profile.name)
        if key not in self._made:
            using, name = self.consultant(protocol, site_codes)
            desk = Desk(using, name, self.today, may_choose=self.may_choose, memory=self.memory)
            services = [self._offered(s, using.protocol(name), profile) for s in registry(desk)]
            self._made[key] = Registry(services)
        return self._made[key]

    def _offered(self, service: Service, protocol: Protocol, profile: Profile) -> Service:
        if profile.relative_dates:
            templates = tuple(self._dated(template, protocol) for template in service.prefetch)
            service = replace(service, prefetch=templates)
        types = sorted({template.url.partition("/")[0].partition("?")[0] for template in service.prefetch})
        extension = {**(service.extension or {}), SCOPES: [scope(name, profile) for name in types]}
        service = replace(service, specification=profile.specification, extension=extension)
        for wrap in self.wrap:
            service = wrap(service)
        return service

    def _dated(self, template: Template, protocol: Protocol) -> Template:
        if template.key not in DATED:
            return template
        url = f"{template.url}&date=ge{{{{today() - {days_back(protocol)} days}}}}"
        return Template(template.key, url, self.today)


def days_back(protocol: Protocol) -> int:
    """Return how many days back the frequent tests are asked for: never fewer than a rule of the protocol looks."""
    limits = protocol.limits
    months: list[int] = [getattr(limits, name) for name in limits.__dataclass_fields__ if name.endswith("_months")]
    return max(DATED_DAYS, ceil(31 * max(months)))


def rule_ids() -> frozenset[str]:
    """Return the ids of the rules that can be switched off: of the status, of unsigned orders, of refills."""
    return frozenset(rule.id for rule in RULES) | OF_ORDERS.keys() | REFILL_RULES
