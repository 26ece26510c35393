"""The process above the workers: starts them, hears their pulse, replaces one that dies or hangs.

Each worker is a fresh process (threads, sessions and databases do not survive a fork) that listens
by itself on one port (SO_REUSEPORT), from the moment it can answer. What they share is the ledger,
and the process that writes it for all of them, if there is one: it is started before them and ends
after them.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bedside.core.errors import Unavailable

__all__ = ["PULSE", "READY", "Patience", "Supervisor", "reserve"]

_LOG = logging.getLogger("bedside.serve")
READY, PULSE = b"R", b"."
"""What a worker writes: once when it can answer, then each time its event loop turns."""
_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the supervisor waits, in seconds.

    `start` for a worker to load its models, `silence` without a pulse before it is killed, `drain`
    for a worker that was told to end. A worker that ends early again and again is started after
    `pause`, twice as long each time, at most 30 s.
    """

    start: float = 120.0
    silence: float = 10.0
    drain: float = 20.0
    pause: float = 0.25


def reserve(host: str, port: int) -> socket.socket:
    """A socket that keeps the port for the workers and takes no connection itself.

    Args:
        host: An address of this machine.
        port: 0: any that is free.

    Raises:
        Unavailable: somebody else has the port (`port_taken`).
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    try:
        if port:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))  # without SO_REUSEPORT: nobody else may be there
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError:
        held.close()
        raise Unavailable(
            f"Port {port} cannot be listened on.",
            fix="end whoever has it, or give another with --port.",
            code="port_taken",
        ) from None
    return held


@dataclass(slots=True)
class _Worker:
    """One place in the row, and the process that fills it now."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    started: float
    heard: float
    is_ready: bool = False


@dataclass(slots=True)
class _Place:
    command: Callable[[int], list[str]]
    on_end: Callable[[int], None]
    worker: _Worker | None = None
    next_start: float = 0.0
    short_lives: int = field(default=0)

    @property
    def was_ready(self) -> bool:
        """Whether the process that fills it now can do its work."""
        return self.worker is not None and self.worker.is_ready


class Supervisor:
    """Runs the workers until it is told to stop.

    Args:
        command: The command line of a worker that is given the descriptor of its line to us.
        workers: How many.
        patience: How long it waits.
        on_ready: Called once, when the first worker can answer.
        on_end: Called with the exit status of every worker that ended unasked.
        first: The command line of a process that has to be ready before any worker is started; it
            is watched and replaced as they are.
        on_first_end: Called with the exit status of that one, each time.
    """

    def __init__(
        self,
        command: Callable[[int], list[str]],
        workers: int,
        *,
        patience: Patience | None = None,
        on_ready: Callable[[], None] = lambda: None,
        on_end: Callable[[int], None] = lambda _status: None,
        first: Callable[[int], list[str]] | None = None,
        on_first_end: Callable[[int], None] = lambda _status: None,
    ) -> None:
        self._patience, self._on_ready = patience or Patience(), on_ready
        self._workers = [_Place(command, on_end) for _ in range(workers)]
        self._first = [] if first is None else [_Place(first, on_first_end)]
        self._places = [*self._first, *self._workers]
        self._selector = selectors.DefaultSelector()
        self._stopping = self._was_ready = False

    def run(self) -> None:
        """Keep every place filled until a signal says stop; then let the workers end in order.

        Raises:
            Unavailable: no worker could be started at all (`worker_failed`).
        """
        with self._signals():
            try:
                while not self._stopping:
                    self._fill()
                    self._listen(0.25)
                    self._look_after()
            finally:
                self._drain()
                self._selector.close()

    def stop(self) -> None:
        """End soon; may be called in a signal handler or from another thread."""
        self._stopping = True

    def pids(self) -> list[int]:
        """The processes of the workers."""
        return [one.worker.process.pid for one in self._workers if one.worker is not None]

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let a signal end the wait, where this is the main thread, which alone hears any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        awake, wake = socket.socketpair()
        wake.setblocking(False)
        before = {each: signal.signal(each, lambda *_: self.stop()) for each in _STOP}
        heard = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        self._selector.register(awake, selectors.EVENT_READ, None)
        try:
            yield
        finally:
            signal.set_wakeup_fd(heard)
            for each, handler in before.items():
                signal.signal(each, handler)
            awake.close()
            wake.close()

    def _fill(self) -> None:
        now = time.monotonic()
        begun = self._was_ready or all(one.was_ready for one in self._first)
        for place in self._places if begun else self._first:
            if place.worker is None and now >= place.next_start:
                place.worker = self._started(place.command, now)
                self._selector.register(place.worker.line, selectors.EVENT_READ, place)

    @staticmethod
    def _started(command: Callable[[int], list[str]], now: float) -> _Worker:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command(theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return _Worker(process=process, line=ours, started=now, heard=now)

    def _listen(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            place: _Place | None = key.data
            if place is None:
                key.fileobj.recv(64)  # type: ignore[union-attr]
            elif place.worker is not None:
                self._hear(place, place.worker)

    def _hear(self, place: _Place, worker: _Worker) -> None:
        try:
            said = worker.line.recv(4096)
        except (BlockingIOError, ConnectionError):
            return
        worker.heard = time.monotonic()
        if not said:  # it ended: `poll` says how
            self._selector.unregister(worker.line)
        elif READY in said and not worker.is_ready:
            worker.is_ready, place.short_lives = True, 0
            if not self._was_ready and place not in self._first:
                self._was_ready = True
                self._on_ready()

    def _look_after(self) -> None:
        now = time.monotonic()
        for place in self._places:
            worker = place.worker
            if worker is None:
                continue
            status = worker.process.poll()
            allowed = self._patience.silence if worker.is_ready else self._patience.start
            if status is None and now - worker.heard > allowed:
                _LOG.error("worker %d has no pulse: it is killed", worker.process.pid)
                worker.process.kill()
                status = worker.process.wait()
            if status is not None:
                self._ended(place, worker, status)

    def _ended(self, place: _Place, worker: _Worker, status: int) -> None:
        """Clear the place; whoever never became ready is not started again at once."""
        self._forget(worker)
        place.worker = None
        if not self._was_ready:
            raise Unavailable(
                f"A server process ended before it could answer (status {status}).",
                fix="read what it wrote above; check the released versions: bedside history NAME.",
                code="worker_failed",
            )
        place.short_lives += not worker.is_ready
        pause = min(30.0, self._patience.pause * 2**place.short_lives)
        place.next_start = time.monotonic() + (pause if place.short_lives else 0.0)
        _LOG.error("worker %d ended (status %d): it is replaced", worker.process.pid, status)
        place.on_end(status)

    def _forget(self, worker: _Worker) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.line)
        worker.line.close()

    def _drain(self) -> None:
        """Tell every worker to finish what is under way, and kill whoever takes too long."""
        self._end(self._workers)
        self._end(self._first)

    def _end(self, places: list[_Place]) -> None:
        workers = [one.worker for one in places if one.worker is not None]
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGTERM)
        until = time.monotonic() + self._patience.drain
        for worker in workers:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                _LOG.error("worker %d does not end: it is killed", worker.process.pid)
                worker.process.kill()
                worker.process.wait()
            self._forget(worker)
