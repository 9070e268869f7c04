"""The shape of the backend services' file (B12_BACKEND_SERVICES)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service.clients.shape import Url
from service.knowledge.schema.base import Strict

Algorithm = Literal["ES384", "RS384"]
Scope = Annotated[str, StringConstraints(pattern=r"^system/[A-Za-z*]+\.[a-z*]+(\?[!-~]+)?$")]


class ServerLine(Strict):
    """One FHIR server at which we are registered."""

    fhir_server: Url
    client_id: str = Field(min_length=1, max_length=256)
    token_url: Url | None = Field(default=None, description="by default what the server's own configuration says")
    scopes: list[Scope] | None = Field(default=None, min_length=1, description="by default what the services read")
    algorithm: Algorithm | None = Field(default=None, description="by default that of the key that signs")


class BackendFile(Strict):
    """The backend services' file."""

    keys_file: str
    servers: list[ServerLine] = Field(min_length=1)
