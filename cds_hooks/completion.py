"""Completing what was sent: each key is read, fetched, known to be empty, or failed, within one deadline.

The project's checklist, 1.7 rows 4 to 8, decides what each of these means. A sent value is read before
anything is fetched, so that a malformed request costs the client's server nothing.
"""

from collections.abc import Mapping
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType

from cds_hooks.context import Context
from cds_hooks.errors import MissingPrefetch
from cds_hooks.prefetch import Fetch, FetchFailed, Page, PageReader, Prefetched, State, Template
from cds_hooks.registry import Service
from cds_hooks.sent import is_misplaced, read_sent
from cds_hooks.wire import HookRequest

DEADLINE = 2.0
"""Seconds for all fetching of one call."""
PAGE_LIMIT = 10
"""Pages read under one key."""

FOLLOWED = "followed"
"""The key under which a service finds the resources it asked to follow."""

_GRACE = 0.1
"""Seconds in which a fetch that ended at the deadline hands over the pages it has."""
_HAD = frozenset({State.SENT, State.FETCHED})
_NOT_FAILED = _HAD | {State.NONE}
_TOO_LATE = "the time for fetching ran out"


def complete(
    service: Service,
    request: HookRequest,
    context: Context,
    fetch: Fetch,
    *,
    pool: Executor,
    body: bytes = b"",
    seconds: float = DEADLINE,
    page_limit: int = PAGE_LIMIT,
) -> Mapping[str, Prefetched]:
    """Know every key of the service: from the request and its body, else from the client's FHIR server (D9-D14).

    Raises `MalformedRequest` (400) for a value that is no FHIR JSON, `WrongPatient` (400) for another
    patient, and `MissingPrefetch` (412) when what the service requires cannot be had.
    """
    authorization = request.fhirAuthorization
    source = _Source(
        fetch=fetch,
        read_page=service.read_page,
        context=context,
        server=request.fhirServer or "",
        token=authorization.access_token if authorization else None,
        deadline=monotonic() + seconds,
        page_limit=page_limit,
    )
    pages = read_sent(service, request, context, body)
    known: dict[str, Prefetched] = {}
    waiting: dict[str, Future[Prefetched]] = {}
    for template in service.prefetch:
        page = pages.get(template.key)
        if page is not None and page.failure is None and page.next is None:
            known[template.key] = _settled(template, State.SENT, page.resources)
        elif not source.server:
            known[template.key] = _without(template, page, "the request names no fhirServer")
        else:
            waiting[template.key] = pool.submit(source.obtain, template, page)
    if waiting:
        wait(waiting.values(), timeout=source.deadline + _GRACE - monotonic())
    for template in service.prefetch:
        future = waiting.get(template.key)
        if future is not None:
            late = future.cancel() or not future.done()
            known[template.key] = _without(template, pages.get(template.key), _TOO_LATE) if late else future.result()
    _check_required(service, known)
    had = {template.key: known[template.key] for template in service.prefetch}
    references = service.follow(MappingProxyType(had)) if service.follow and source.server else ()
    if references:
        had[FOLLOWED] = _followed(source, references, pool)

    return MappingProxyType(had)


def _followed(source: "_Source", references: tuple[str, ...], pool: Executor) -> Prefetched:
    """Read the resources that others refer to, as many as the deadline allows; what is missing is said."""
    reads = [pool.submit(source.read, reference) for reference in references]
    wait(reads, timeout=max(0.0, source.deadline + _GRACE - monotonic()))
    late = [read for read in reads if read.cancel() or not read.done()]
    pages = [page for read in reads if read not in late and (page := read.result()) is not None]
    resources = tuple(resource for page in pages for resource in page.resources)
    missing = len(references) - len(pages)
    why = f"{missing} of {len(references)} references could not be followed" if missing else None
    state = State.FETCHED if resources else State.FAILED
    return Prefetched(key=FOLLOWED, state=state, resources=resources, why=why, truncated=bool(resources and missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """The client's FHIR server during one call."""

    fetch: Fetch
    read_page: PageReader
    context: Context
    server: str
    token: str | None = field(repr=False)
    deadline: float
    page_limit: int

    def obtain(self, template: Template, page: Page | None) -> Prefetched:
        """Fetch what was not sent, or was sent as a failure, and the pages after the first."""
        state = State.SENT
        if page is None or page.failure is not None:
            state = State.FETCHED
            try:
                page = self._first(template)
            except FetchFailed as failed:
                return _without(template, page, failed.why)
        resources = list(page.resources)
        follow, read = page.next, 1
        while follow is not None:
            if read == self.page_limit:
                return _settled(template, state, tuple(resources), f"more than {read} pages")
            try:
                page = self._page(follow)
            except FetchFailed as failed:
                return _settled(template, state, tuple(resources), f"further pages: {failed.why}")
            resources += page.resources
            follow, read = page.next, read + 1
        return _settled(template, state, tuple(resources))

    def read(self, reference: str) -> Page | None:
        """Read one resource that another refers to, or None when it cannot be had."""
        try:
            return self._page(reference)
        except FetchFailed:
            return None

    def _first(self, template: Template) -> Page:
        path = template.path(self.context)
        if path is None:
            raise FetchFailed("the context lacks what the query needs")
        return self._page(path, template)

    def _page(self, path: str, template: Template | None = None) -> Page:
        if monotonic() >= self.deadline:
            raise FetchFailed(_TOO_LATE)
        body = self.fetch(self.server, path, self.token, self.deadline)
        try:
            page = self.read_page(body)
        except (ValueError, RecursionError):
            raise FetchFailed("the server's answer could not be read") from None
        if page.failure is not None:
            raise FetchFailed(page.failure)
        if template is not None and is_misplaced(template, page, self.context):
            raise FetchFailed("the server answered with another resource")
        return page


def _settled(template: Template, state: State, resources: tuple[object, ...], cut: str | None = None) -> Prefetched:
    if not resources:
        # Nothing on the pages that were read does not mean that nothing was found.
        state = State.NONE if cut is None else State.FAILED
    return Prefetched(key=template.key, state=state, resources=resources, why=cut, truncated=cut is not None)


def _without(template: Template, sent: Page | None, why: str) -> Prefetched:
    if sent is not None and sent.failure is None:
        return _settled(template, State.SENT, sent.resources, why)
    reason = sent.failure if sent else "not sent"
    return Prefetched(key=template.key, state=State.FAILED, why=f"{reason}; {why}")


def _check_required(service: Service, known: Mapping[str, Prefetched]) -> None:
    # That a search found nothing is an answer; that a read found nothing is not.
    had = {
        template.key
        for template in service.prefetch
        if (state := known[template.key].state) in _HAD or (state in _NOT_FAILED and template.is_search)
    }
    lacking = [sorted(group) for group in service.requires if not group & had]
    if lacking:
        causes = [" or ".join(f"{key} ({known[key].why or 'none found'})" for key in group) for group in lacking]
        elements = [f"prefetch.{key}" for group in lacking for key in group]
        raise MissingPrefetch(
            f"Required prefetch: {'; '.join(causes)}.",
            *dict.fromkeys(elements),
            states={key: prefetched.state for key, prefetched in known.items()},
        )
