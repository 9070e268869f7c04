"""Every setting, from the environment (B12_…) or one file (B12_SETTINGS); a wrong one is refused at start, by name."""

from __future__ import annotations

import os
from datetime import date, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, JsonValue, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from cds_hooks.servers import Address, AllowList, is_this_machine
from service.clients.shape import ProfileName, Rate
from service.settings_sources import (
    FILE,
    PREFIX,
    FromFile,
    WrongSettings,
    cured,
    from_file,
    refuse_unknown,
    variable,
)

__all__ = ["MIB", "Settings", "WrongSettings", "from_environment"]

MIB = 1024 * 1024


def _in(group: str) -> dict[str, JsonValue]:
    """Return the heading under which `docs/settings.md` has a setting."""
    return {"group": group}


_MEDICINE, _CALLERS, _STATE = "What is answered", "Who may call", "What is kept"
_FHIR, _RUNNING, _DEMO = "FHIR servers", "Running and watching", "Set by `demo`"
_PAGES = "Pages in a browser"


class Settings(BaseSettings):
    """How this service runs at this site."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    protocol: str | None = Field(
        default=None,
        description="the guideline to follow, by id or file; there is no default",
        json_schema_extra=_in(_MEDICINE),
        examples=["uk-ng239"],
    )
    site_codes: Path | None = Field(
        default=None,
        description="a site's own code map (YAML)",
        json_schema_extra=_in(_MEDICINE),
        examples=["/etc/b12-cds/codes.yaml"],
    )
    time_zone: str = Field(
        default="UTC",
        description="where `today` is decided",
        json_schema_extra=_in(_MEDICINE),
        examples=["Europe/London"],
    )
    silent: bool = Field(
        default=False,
        description="evaluate and record every call, and answer without cards",
        json_schema_extra=_in(_MEDICINE),
    )
    control: Path | None = Field(
        default=None,
        description="what is switched off, read again when it changes (YAML)",
        json_schema_extra=_in(_MEDICINE),
        examples=["/etc/b12-cds/control.yaml"],
    )
    authentication: Literal["required", "off"] = Field(
        default="required",
        description="whether callers must prove who they are by a JSON Web Token",
        json_schema_extra=_in(_CALLERS),
    )
    clients: Path | None = Field(
        default=None,
        description="who may call: issuers, keys, tenants (YAML)",
        json_schema_extra=_in(_CALLERS),
        examples=["/etc/b12-cds/clients.yaml"],
    )
    base_urls: tuple[str, ...] = Field(
        default=(),
        description="addresses under which clients call this service",
        json_schema_extra=_in(_CALLERS),
        examples=[["https://cds.example"]],
    )
    token_age: float = Field(
        default=300,
        ge=10,
        le=3600,
        description="how old a client's token may be, seconds",
        json_schema_extra=_in(_CALLERS),
    )
    clock_leeway: float = Field(
        default=60,
        ge=0,
        le=300,
        description="how far two clocks may be apart, seconds",
        json_schema_extra=_in(_CALLERS),
    )
    profile: ProfileName = Field(
        default="strict",
        description="the client profile, where a client has none of its own",
        json_schema_extra=_in(_CALLERS),
    )
    rate: Rate | None = Field(
        default=None,
        description="calls of one client in a time",
        json_schema_extra=_in(_CALLERS),
        examples=["600/minute"],
    )
    cors_origins: tuple[str, ...] = Field(
        default=(),
        description="browser origins that may call",
        json_schema_extra=_in(_CALLERS),
        examples=[["https://ehr.example"]],
    )
    max_body: int = Field(
        default=10 * MIB, ge=1024, description="largest request body, bytes", json_schema_extra=_in(_CALLERS)
    )
    fhir_servers: tuple[str, ...] = Field(
        default=(),
        description="FHIR bases that may be called",
        json_schema_extra=_in(_FHIR),
        examples=[["https://ehr.example/fhir"]],
    )
    private_networks: tuple[str, ...] = Field(
        default=(),
        description="private networks that may be connected to",
        json_schema_extra=_in(_FHIR),
        examples=[["10.20.0.0/16"]],
    )
    fetch_seconds: float = Field(
        default=2.0,
        gt=0,
        le=30,
        description="deadline for all queries of one call together, seconds",
        json_schema_extra=_in(_FHIR),
    )
    backend_services: Path | None = Field(
        default=None,
        description="FHIR servers that we get our own access token for, where a call brings none (YAML)",
        json_schema_extra=_in(_FHIR),
        examples=["/etc/b12-cds/backend.yaml"],
    )
    database: str | None = Field(
        default=None,
        description="where state is kept: a file, a PostgreSQL URL, or `none`; by default a file in the user's folder",
        json_schema_extra=_in(_STATE),
        examples=["postgresql://b12@db.example/b12"],
    )
    hash_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="added to the keys in the database that patients are hashed with",
        json_schema_extra=_in(_STATE),
    )
    retention_days: int = Field(
        default=395, ge=1, le=36500, description="how long anything is kept, days", json_schema_extra=_in(_STATE)
    )
    key_days: int = Field(
        default=90,
        ge=1,
        le=36500,
        description="how long one hashing key is in use, days",
        json_schema_extra=_in(_STATE),
    )
    redis: str | None = Field(
        default=None,
        description="URL of a Redis that all workers share: used tokens and rates",
        json_schema_extra=_in(_STATE),
        examples=["redis://cache.example:6379/0"],
    )
    log: Literal["json", "text"] = Field(
        default="json", description="how log lines are written; `demo` writes text", json_schema_extra=_in(_RUNNING)
    )
    metrics: str | None = Field(
        default=None,
        description="an address of its own at which Prometheus finds `/metrics`; without one there are none",
        json_schema_extra=_in(_RUNNING),
        examples=["127.0.0.1:9464"],
    )
    traces: str | None = Field(
        default=None,
        description="where OpenTelemetry spans are sent by OTLP over HTTP (the extra `otel`)",
        json_schema_extra=_in(_RUNNING),
        examples=["http://127.0.0.1:4318/v1/traces"],
    )
    stop_seconds: float = Field(
        default=10,
        ge=1,
        le=300,
        description="how long calls in flight may take to end once the service is told to stop, seconds",
        json_schema_extra=_in(_RUNNING),
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what sessions of pages are signed with; by default a secret that workers share in the database",
        json_schema_extra=_in(_PAGES),
    )
    insights_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="what opens /insights in a browser; without one it is closed, but in the demo",
        json_schema_extra=_in(_PAGES),
    )
    smart_url: str | None = Field(
        default=None,
        description="address of the SMART app for browsers; with it cards link to the app",
        json_schema_extra=_in(_PAGES),
        examples=["https://cds.example/smart"],
    )
    smart_servers: Path | None = Field(
        default=None,
        description="FHIR servers that may launch the SMART app (YAML)",
        json_schema_extra=_in(_PAGES),
        examples=["/etc/b12-cds/smart.yaml"],
    )
    sandbox_fhir: str | None = Field(default=None, description="the embedded FHIR server", json_schema_extra=_in(_DEMO))
    sandbox_service: str | None = Field(
        default=None, description="this service's own address", json_schema_extra=_in(_DEMO)
    )

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

    @field_validator("smart_url")
    @classmethod
    def _ends_in_smart(cls, url: str | None) -> str | None:
        if url is None:
            return url
        address = Address.parse(url)
        if address.path[-1:] != ("smart",):
            raise ValueError("an address that ends in /smart, such as https://cds.example/smart")
        if address.scheme != "https" and not is_this_machine(address.host):
            raise ValueError("an https address: sessions are not sent in the open")
        return url

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

    @field_validator("metrics")
    @classmethod
    def _listens(cls, address: str | None) -> str | None:
        if address is not None:
            host_and_port(address)
        return address

    @field_validator("traces")
    @classmethod
    def _collector(cls, url: str | None) -> str | None:
        if url is not None:
            Address.parse(url)
        return url

    def today(self) -> date:
        """Return the day it is at the site: the one clock of the service."""
        return datetime.now(ZoneInfo(self.time_zone)).date()


def host_and_port(address: str) -> tuple[str, int]:
    """Return the two parts of an address such as 127.0.0.1:9464 or [::1]:9464; raises ValueError."""
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.path or "@" in address:
        raise ValueError("not an address and a port such as 127.0.0.1:9464")
    return host, port


def from_environment() -> Settings:
    """Return the settings; raises WrongSettings naming each wrong one, where it stands, and what would be right."""
    fields = Settings.model_fields
    refuse_unknown(os.environ, fields)
    set_here = {name.upper() for name, value in os.environ.items() if value}
    where = os.environ.get(FILE)
    read = from_file(Path(where), fields) if where else FromFile()
    given = {name: value for name, value in read.values.items() if variable(name) not in set_here}
    try:
        return Settings(**given)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise WrongSettings("\n".join(cured(each["loc"], each["msg"], fields, read, given) for each in found)) from None
    except SettingsError as error:
        # Its words name the field, not the variable, and what could not be decoded is JSON.
        field = str(error).partition('"')[2].partition('"')[0]
        problem = 'is not JSON; a list is written ["one", "two"]'
        raise WrongSettings(cured((field,), problem, fields, read, given)) from error
