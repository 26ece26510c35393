"""Work by name: which functions an engine may call, and the envelope that their results come in.

Only bytes travel: the name of a function of Bedside and its task one way, an envelope the other.
An envelope begins with one byte that tells a result from an error.
"""

import importlib
import json
import re
from collections.abc import Callable, Sequence
from types import FunctionType

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable

__all__ = ["LARGEST", "Work", "check", "failed", "failure", "lost", "opened", "perform", "resolve"]

LARGEST = 1 << 20
"""Bytes of one task or result: more belongs in the sealed object store."""

Work = Callable[[bytes], bytes]
_NAME = re.compile(r"(bedside(?:\.[a-z][a-z0-9_]*)+):([a-z][a-z0-9_]*)")
_RESULT, _ERROR = b"\x00", b"\x01"
_KINDS: dict[str, type[BedsideError]] = {
    kind.kind: kind for kind in (Invalid, NotFound, Refused, Unavailable, BedsideError)
}


def resolve(work: str) -> Work:
    """The function that a name such as `bedside.package.module:name` means.

    The name is checked before anything is imported, so that no name can run foreign code.

    Raises:
        Invalid: it is not a plain, public function of a module of Bedside (code `not_our_work`).

    >>> resolve("bedside.infra.engines.probe:where").__name__
    'where'
    """
    named = _NAME.fullmatch(work)
    if named is None:
        raise _not_our_work()
    module, name = named.groups()
    try:
        found = vars(importlib.import_module(module)).get(name)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("bedside"):
            raise Unavailable(
                f"A library that this work needs is missing ({error.name}).",
                fix="install the same extras of Bedside wherever the work runs.",
                code="worker_failed",
            ) from None
        raise _not_our_work() from None
    if not isinstance(found, FunctionType) or found.__module__ != module:
        raise _not_our_work()
    return found


def check(work: str, tasks: Sequence[bytes]) -> None:
    """See that an engine may take this on.

    Raises:
        Invalid: the work is not ours (code `not_our_work`), or a task is larger than `LARGEST`
            (code `too_large_for_engine`).
    """
    resolve(work)
    if any(len(task) > LARGEST for task in tasks):
        raise _too_large("task")


def perform(work: str, task: bytes) -> bytes:
    """Do one task and put what came of it into an envelope; only Ctrl-C comes out as it is.

    An error of Bedside keeps its kind, problem, fix and code. Of any other only the class is told:
    its text may hold a patient's value. Polars' own panics are no `Exception`, so that every
    error is caught.
    """
    try:
        result = resolve(work)(task)
        if not isinstance(result, bytes):
            raise TypeError
        if len(result) > LARGEST:
            raise _too_large("result")
    except KeyboardInterrupt:
        raise
    except BedsideError as error:
        return failure(error)
    except BaseException as error:
        return failure(_worker_failed(type(error).__name__))
    return _RESULT + result


def failure(error: BedsideError) -> bytes:
    """The envelope of an error; a subclass travels as the kind that it is of."""
    kind = next(name for name, one in _KINDS.items() if isinstance(error, one))
    told = {"kind": kind, "problem": error.problem, "fix": error.fix, "code": error.code}
    return _ERROR + json.dumps(told).encode()


def failed(envelope: bytes) -> bool:
    """Whether an envelope holds an error."""
    return not envelope.startswith(_RESULT)


def opened(envelope: bytes) -> bytes:
    """The result in an envelope.

    Raises:
        BedsideError: the error in it, as it was raised where the work was done.

    >>> opened(perform("bedside.infra.engines.probe:drill", b'{"do": "answer"}'))
    b'answered'
    """
    if not failed(envelope):
        return envelope[1:]
    told = json.loads(envelope[1:])
    raise _KINDS[told["kind"]](told["problem"], fix=told["fix"], code=told["code"])


def lost() -> Unavailable:
    """The error of a worker that ended in the middle of its task."""
    return Unavailable(
        "A worker was lost in the middle of its task: it was killed, or ran out of memory.",
        fix="run the same command again; finished steps are kept. If it happens again, give it "
        "fewer workers or a machine with more memory.",
        code="worker_lost",
    )


def _worker_failed(name: str) -> Unavailable:
    return Unavailable(
        f"A worker failed with an error that Bedside does not know ({name}).",
        fix="run the same command again; if it fails again, report it with the command's name.",
        code="worker_failed",
    )


def _not_our_work() -> Invalid:
    return Invalid(
        "An engine was asked for work that is not a public function of Bedside.",
        fix="name it as bedside.package.module:function.",
        code="not_our_work",
    )


def _too_large(what: str) -> Invalid:
    return Invalid(
        f"A {what} of more than {LARGEST >> 20} MiB was given to an engine.",
        fix="put it into the object store, which seals it, and pass its digest.",
        code="too_large_for_engine",
    )
