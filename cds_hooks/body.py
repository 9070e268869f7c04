"""Reading a request's body within a limit, and never leaving half of one on a kept-alive connection."""

import flask
from werkzeug.exceptions import HTTPException

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
    if not _is_json(request.mimetype) or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMedia("The Content-Type must be application/json, in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("The body must not be compressed.")
    too_large = TooLarge(f"At most {limit} bytes are read.")
    if (request.content_length or 0) > limit:
        raise too_large
    # The limit is ours: the framework's own would answer in HTML.
    request.max_content_length = _NO_LIMIT
    # Asking for just what was announced spares a buffer of the largest size.
    step = min(request.content_length or _CHUNK, _CHUNK)
    chunks: list[bytes] = []
    size = 0
    try:
        while chunk := request.stream.read(step):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise too_large
    except (HTTPException, OSError):
        raise MalformedRequest("The body broke off.") from None
    return b"".join(chunks)


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


def _is_json(mimetype: str) -> bool:
    return mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))
