"""From the settings and the clients' file to the clients that may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cds_hooks.clients import Client
from cds_hooks.keys import KeySource
from cds_hooks.profile import PROFILES, Profile
from cds_hooks.registry import Registry
from cds_hooks.servers import AllowList
from cds_hooks.trust import NO_TENANT, Issuer
from service.clients.keys import beside, key_sources
from service.clients.offers import Offers
from service.clients.shape import ClientLine, ClientsFile, rate_of
from service.consult import UnknownProtocol
from service.knowledge.files import Place, Read, read_as
from service.knowledge.load import protocol_file
from service.settings import Settings, WrongSettings

#: Where callers are authenticated and neither the settings nor the clients' file say another.
USUAL_RATE = "6000/minute"

Asked = Callable[[str], bool]
"""Whether a client, by its name, is answered without cards now."""


@dataclass(frozen=True, slots=True)
class Known:
    """Who may call: the issuers with their clients, where keys come from, every FHIR base of any client."""

    issuers: tuple[Issuer, ...]
    clients: tuple[Client, ...]
    sources: tuple[KeySource, ...]
    bases: tuple[str, ...]


def anyone(settings: Settings, offers: Offers, silenced: Asked | None) -> Client:
    """Return the client that everybody is where nobody is asked who they are; raises WrongSettings."""
    if settings.protocol is None:
        raise WrongSettings(
            "B12_PROTOCOL is not set: name the guideline to follow, for example uk-ng239 or us-aafp, "
            "or a file of your own"
        )
    profile = PROFILES[settings.profile]
    return Client(
        name="anyone",
        registry=_usual(settings, offers, settings.protocol, profile),
        profile=profile,
        rate=rate_of(settings.rate) if settings.rate else None,
        silent=_silence("anyone", settings.silent, silenced),
    )


def known(settings: Settings, offers: Offers, silenced: Asked | None) -> Known:
    """Return who may call; raises WrongSettings, or KnowledgeError with the line of the clients' file."""
    if settings.clients is None:
        raise WrongSettings(
            "B12_CLIENTS is not set: name the file of the clients that may call, or let anybody call by "
            "B12_AUTHENTICATION=off"
        )
    if not settings.base_urls:
        raise WrongSettings(
            'B12_BASE_URLS is not set: give the addresses under which clients call, such as ["https://cds.example"]'
        )
    if settings.protocol is not None:
        _usual(settings, offers, settings.protocol, PROFILES[settings.profile])
    read = read_as(settings.clients, ClientsFile)
    _check_once(read)
    making = _Making(read, settings, offers, silenced)
    issuers = []
    for place, line in enumerate(read.content.issuers):
        tenants: dict[str | None, Client] = {}
        for number, client in enumerate(line.clients):
            made = making.client(("issuers", place, "clients", number), client)
            tenants.update(dict.fromkeys(client.tenants or (NO_TENANT,), made))
        keys = key_sources(read, place, settings.private_networks)
        issuers.append(Issuer(iss=line.issuer, keys=keys, tenants=tenants, algorithms=frozenset(line.algorithms)))
    lines = [client for line in read.content.issuers for client in line.clients]
    return Known(
        issuers=tuple(issuers),
        clients=tuple({id(c): c for issuer in issuers for c in issuer.tenants.values()}.values()),
        sources=tuple({id(s): s for issuer in issuers for s in issuer.keys.values()}.values()),
        bases=tuple(dict.fromkeys(base for line in lines for base in line.fhir_servers or ())),
    )


@dataclass(frozen=True, slots=True)
class _Making:
    read: Read[ClientsFile]
    settings: Settings
    offers: Offers
    silenced: Asked | None

    def client(self, at: Place, line: ClientLine) -> Client:
        profile = PROFILES[line.profile or self.settings.profile]
        servers = self.settings.fhir_servers if line.fhir_servers is None else line.fhir_servers
        return Client(
            name=line.name,
            registry=self._registry(at, line, profile),
            profile=profile,
            servers=AllowList(servers),
            rate=rate_of(line.rate or self.settings.rate or USUAL_RATE),
            silent=_silence(line.name, line.silent or self.settings.silent, self.silenced),
        )

    def _registry(self, at: Place, line: ClientLine, profile: Profile) -> Registry:
        file = self.read.document.file
        codes = beside(file, line.site_codes) if line.site_codes else self.settings.site_codes
        protocol = line.protocol or self.settings.protocol
        if protocol is None:
            raise self.read.error(at, f"{line.name}: no protocol: write one here, or set B12_PROTOCOL for all clients")
        if line.protocol and protocol_file(protocol) is not None:
            protocol = str(beside(file, protocol))
        try:
            return self.offers.registry(protocol, codes, profile)
        except UnknownProtocol as error:
            raise self.read.error((*at, "protocol"), str(error)) from error
        except ValueError as error:
            raise self.read.error((*at, "site-codes"), str(error)) from error


def _usual(settings: Settings, offers: Offers, protocol: str, profile: Profile) -> Registry:
    try:
        return offers.registry(protocol, settings.site_codes, profile)
    except UnknownProtocol as error:
        raise WrongSettings(f"B12_PROTOCOL: {error}") from error
    except ValueError as error:
        raise WrongSettings(f"B12_SITE_CODES: {error}") from error


def _silence(name: str, always: bool, silenced: Asked | None) -> Callable[[], bool] | None:
    """Return how a client is asked whether it is silent; None where it never is."""
    if always:
        return lambda: True
    return (lambda: silenced(name)) if silenced is not None else None


def _check_once(read: Read[ClientsFile]) -> None:
    """Refuse an issuer, a client's name or a tenant of one issuer that stands twice."""
    issuers: set[str] = set()
    names: set[str] = set()
    for place, line in enumerate(read.content.issuers):
        if line.issuer in issuers:
            raise read.error(("issuers", place, "issuer"), f"{line.issuer} stands twice: one entry for its clients")
        issuers.add(line.issuer)
        tenants: set[str | None] = set()
        for number, client in enumerate(line.clients):
            at = ("issuers", place, "clients", number)
            if client.name in names:
                raise read.error((*at, "name"), f"{client.name} stands twice: give each client a name of its own")
            names.add(client.name)
            for tenant in client.tenants or (NO_TENANT,):
                if tenant in tenants:
                    told = "tokens without tenant" if tenant is None else f"the tenant {tenant}"
                    raise read.error((*at, "tenants"), f"{told} of {line.issuer}: two clients")
                tenants.add(tenant)
