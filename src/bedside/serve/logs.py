"""One JSON line for each event of a server: when, how grave, which event, about which version.

What our own modules write names no patient's value, and is told whole. Of what a library writes
only the constant part is told, and of an error only its class: both may repeat what came in a
request.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

__all__ = ["EVENTS", "JsonLines", "event_of"]

EVENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "prediction %s failed: %s (%s)": ("prediction_failed", ("prediction_id", "code", "cause")),
    "the ledger failed: %s": ("ledger_failed", ("cause",)),
    "a request failed inside: %s": ("request_failed", ("cause",)),
    "%s hangs, %s thread(s) now": ("model_hangs", ("version", "threads")),
    "%s fails its worked example now: %s": ("example_differs", ("version", "problem")),
    "%s does not load: %s": ("reload_failed", ("version", "problem")),
    "releases cannot be read: %s": ("releases_unreadable", ("cause",)),
    "%d dropped questions untold: %s": ("drops_untold", ("count", "cause")),
    "the watch failed: %s": ("watch_failed", ("cause",)),
    "too many threads hang: this process is to be replaced": ("process_stuck", ()),
    "worker %d has no pulse: it is killed": ("worker_silent", ("worker",)),
    "worker %d ended (status %d): it is replaced": ("worker_ended", ("worker", "status")),
    "worker %d does not end: it is killed": ("worker_killed", ("worker",)),
    "the guards of %s were not judged: %s": ("guards_not_judged", ("version", "code")),
    "%s ended (status %d)": ("part_ended", ("part", "status")),
    "%s: %s (%s)": ("guard_fired", ("version", "then", "problem")),
    "the guards were not judged: %s": ("guards_not_judged", ("code",)),
    "Invalid HTTP request received.": ("request_unreadable", ()),
    "Exception in ASGI application\n": ("request_failed", ()),
}
"""The event and the names of its arguments, by the constant part of what is written."""

_OURS = "bedside"
_FIELDS = ("event", "model", "version", "prediction_id", "part", "status")
_PLACE = re.compile(r"%[-#0 +]*\d*(?:\.\d+)?[a-zA-Z%]")


def event_of(template: str) -> str:
    """The code of an event that is in no list: the words of its constant part.

    >>> event_of("the clients cannot be looked at: %s")
    'the_clients_cannot_be_looked_at'
    """
    words = re.findall(r"[a-z0-9]+", _PLACE.sub(" ", template).lower())
    return "_".join(words[:8]) or "event"


class JsonLines(logging.Formatter):
    """A record of the log as one line of JSON.

    >>> record = logging.LogRecord("bedside.serve", 40, "", 0, "the ledger failed: %s",
    ...     ("OSError",), None)
    >>> record.created = 0.0
    >>> print(JsonLines().format(record))
    {"time": "1970-01-01T00:00:00.000Z", "level": "error", "event": "ledger_failed",
     "cause": "OSError", "text": "the ledger failed: OSError", "logger": "bedside.serve",
     "process": ...}
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        template = str(record.msg)
        told: dict[str, Any] = {
            "time": f"{_moment(record)}Z",
            "level": record.levelname.lower(),
        }
        ours = record.name.partition(".")[0] == _OURS
        known = EVENTS.get(template)
        if known is None:
            told["event"] = event_of(template)
        else:
            told["event"], names = known
            if ours and isinstance(record.args, tuple):
                told |= {name: _plain(one) for name, one in zip(names, record.args, strict=False)}
        told |= {name: getattr(record, name) for name in _FIELDS if name in record.__dict__}
        if isinstance(told.get("version"), str) and "@" in told["version"]:
            told.setdefault("model", told["version"].partition("@")[0])
        told["text"] = record.getMessage() if ours else template.strip()
        if record.exc_info and record.exc_info[0] is not None:
            told["error"] = record.exc_info[0].__name__
        told |= {"logger": record.name, "process": record.process}
        return json.dumps(told, ensure_ascii=False)


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}"


def _plain(value: object) -> str | int | float:
    return value if isinstance(value, (int, float)) else str(value)
