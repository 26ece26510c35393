"""One worker process of the local engine: tasks come in on one pipe, envelopes go out on another.

It ends as soon as whoever started it does, however that one ends, and is silent: what a library
prints may hold a patient's value.
"""

import json
import os
import signal
import struct
import threading
from collections.abc import Callable
from queue import SimpleQueue

from bedside.infra.engines.work import perform

__all__ = ["framed", "read_frame", "silenced"]

_LENGTH = struct.Struct(">Q")


def framed(content: bytes) -> bytes:
    """The bytes behind their length.

    >>> framed(b"ab").hex(" ")
    '00 00 00 00 00 00 00 02 61 62'
    """
    return _LENGTH.pack(len(content)) + content


def read_frame(handle: int) -> bytes | None:
    """One frame of a pipe; None when the other side has ended, also in the middle of a frame."""
    head = _exactly(handle, _LENGTH.size)
    return None if head is None else _exactly(handle, *_LENGTH.unpack(head))


def silenced() -> None:
    """Send whatever this process prints from now on to nowhere, and give it nothing to read."""
    nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for handle in (0, 1, 2):
        os.dup2(nowhere, handle)
    os.close(nowhere)


def serve(tasks: int, answers: int) -> None:
    """Do task after task, until nobody is left to give one.

    The first frame is what to set in the environment before a library is loaded; each later one is
    the name of the work and its task.
    """
    environment = json.loads(read_frame(tasks) or b"{}")
    for name, value in environment.items():
        os.environ[name] = value
    waiting: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(tasks, waiting.put), daemon=True).start()
    while True:
        work, _, task = waiting.get().partition(b"\n")
        _write(answers, framed(perform(work.decode(), task)))


def _listen(tasks: int, take: Callable[[bytes], None]) -> None:
    while (frame := read_frame(tasks)) is not None:
        take(frame)
    os._exit(0)  # whoever wanted the answer has gone, so that the task in hand is not wanted either


def _write(handle: int, content: bytes) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[os.write(handle, rest) :]
    except BrokenPipeError:
        os._exit(0)


def _exactly(handle: int, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        part = os.read(handle, min(length - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who gives the tasks
    tasks, answers = os.dup(0), os.dup(1)
    silenced()
    serve(tasks, answers)


if __name__ == "__main__":
    _main()
