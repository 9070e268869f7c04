"""From a body to a request that may be trusted to be one: parsed, for this hook, about one patient."""

import codecs
import logging
import re
from contextlib import suppress
from uuid import uuid4

import msgspec

from cds_hooks.context import Context, read_context
from cds_hooks.errors import ForbiddenServer, MalformedRequest, WrongHook, WrongPatient
from cds_hooks.profile import STRICT, Profile
from cds_hooks.registry import Service
from cds_hooks.servers import Address, is_this_machine
from cds_hooks.wire import HookRequest, request_decoder

log = logging.getLogger("cds_hooks")

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_WHERE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"missing required field `(.+?)`")
_REQUEST = request_decoder(msgspec.Raw)


def receive(service: Service, body: bytes, profile: Profile = STRICT) -> tuple[HookRequest, Context]:
    """Read one call of a service as its client's profile says (CDS Hooks: Calling a CDS Service; D2-D8, D19).

    Raises `MalformedRequest`, `WrongHook`, `ForbiddenServer`, `InvalidContext` or `WrongPatient`, all 400.
    """
    request = parse(body, service)
    if request.hook != service.hook:
        raise WrongHook(f"{service.id} serves {service.hook}.", "hook")
    if not _UUID.fullmatch(request.hookInstance):
        if profile.hook_instance:
            raise MalformedRequest("hookInstance must be a UUID.", "hookInstance")
        log.warning("service=%s hookInstance is no UUID: another is used", service.id)
        request = msgspec.structs.replace(request, hookInstance=str(uuid4()))
    _check_server(request, profile)
    context = read_context(service.hook, request.context)
    authorization = request.fhirAuthorization
    if authorization and authorization.patient and authorization.patient != context.patientId:
        raise WrongPatient(
            "The access token is for another patient than the context.",
            "fhirAuthorization.patient",
            "context.patientId",
        )
    return request, context


def parse(body: bytes, service: Service | None = None) -> HookRequest:
    """Decode the request once, leaving the context as it is, and the prefetch unless all of it is what was asked for.

    Raises `MalformedRequest` (400) naming the element, for what is not UTF-8, not JSON, nested too deep, or
    of the wrong type.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        # What stays undecoded would not be looked at, and JSON is UTF-8 throughout (RFC 8259, 8.1).
        if not body.isascii():
            body.decode()
        if service is not None and service.decoder is not None:
            with suppress(msgspec.ValidationError):
                return service.decoder.decode(body)
        return _REQUEST.decode(body)
    except UnicodeDecodeError:
        raise MalformedRequest("The body is not UTF-8.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deep.") from None
    except msgspec.ValidationError as wrong:
        element = _element(str(wrong))
        what = element or "The body"
        expression = (element,) if element else ()
        raise MalformedRequest(f"{what} is missing or has the wrong type.", *expression) from None
    except msgspec.DecodeError:
        raise MalformedRequest("The body is not JSON.") from None


def _element(message: str) -> str:
    """Turn msgspec's words into the path of the element, dropping the words."""
    where, missing = _WHERE.search(message), _MISSING.search(message)
    path = (where[1] if where else "", missing[1] if missing else "")
    return ".".join(part for part in path if part)


def _check_server(request: HookRequest, profile: Profile) -> None:
    authorization = request.fhirAuthorization
    if authorization and not request.fhirServer:
        raise MalformedRequest("fhirAuthorization requires fhirServer (cds-r-1).", "fhirServer")
    if authorization and authorization.token_type.lower() != "bearer":
        raise MalformedRequest("fhirAuthorization.token_type must be Bearer.", "fhirAuthorization.token_type")
    if request.fhirServer:
        try:
            address = Address.parse(request.fhirServer)
        except ValueError:
            raise ForbiddenServer("fhirServer must be a plain http or https URL.", "fhirServer") from None
        # Nothing that is sent to this machine travels.
        if address.scheme == "http" and not profile.plain_http and not is_this_machine(address.host):
            raise ForbiddenServer("fhirServer must be https.", "fhirServer")
