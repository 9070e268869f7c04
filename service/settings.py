"""Every setting, read from the environment (B12_…); a wrong one is refused at start, by name."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from cds_hooks.servers import AllowList

MIB = 1024 * 1024


class WrongSettings(ValueError):
    """A setting is missing or wrong; the message names its variable."""


class Settings(BaseSettings):
    """How this service runs at this site."""

    model_config = SettingsConfigDict(env_prefix="B12_", extra="ignore", frozen=True)

    protocol: str | None = Field(default=None, description="the guideline to follow; there is no default in production")
    fhir_servers: tuple[str, ...] = Field(default=(), description="FHIR bases that may be called, as a JSON list")
    cors_origins: tuple[str, ...] = Field(default=(), description="browser origins that may call, as a JSON list")
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
