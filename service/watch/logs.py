"""The log on standard error: JSON lines for machines, or words for a person before a terminal.

Everything goes through the standard library's loggers, so that the lines of libraries have the same form.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from multiprocessing.util import Finalize
from traceback import walk_tb
from types import TracebackType
from typing import Any, Literal, TypeAlias

from pythonjsonlogger.msgspec import MsgspecFormatter

from cds_hooks.correlation import CURRENT
from cds_hooks.trace import finish_waiting

Form: TypeAlias = Literal["json", "text"]
_Caught: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
_FRAMES = 8


class _WithoutWords(logging.Formatter):
    """Tells of an exception its type and place: its message may quote a record."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record, without what another handler made of its exception."""
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: _Caught) -> str:  # noqa: N802 - the standard library's name
        kind, _, trace = ei
        places = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(trace)]
        return f"{kind.__qualname__ if kind else None} at {'>'.join(places[-_FRAMES:])}"


class JsonLines(_WithoutWords, MsgspecFormatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and the name of the request it was written for."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"], rename_fields={"levelname": "level", "name": "logger"}, timestamp="time"
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add the names of the request."""
        super().add_fields(log_data, record, message_dict)
        exchange = CURRENT.get()
        if exchange is not None:
            log_data["call"] = exchange.id
            if exchange.parent is not None:
                log_data["trace"] = exchange.parent.trace


class Words(_WithoutWords):
    """One line of words."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s %(message)s")


_FORMS: Mapping[str, type[logging.Formatter]] = {"json": JsonLines, "text": Words}


def configure(form: Form) -> None:
    """Write the log of this process in a form; one that was configured before is left as it is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMS[form]())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("cds_hooks").setLevel(logging.INFO)
    # A worker of a server that forks ends without the interpreter's own end; before the store's writer ends.
    Finalize(None, finish_waiting, exitpriority=20)


def server_log(form: Form) -> dict[str, Any]:
    """Return how the WSGI server logs, for `logging.config`: as we do."""
    return {
        "formatters": {"ours": {"()": _FORMS[form]}},
        "handlers": {"ours": {"class": "logging.StreamHandler", "formatter": "ours", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["ours"], "propagate": False}},
    }
