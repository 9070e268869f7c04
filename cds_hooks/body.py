"""Reading a request's body within a limit, and never leaving half of one on a kept-alive connection."""

from functools import lru_cache

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from cds_hooks.errors import MalformedRequest, TooLarge, UnsupportedMedia

_CHUNK = 1024 * 1024
_NO_LIMIT = 2**62
_DRAINED = 64 * 1024 * 1024
"""What is above this many bytes is left to the HTTP server, which will close the connection."""


def read_body(limit: int) -> bytes:
    """Read the JSON body of the current request, of at most `limit` bytes (A1).

    Raises `UnsupportedMedia` (415), `TooLarge` (413), or `MalformedRequest` (400) for a body that breaks off.
    """
    request = flask.request
    if not _is_json_in_utf8(request.environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMedia("The Content-Type must be application/json, in UTF-8.")
    if request.environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMedia("The body must not be compressed.")
    announced = request.content_length or None
    if (announced or 0) > limit:
        raise _too_large(limit)
    # The limit is ours: the framework's own would answer in HTML.
    request.max_content_length = _NO_LIMIT
    # Asking for just what was announced spares a buffer of the largest size.
    step, stream = min(announced or _CHUNK, _CHUNK), request.stream
    chunks: list[bytes] = []
    size = 0
    try:
        while size != announced and (chunk := stream.read(step)):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
    except (HTTPException, OSError):
        raise MalformedRequest("The body broke off.") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"At most {limit} bytes are read.")


def drain() -> None:
    """Read and drop what is left of the body, within reason.

    A server that keeps the connection would otherwise take the rest for the next request.
    """
    limit = _DRAINED
    flask.request.max_content_length = _NO_LIMIT
    try:
        while limit > 0 and (chunk := flask.request.stream.read(min(limit, _CHUNK))):
            limit -= len(chunk)
    except (HTTPException, OSError):
        return  # the caller is gone, and so is the rest


@lru_cache(64)
def _is_json_in_utf8(content_type: str) -> bool:
    """Return whether a Content-Type is JSON, FHIR's included, in the one encoding JSON has."""
    declared, parameters = parse_options_header(content_type)
    mimetype = declared.lower()
    json = mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))
    return json and parameters.get("charset", "utf-8").lower() == "utf-8"
