"""The shape of the clients' file (B12_CLIENTS)."""

from __future__ import annotations

from typing import Annotated, Literal

from limits import RateLimitItem, parse
from pydantic import AfterValidator, Field, model_validator

from cds_hooks.profile import PROFILES
from cds_hooks.servers import Address
from cds_hooks.trust import ALGORITHMS, USUAL_ALGORITHMS
from service.knowledge.schema.base import Strict


def _address(url: str) -> str:
    Address.parse(url)
    return url


def rate_of(text: str) -> RateLimitItem:
    """Return a rate such as `600/minute`; raises ValueError."""
    try:
        return parse(text)
    except ValueError:
        raise ValueError('a rate is written like "600/minute"') from None


def _rate(text: str) -> str:
    rate_of(text)
    return text


def _algorithm(name: str) -> str:
    if name not in ALGORITHMS:
        raise ValueError(f"no algorithm that may be trusted; known: {', '.join(ALGORITHMS)}")
    return name


Url = Annotated[str, AfterValidator(_address)]
Rate = Annotated[str, AfterValidator(_rate)]
Algorithm = Annotated[str, AfterValidator(_algorithm)]
ProfileName = Literal["strict", "sandbox", "cds-hooks-3"]
assert set(PROFILES) == set(ProfileName.__args__)  # type: ignore[attr-defined]


class ClientLine(Strict):
    """One client: which tenants it is, and what it is offered. What is not said is as the settings say."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)
    tenants: tuple[str, ...] = Field(
        default=(), description='"*" is every tenant not named; none is tokens without tenant'
    )
    profile: ProfileName | None = None
    protocol: str | None = None
    site_codes: str | None = None
    fhir_servers: list[Url] | None = None
    rate: Rate | None = None
    silent: bool = False


class IssuerLine(Strict):
    """One issuer of tokens: where its keys are, and its clients."""

    issuer: str
    keys: Url | None = None
    keys_file: str | None = None
    jku: tuple[Url, ...] = ()
    algorithms: tuple[Algorithm, ...] = Field(default=USUAL_ALGORITHMS, min_length=1)
    clients: list[ClientLine] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_keys_from_one_place(self) -> IssuerLine:
        if (self.keys is None) == (self.keys_file is None):
            raise ValueError("either `keys` (an address) or `keys-file`")
        return self


class ClientsFile(Strict):
    """The clients' file."""

    issuers: list[IssuerLine] = Field(min_length=1)
