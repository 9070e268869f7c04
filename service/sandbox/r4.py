"""What FHIR R4 asks of a server beyond sekmet-fhir: version checks, refused modifiers, one change a resource."""

import asyncio
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from sekmet.fhir.common import FhirError
from sekmet.fhir.search import SearchEngine
from sekmet.fhir.search_params import PARAMS, SPECIAL, SearchParam, get_param

Json = dict[str, Any]
FHIR_JSON = b"application/fhir+json; charset=utf-8"
BASE = "/fhir"
_TAG = re.compile(r'(?:W/)?"([^"]*)"')
_INSTANCE = re.compile(rf"{BASE}/([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{{1,64}})(/_history/[^/]+)?")
# Of each kind of parameter, the modifiers that are carried out; a reference also takes a type.
_MODIFIERS = {
    "string": {"missing", "exact", "contains"},
    "token": {"missing", "not", "text"},
    "reference": {"missing", "identifier"},
    "uri": {"missing", "below"},
}
# What belongs to a patient and has no parameters in sekmet's table: a search for one would find everybody's.
_OF_A_PATIENT = (
    "CareTeam:subject ClinicalImpression:subject DetectedIssue:patient FamilyMemberHistory:patient Goal:subject "
    "ImmunizationRecommendation:patient List:subject NutritionOrder:patient QuestionnaireResponse:subject "
    "RiskAssessment:subject VisionPrescription:patient DeviceRequest:subject AdverseEvent:subject Composition:subject "
    "DeviceUseStatement:subject GuidanceResponse:subject RequestGroup:subject SupplyRequest:deliverTo "
    "SupplyDelivery:patient ImmunizationEvaluation:patient DocumentManifest:subject BodyStructure:patient "
    "MeasureReport:subject ResearchSubject:individual"
)


class Search(SearchEngine):  # type: ignore[misc]  # the library has no types
    """A search that refuses what it cannot carry out, where sekmet would leave it out and find too much."""

    def build_where(self, rtype: str, params: Any, *others: Any) -> Any:
        """Return sekmet's SQL; raises FhirError (400) for a modifier that the parameter does not know."""
        for key, _ in params:
            _refuse_modifier(rtype, key)
        return super().build_where(rtype, params, *others)

    def search(self, rtype: str, params: Any, *others: Any, **named: Any) -> Any:
        """Return what is found; raises FhirError (400) for a page that is no number."""
        for key, value in params:
            if key == "_offset" and not value.isdecimal():
                raise FhirError(HTTPStatus.BAD_REQUEST, f"_offset must be a number, not '{value}'", "value")
        return super().search(rtype, params, *others, **named)


def complete(context: Any) -> None:
    """Give a sekmet application the search of above and the parameters that its table lacks."""
    for home in _OF_A_PATIENT.split():
        kind, _, element = home.partition(":")
        known = PARAMS.setdefault(kind, {"status": SearchParam("status", "token", ("status",))})
        known.setdefault("patient", SearchParam("patient", "reference", (element,), "Patient"))
    context.service.search_engine = Search(context.store)


