"""Who is let in, and what is switched off: everything around the services that a site decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from limits.storage import RedisStorage, Storage

from cds_hooks.clients import Client
from cds_hooks.gate import Gate, RateLimit
from cds_hooks.keys import KeySource
from cds_hooks.replay import SECONDS, MemoryReplayGuard, ReplayGuard
from cds_hooks.trust import Verifier
from cds_hooks.windows import Windows
from service.clients.build import anyone, known
from service.clients.offers import Consultants, Offers, Wrap, rule_ids
from service.consult import Consultant
from service.control import Switches
from service.launchable import launchable
from service.memory import Memory
from service.settings import Settings, WrongSettings
from service.switched import switched


@dataclass(frozen=True, slots=True)
class Access:
    """The gate, the clients behind it, the FHIR bases that may be called for any of them, and where keys come from."""

    gate: Gate
    clients: tuple[Client, ...]
    bases: tuple[str, ...]
    offers: Offers = field(repr=False)
    sources: tuple[KeySource, ...] = field(default=(), repr=False)
    tokens_ready: Callable[[], bool] | None = field(default=None, repr=False)
    """Whether it can be known which tokens were used, where a Redis keeps them."""


def access(
    settings: Settings,
    using: Consultant | None = None,
    replay: ReplayGuard | None = None,
    memory: Memory | None = None,
    wraps: Iterable[Wrap] = (),
    read: Consultants | None = None,
) -> Access:
    """Return who may call, as the settings say; raises WrongSettings or KnowledgeError.

    `replay` remembers used tokens for all workers; without one the Redis of the settings does, or each worker its own.
    `memory` keeps what was shown, where there is one. `wraps` are put around each service, the last outermost.
    `read` is what of the knowledge was read before.
    """
    switches = Switches(settings.control) if settings.control is not None else None
    may_choose = settings.sandbox_fhir is not None
    offers = Offers(settings.today, may_choose, using, read if read is not None else Consultants(), memory)
    silenced: Callable[[str], bool] | None = None
    if switches is not None:
        offers.wrap.append(partial(switched, switches=switches))
        silenced = switches.is_silent
    offers.wrap.extend(wraps)
    if settings.smart_url is not None:
        offers.wrap.append(partial(launchable, app=f"{settings.smart_url.rstrip('/')}/launch"))
    found = _gated(settings, offers, silenced, replay)
    if switches is not None:
        services = {service.id for client in found.clients for service in client.registry}
        names = {client.name for client in found.clients}
        switches.start(services=services, rules=rule_ids(), clients=names)
    return found


def _gated(
    settings: Settings, offers: Offers, silenced: Callable[[str], bool] | None, replay: ReplayGuard | None
) -> Access:
    if settings.authentication == "off":
        client = anyone(settings, offers, silenced)
        rates = RateLimit(_storage(settings)) if client.rate is not None else None
        return Access(Gate(anyone=client, rates=rates), (client,), settings.fhir_servers, offers)
    who = known(settings, offers, silenced)
    guard = replay or _replay(settings)
    verifier = Verifier(
        who.issuers,
        settings.base_urls,
        guard,
        leeway=settings.clock_leeway,
        max_age=settings.token_age,
    )
    gate = Gate(verifier=verifier, rates=RateLimit(_storage(settings)))
    ready = getattr(guard, "is_ready", None)
    return Access(gate, who.clients, (*settings.fhir_servers, *who.bases), offers, who.sources, ready)


def _storage(settings: Settings) -> Storage:
    if settings.redis is None:
        return Windows()
    try:
        return RedisStorage(settings.redis, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
    except Exception as error:
        raise WrongSettings(f"B12_REDIS: {type(error).__name__}: a URL such as redis://cache.example:6379/0") from error


def _replay(settings: Settings) -> ReplayGuard:
    if settings.redis is None:
        return MemoryReplayGuard()
    from cds_hooks.replay_redis import RedisReplayGuard

    return RedisReplayGuard(settings.redis)
