"""Reading a request's body within a limit, and never leaving half of one on a kept-alive connection."""

from functools import lru_cache
from io import BytesIO
from typing import IO, Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_content_length, get_input_stream

from cds_hooks.errors import MalformedRequest, TooLarge, UnsupportedMedia

_CHUNK = 1024 * 1024
_STREAM = "cds_hooks.body"
_NOTHING = BytesIO()
_DRAINED = 64 * 1024 * 1024
"""What is above this many bytes is left to the HTTP server, which will close the connection."""


def read_body(environ: dict[str, Any], limit: int) -> bytes:
    """Read the JSON body of a request, of at most `limit` bytes (A1).

    Raises `UnsupportedMedia` (415), `TooLarge` (413), or `MalformedRequest` (400) for a body that breaks off.
    """
    if not _is_json_in_utf8(environ.get("CONTENT_TYPE", "")):
        raise UnsupportedMedia("The Content-Type must be application/json, in UTF-8.")
    if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        raise UnsupportedMedia("The body must not be compressed.")
    announced = get_content_length(environ)
    if (announced or 0) > limit:
        raise _too_large(limit)
    try:
        body = _announced(environ["wsgi.input"], announced) if announced else _unannounced(_stream(environ), limit)
    except (HTTPException, OSError, ValueError):
        raise MalformedRequest("The body broke off.") from None
    environ[_STREAM] = _NOTHING
    return body


def _announced(stream: IO[bytes], size: int) -> bytes:
    """Read just what was announced, mostly in one go."""
    body = stream.read(size)
    while len(body) < size:
        more = stream.read(size - len(body))
        if not more:
            raise OSError
        body += more
    return body


def _unannounced(stream: IO[bytes], limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := stream.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
    return b"".join(chunks)


def _stream(environ: dict[str, Any]) -> IO[bytes]:
    """Return what is left of the body: one stream a request, which knows where the body ends."""
    if _STREAM not in environ:
        environ[_STREAM] = get_input_stream(environ)
    stream: IO[bytes] = environ[_STREAM]
    return stream


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"At most {limit} bytes are read.")


def drain(environ: dict[str, Any]) -> None:
    """Read and drop what is left of the body, within reason.

    A server that keeps the connection would otherwise take the rest for the next request.
    """
    limit, stream = _DRAINED, _stream(environ)
    try:
        while limit > 0 and (chunk := stream.read(min(limit, _CHUNK))):
            limit -= len(chunk)
    except (HTTPException, OSError, ValueError):
        return  # the caller is gone, and so is the rest


@lru_cache(64)
def _is_json_in_utf8(content_type: str) -> bool:
    """Return whether a Content-Type is JSON, FHIR's included, in the one encoding JSON has."""
    declared, parameters = parse_options_header(content_type)
    mimetype = declared.lower()
    json = mimetype == "application/json" or (mimetype.startswith("application/") and mimetype.endswith("+json"))
    return json and parameters.get("charset", "utf-8").lower() == "utf-8"