class Versioned:
    """ASGI: conditional reads and writes, transactions that name no resource twice, and a metadata that says so."""

    def __init__(self, app: Any, store: Any) -> None:
        """Wrap sekmet's application over its store."""
        self._app, self._store = app, store
        self._writing = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or let sekmet answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method, headers = scope["path"].rstrip("/"), scope["method"], _headers(scope)
        try:
            if method == "POST" and path == BASE:
                receive = await self._checked(receive)
            elif method in {"GET", "HEAD"} and path == f"{BASE}/metadata":
                await self._metadata(scope, receive, send)
                return
            elif method in {"GET", "HEAD"} and _INSTANCE.fullmatch(path):
                await self._conditional_read(scope, receive, send, headers)
                return
            elif method in {"PUT", "PATCH", "DELETE"} and "if-match" in headers and _INSTANCE.fullmatch(path):
                async with self._writing:
                    version = self._matching(path, headers["if-match"])
                    held = [(k, v) for k, v in scope["headers"] if k != b"if-match"]
                    scope = scope | {"headers": [*held, (b"if-match", f'W/"{version}"'.encode())]}
                    await self._app(scope, receive, send)
                return
        except FhirError as error:
            await _answer(send, error.status, error.outcome())
            return
        await self._app(scope, receive, send)

    def _matching(self, path: str, wanted: str) -> int:
        """The version that is there, if it is among those wanted; raises FhirError (412)."""
        kind, name = path.split("/")[2:4]
        now = self._store.current_version(kind, name)
        if now is not None and not now[1] and _names(wanted, str(now[0])):
            return int(now[0])
        there = "nothing" if now is None or now[1] else f'W/"{now[0]}"'
        raise FhirError(412, f"If-Match is {wanted}, but on the server {kind}/{name} is {there}", "conflict")

    async def _conditional_read(self, scope: Any, receive: Any, send: Any, headers: dict[str, str]) -> None:
        wanted, since = headers.get("if-none-match"), headers.get("if-modified-since")
        if wanted is None and since is None:
            await self._app(scope, receive, send)
            return
        held = [(k, v) for k, v in scope["headers"] if k not in {b"if-none-match", b"if-modified-since"}]
        status, told, body = await _heard(self._app, scope | {"headers": held}, receive)
        had = {k.decode().lower(): v.decode() for k, v in told}
        if wanted is not None:
            same = _names(wanted, _TAG.sub(r"\1", had.get("etag", "")))
        else:
            same = not _is_newer(had.get("last-modified"), str(since))
        if status == 200 and same:
            kept = [(k, v) for k, v in told if k.lower() in {b"etag", b"last-modified"}]
            status, told, body = 304, kept, b""
        await _send(send, status, told, body)

    async def _metadata(self, scope: Any, receive: Any, send: Any) -> None:
        status, told, body = await _heard(self._app, scope, receive)
        if status == 200 and body.startswith(b"{"):
            statement = json.loads(body)
            for resource in statement["rest"][0]["resource"]:
                resource["conditionalRead"] = "full-support"
            body = json.dumps(statement).encode()
            told = [(k, v) for k, v in told if k.lower() != b"content-length"]
            told.append((b"content-length", str(len(body)).encode()))
        await _send(send, status, told, body)

    async def _checked(self, receive: Any) -> Any:
        body = await _body(receive)
        try:
            bundle = json.loads(body)
        except ValueError:
            bundle = None  # sekmet says what is wrong with it
        if isinstance(bundle, dict) and bundle.get("type") == "transaction":
            self._check_entries(bundle.get("entry") or [])

        async def again() -> Json:
            return {"type": "http.request", "body": body, "more_body": False}

        return again

    def _check_entries(self, entries: Iterable[Any]) -> None:
        """No resource is written twice, and a deletion is of the version that it names; raises FhirError."""
        seen: dict[str, int] = {}
        for place, entry in enumerate(entries):
            request = entry.get("request") or {} if isinstance(entry, dict) else {}
            method, url = str(request.get("method", "")).upper(), str(request.get("url", ""))
            found = _INSTANCE.fullmatch(f"{BASE}/{url.rpartition(f'{BASE}/')[2]}")
            if method not in {"PUT", "PATCH", "DELETE"} or found is None:
                continue
            name = f"{found[1]}/{found[2]}"
            if name in seen:
                said = f"Entries {seen[name]} and {place} both change {name}: nothing was written"
                raise FhirError(HTTPStatus.BAD_REQUEST, said, "invalid")
            seen[name] = place
            if request.get("ifMatch"):
                self._matching(f"{BASE}/{name}", str(request["ifMatch"]))


def _refuse_modifier(rtype: str, key: str) -> None:
    head = key.partition(".")[0]
    name, _, modifier = head.partition(":")
    if not modifier or name in SPECIAL or (parameter := get_param(rtype, name)) is None:
        return
    known = _MODIFIERS.get(parameter.kind, {"missing"})
    if modifier in known or (parameter.kind == "reference" and modifier[:1].isupper()):
        return
    said = f"Modifier ':{modifier}' is not supported on '{name}' ({parameter.kind}); known: {', '.join(sorted(known))}"
    raise FhirError(HTTPStatus.BAD_REQUEST, said, "not-supported")


def _names(wanted: str, version: str) -> bool:
    return wanted.strip() == "*" or version in _TAG.findall(wanted) or wanted.strip() == version


def _is_newer(modified: str | None, since: str) -> bool:
    """Whether there is a change after a date; what is no date asks nothing."""
    try:
        return modified is None or _moment(modified) > _moment(since)
    except (TypeError, ValueError):
        return True


def _moment(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _headers(scope: Any) -> dict[str, str]:
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}


async def _body(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


async def _heard(app: Any, scope: Any, receive: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """What an application answers, whole."""
    start: Json = {}
    parts: list[bytes] = []

    async def send(message: Json) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return start["status"], list(start["headers"]), b"".join(parts)


async def _send(send: Any, status: int, headers: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(send: Any, status: int, outcome: Json) -> None:
    body = json.dumps(outcome).encode()
    headers = [(b"content-type", FHIR_JSON), (b"content-length", str(len(body)).encode())]
    await _send(send, status, headers, body)
