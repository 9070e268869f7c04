"""Who calls, as the site's settings know them: what each client is offered and how its calls are treated."""

from collections.abc import Callable
from dataclasses import dataclass, field

from limits import RateLimitItem

from cds_hooks.profile import STRICT, Profile
from cds_hooks.registry import Registry
from cds_hooks.servers import AllowList


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One client: the services it is offered, the FHIR servers it may name, its profile.

    `servers` of None are all those that may be called at all. A `silent` client's calls are evaluated and recorded,
    and answered without cards; it is asked on every call, so that it can change while the service runs.
    """

    name: str
    registry: Registry = field(repr=False)
    profile: Profile = STRICT
    servers: AllowList | None = None
    silent: Callable[[], bool] | None = None
    rate: RateLimitItem | None = None

    def may_name(self, server: str) -> bool:
        """Whether the client may send us to a FHIR server."""
        return self.servers is None or self.servers.allows(server)
