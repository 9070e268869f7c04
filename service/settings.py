"""Every setting, read from the environment (B12_…); a wrong one is refused at start, by name."""

from __future__ import annotations

from datetime import date, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from cds_hooks.servers import Address, AllowList
from service.clients.shape import ProfileName, Rate

MIB = 1024 * 1024


class WrongSettings(ValueError):
    """A setting is missing or wrong; the message names its variable."""


class Settings(BaseSettings):
    """How this service runs at this site."""

    model_config = SettingsConfigDict(env_prefix="B12_", extra="ignore", frozen=True)

    protocol: str | None = Field(
        default=None, description="the guideline to follow, by id or file; there is no default"
    )
    fhir_servers: tuple[str, ...] = Field(default=(), description="FHIR bases that may be called, as a JSON list")
    cors_origins: tuple[str, ...] = Field(default=(), description="browser origins that may call, as a JSON list")
    authentication: Literal["required", "off"] = Field(
        default="required", description="whether callers must prove who they are by a JSON Web Token"
    )
    clients: Path | None = Field(default=None, description="who may call: issuers, keys, tenants (YAML)")
    base_urls: tuple[str, ...] = Field(
        default=(), description="addresses under which clients call this service, as a JSON list"
    )
    token_age: float = Field(default=300, ge=10, le=3600, description="how old a client's token may be, seconds")
    clock_leeway: float = Field(default=60, ge=0, le=300, description="how far two clocks may be apart, seconds")
    private_networks: tuple[str, ...] = Field(
        default=(), description="private networks that may be connected to, as a JSON list"
    )
    profile: ProfileName = Field(default="strict", description="the client profile, where a client has none of its own")
    rate: Rate | None = Field(default=None, description="calls of one client in a time, such as 600/minute")
    redis: str | None = Field(default=None, description="URL of a Redis that all workers share: used tokens and rates")
    silent: bool = Field(default=False, description="evaluate and record every call, and answer without cards")
    control: Path | None = Field(default=None, description="what is switched off, read again when it changes (YAML)")
    database: str | None = Field(default=None, description="where state is kept: a file, a PostgreSQL URL, or none")
    hash_secret: SecretStr | None = Field(
        default=None, min_length=16, description="added to the keys in the database that patients are hashed with"
    )
    retention_days: int = Field(default=395, ge=1, le=36500, description="how long anything is kept, days")
    key_days: int = Field(default=90, ge=1, le=36500, description="how long one hashing key is in use, days")
    site_codes: Path | None = Field(default=None, description="a site's own code map (YAML)")
    time_zone: str = Field(default="UTC", description="where `today` is decided")
    fetch_seconds: float = Field(default=2.0, gt=0, le=30, description="deadline for all queries of one call together")
    max_body: int = Field(default=10 * MIB, ge=1024, description="largest request body, bytes")
    sandbox_fhir: str | None = Field(default=None, description="set by `demo` only: the embedded FHIR server")
    sandbox_service: str | None = Field(default=None, description="set by `demo` only: this service's own address")

    @field_validator("fhir_servers")
    @classmethod
    def _addresses(cls, bases: tuple[str, ...]) -> tuple[str, ...]:
        AllowList(bases)
        return bases

    @field_validator("base_urls")
    @classmethod
    def _urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            Address.parse(url)
        return urls

    @field_validator("private_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone is called {name!r}; for example Europe/London") from error
        return name

    def today(self) -> date:
        """Return the day it is at the site: the one clock of the service."""
        return datetime.now(ZoneInfo(self.time_zone)).date()


def from_environment() -> Settings:
    """Return the settings; raises WrongSettings naming the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise WrongSettings(f"B12_{'.'.join(map(str, first['loc'])).upper()}: {first['msg']}") from error
    except SettingsError as error:
        # Its words name the field, not the variable, and what could not be decoded is JSON.
        field = str(error).partition('"')[2].partition('"')[0]
        raise WrongSettings(f'B12_{field.upper()}: is not JSON; a list is written ["one", "two"]') from error
