"""Work that tells about an engine itself: where it runs, and drills of what may go wrong there."""

import json
import os
import platform
import signal
import sys
import time
from typing import Any

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable, WrongUnit

__all__ = ["drill", "where"]

_KINDS: dict[str, type[BedsideError]] = {
    "invalid": Invalid,
    "not_found": NotFound,
    "refused": Refused,
    "unavailable": Unavailable,
}


def where(task: bytes) -> bytes:
    """Where this runs, as JSON: machine, node of the cluster, process; and the task's own text.

    The task is JSON; its `seconds` say how long to stay, so that others find the place taken. With
    `threads`, Polars is loaded to say how many threads it has here.

    >>> json.loads(where(b'{"label": "a"}'))["label"]
    'a'
    """
    asked = _asked(task)
    time.sleep(float(asked.get("seconds", 0)))
    told: dict[str, Any] = {
        "label": asked.get("label", ""),
        "machine": platform.node(),
        "node": _node(),
        "process": os.getpid(),
    }
    if asked.get("threads"):
        import polars  # noqa: PLC0415  (slow to import)

        told["threads"] = polars.thread_pool_size()
    return json.dumps(told).encode()


def drill(task: bytes) -> bytes:
    """Meet one trouble on purpose, to see on a given engine that it comes out as it should.

    The task is JSON. `do` is `answer`; `fail`, with one of our errors (`kind`); `break`, with a
    foreign error that holds the `text`; `print` the `text`; `swell`, to a result too large;
    or `die`, as when the system kills a process.

    Raises:
        BedsideError: it was asked to `fail`.

    >>> drill(b'{"do": "answer"}')
    b'answered'
    """
    asked = _asked(task)
    match asked.get("do"):
        case "fail":
            raise _error(asked)
        case "break":
            raise ZeroDivisionError(asked["text"])
        case "print":
            print(asked["text"])
            print(asked["text"], file=sys.stderr, flush=True)
            os.write(2, str(asked["text"]).encode())
        case "swell":
            return bytes(int(asked["bytes"]))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
    return b"answered"


def _error(asked: dict[str, Any]) -> BedsideError:
    if asked["kind"] == "wrong_unit":
        return WrongUnit("potassium", got="mg/dL", expected="mmol/L")
    kind = _KINDS[asked["kind"]]
    return kind("This is a drill.", fix="nothing is to be done.", code="drill")


def _asked(task: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(task)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Invalid("The task of a probe is not a JSON object.", fix="give one, such as {}.")
    return asked


def _node() -> str:
    """The cluster's name for this node; none where no cluster runs this."""
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_node_id())
