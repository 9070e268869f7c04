"""The services a server offers: one declaration each, checked when the server starts."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from cds_hooks.context import Context
from cds_hooks.errors import UnknownService
from cds_hooks.hooks import HOOKS
from cds_hooks.pages import plain_page
from cds_hooks.prefetch import PageReader, Prefetched, Template, TypedPages
from cds_hooks.wire import HookRequest, Response, request_decoder

SPECIFICATION = "2.0.1"
"""The edition of CDS Hooks that is spoken (B10)."""

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One accepted call: the request, its context, and what is known under each prefetch key.

    `service` is called by `client`, both by name; `elapsed` gives the milliseconds since the call came in. The cards
    of a `silent` call are made and recorded, and not sent; nor are those that rest on something `withheld`, by name.
    What a service made for this call alone it may `keep`: it is then freed when the answer is out. What the answer
    need not wait for it does `later`; that may be as late as the end of the process.
    """

    request: HookRequest
    context: Context
    data: Mapping[str, Prefetched] = field(repr=False)
    service: str = ""
    client: str = "anyone"
    silent: bool = False
    withheld: frozenset[str] = frozenset()
    elapsed: Callable[[], float] = field(default=lambda: 0.0, repr=False)
    keep: Callable[[object], None] = field(default=lambda _: None, repr=False)
    later: Callable[[Callable[[], None]], None] = field(default=lambda task: task(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One CDS service (CDS Hooks: Discovery).

    `requires` holds sets of prefetch keys; of each set at least one key must be had, or the call is refused
    with 412. Raises `ValueError` for a declaration that could not be served.
    """

    id: str
    hook: str
    title: str
    description: str
    answer: Callable[[Call], Response]
    prefetch: tuple[Template, ...] = ()
    requires: tuple[frozenset[str], ...] = ()
    read_page: PageReader = plain_page
    typed_pages: TypedPages | None = None
    follow: Callable[[Mapping[str, Prefetched]], tuple[str, ...]] | None = None
    """Which resources, by `Type/id`, what was had refers to and does not hold: fetched last, under `FOLLOWED`."""
    decoder: msgspec.json.Decoder[HookRequest] | None = field(init=False, default=None)
    """Decodes a whole request at once, when all of it is well."""
    usage_requirements: str | None = None
    specification: str = SPECIFICATION
    extension: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not _KEBAB.fullmatch(self.id):
            raise ValueError(f"service id {self.id!r} is not kebab-case")
        if self.hook not in HOOKS:
            raise ValueError(f"{self.id}: no context is defined for the hook {self.hook!r}")
        if not self.title or not self.description:
            raise ValueError(f"{self.id}: title and description are required")
        keys = [template.key for template in self.prefetch]
        if len(keys) != len(set(keys)):
            raise ValueError(f"{self.id}: a prefetch key is repeated")
        for group in self.requires:
            if not group or not group <= set(keys):
                raise ValueError(f"{self.id}: requires names no template: {sorted(group - set(keys))}")
        for template in self.prefetch:
            self._check_tokens(template)
        if self.typed_pages is not None:
            object.__setattr__(self, "decoder", request_decoder(self.typed_pages.type | None))

    def _check_tokens(self, template: Template) -> None:
        tokens = {known.name: known for known in HOOKS[self.hook] if known.is_token}
        for name in template.tokens:
            if name not in tokens:
                raise ValueError(f"{self.id}.{template.key}: {self.hook} has no token context.{name}")
            # A client may send an unresolved token inside a query to its server as it stands.
            if template.is_search and not tokens[name].required:
                raise ValueError(f"{self.id}.{template.key}: context.{name} is optional in {self.hook}")

    def discovery(self) -> dict[str, Any]:
        """Describe the service for the discovery endpoint (B4-B10, B14)."""
        entry = {
            "hook": self.hook,
            "title": self.title,
            "description": self.description,
            "id": self.id,
            "prefetch": {template.key: template.url for template in self.prefetch},
            "usageRequirements": self.usage_requirements,
            "version": self.specification,
            "extension": dict(self.extension or {}),
        }
        return {name: value for name, value in entry.items() if value}


class Registry:
    """The services by id; a second service with an id is refused, at start (B7)."""

    def __init__(self, services: Iterable[Service]) -> None:
        by_id: dict[str, Service] = {}
        for service in services:
            if service.id in by_id:
                raise ValueError(f"two services have the id {service.id!r}")
            by_id[service.id] = service
        self._services = MappingProxyType(by_id)
        self.discovery_json = msgspec.json.encode(self.discovery())
        """The discovery answer, encoded once."""

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    def get(self, service_id: str) -> Service:
        """Find a service; raises `UnknownService` (404)."""
        try:
            return self._services[service_id]
        except KeyError:
            raise UnknownService("The ids are listed by GET /cds-services.") from None

    def discovery(self) -> dict[str, Any]:
        """Describe every service (CDS Hooks: Discovery; B1-B3)."""
        return {"services": [service.discovery() for service in self]}
