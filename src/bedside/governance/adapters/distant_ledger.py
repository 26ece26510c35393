"""A ledger that another process of this machine writes: drafts go there, and are read here."""

import atexit
import contextlib
import os
import select
import socket
import threading
import time
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.ports import Ledger
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.governance.adapters.handed_in import HandedIn, settle
from bedside.governance.adapters.ledger_writer import same_user
from bedside.governance.drafts import checked_details
from bedside.governance.ledger_frames import (
    Frames,
    Reply,
    request_of,
    unknown_if_kept,
)
from bedside.governance.read_behind import ReadBehind

__all__ = ["DistantLedger"]

WAITING_AT_MOST = 65_536  # drafts, as in GroupCommit
GIVE_UP = 3.0  # seconds without a writer, after which what waits fails
_RETRY = 0.02  # seconds
LOOK = 0.5  # seconds between two looks at whether a loop is still there
_READ = 1 << 18  # bytes at once


class DistantLedger(ReadBehind):
    """The Ledger port in front of a `LedgerWriter` in another process.

    An entry is acknowledged after the writer has made it durable, never before. If the writer
    ends, answers that it did not acknowledge go to the next one, which finds by their ids those
    that are there already; of anything else it is said that this is not known. After
    three seconds without a writer everything fails at once, until there is one. What is called
    when a future is done runs in the thread that listens, so it must not append.

    Args:
        path: Of the writer's socket.
        here: The same ledger, opened in this process, for reading and forgetting.
    """

    def __init__(self, path: Path, here: Ledger) -> None:
        super().__init__(here)
        self._path = path
        self._lock = threading.Lock()
        self._under_way: dict[int, HandedIn] = {}
        self._queue: deque[HandedIn] = deque()
        self._count = self._waiting = 0
        self._line: socket.socket | None = None
        self._gone: float | None = None  # since when there is no writer
        self._closed = self._is_broken = False
        self._loop: AbstractEventLoop | None = None
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None

    def submit_all(self, drafts: Sequence[LedgerDraft]) -> "list[Future[LedgerEntry]]":
        """Hand in several drafts at once; each future has its entry once that is durable.

        Do not change the details of a draft afterwards.

        Raises:
            Unavailable: there is no writer (code `ledger_unavailable`), too many wait for it
                (`ledger_busy`), or it was closed (`ledger_closed`); none of them was taken.
        """
        told: list[Future[LedgerEntry]] = []
        fit: list[tuple[LedgerDraft, str, Future[LedgerEntry]]] = []
        for draft in drafts:
            told.append(Future())
            try:
                fit.append((draft, checked_details(draft), told[-1]))
            except Invalid as error:
                told[-1].set_exception(error)
        if fit:
            some, texts, futures = zip(*fit, strict=True)
            self._hand_in(some, texts, futures)
        return told

    def attach(self, loop: AbstractEventLoop | None) -> None:
        """Take replies on an event loop from now on, which then needs not wake for a thread.

        None: take them in a thread, as at the beginning, and before the loop ends.
        """
        self._loop = loop
        os.eventfd_write(self._wake, 1)

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        """Add one entry, in one commit with what else waits; durable when this returns."""
        draft = LedgerDraft(
            actor=actor, action=action, details=details, sealed=sealed, subject=subject
        )
        return self.submit_all([draft])[0].result()

    def append_all(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add several entries in one durable commit of their own: all of them or none."""
        texts = [checked_details(one) for one in drafts]
        if not drafts:
            return []
        told: list[Future[LedgerEntry]] = [Future() for _ in drafts]
        self._hand_in(drafts, texts, told, together=True)
        return [one.result() for one in told]

    def append_each(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry | BedsideError]:
        """Add those that can be taken in one durable commit."""
        told = self.submit_all(drafts)
        results: list[LedgerEntry | BedsideError] = []
        for one in told:
            try:
                results.append(one.result())
            except Unavailable:
                raise
            except BedsideError as error:
                if error.code == "ledger_broken":
                    raise
                results.append(error)
        return results

    def forget(self, subject: int) -> int:
        """Destroy the subject's key, once everything that was submitted before is settled."""
        with self._lock:
            before = [one for sent in self._under_way.values() for one in sent.told]
        wait(before)
        return self._ledger.forget(subject)

    def close(self) -> None:
        """Take nothing more, and return when everything that was submitted is settled."""
        with self._lock:
            self._closed = True
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            os.eventfd_write(self._wake, 1)
            thread.join()
            atexit.unregister(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hand_in(
        self,
        drafts: Sequence[LedgerDraft],
        texts: Sequence[str],
        told: "Sequence[Future[LedgerEntry]]",
        *,
        together: bool = False,
    ) -> None:
        with self._lock:
            self._check_open()
            self._count += 1
            number = self._count
        sent = HandedIn(request_of(number, drafts, texts, together=together), drafts, texts, told)
        with self._lock:
            self._under_way[number] = sent
            self._queue.append(sent)
            self._waiting += len(drafts)
            if self._thread is None:
                self._gone = time.monotonic()
                self._thread = threading.Thread(target=self._run, name="ledger-line", daemon=True)
                self._thread.start()
                atexit.register(self.close)
            elif self._line is not None and not self._send(self._line):
                os.eventfd_write(self._wake, 1)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The ledger was closed.", fix="open it again.", code="ledger_closed")
        if self._gone is not None and time.monotonic() - self._gone > GIVE_UP:
            raise _no_writer()
        if self._waiting >= WAITING_AT_MOST:
            raise Unavailable(
                f"{self._waiting} entries wait for the ledger's database.",
                fix="ask again later; look at the database's disk.",
                code="ledger_busy",
            )

    def _send(self, line: socket.socket) -> bool:
        """Send what the socket takes at once, under the lock; whether that was all."""
        while self._queue:
            sent = self._queue[0]
            try:
                sent.at += line.send(sent.content[sent.at :], socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            except OSError:
                return True  # the thread that listens finds that the writer is gone
            if sent.at == len(sent.content):
                self._queue.popleft()
        return True

    def _run(self) -> None:
        while True:
            line = self._connected()
            if line is None:
                if self._is_over():
                    return
                self._give_up_if_late()
                time.sleep(_RETRY)
                continue
            with line:
                self._listen(line)
            self._lost()
            if self._is_over():
                return

    def _is_over(self) -> bool:
        with self._lock:
            return self._closed and not self._under_way

    def _connected(self) -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self._path))
            if not same_user(line):
                raise PermissionError
        except OSError:
            line.close()
            return None
        with self._lock:
            self._line, self._gone = line, None
            self._send(line)
        return line

    def _listen(self, line: socket.socket) -> None:
        """Take replies until the writer or this is at its end, here or on the loop."""
        frames, poll = Frames(Reply), select.poll()
        poll.register(self._wake, select.POLLIN)
        on: AbstractEventLoop | None = None
        self._is_broken = False
        while not self._is_over() and not self._is_broken:
            if on is not self._loop:
                on = self._moved(line, frames, on)
            with self._lock:
                all_sent = self._send(line)
            events = select.POLLIN if on is None else 0
            poll.register(line, events if all_sent else events | select.POLLOUT)
            for descriptor, found in poll.poll():
                if descriptor == self._wake:
                    with contextlib.suppress(BlockingIOError):
                        os.eventfd_read(self._wake)
                elif on is None and found & ~select.POLLOUT:
                    self._read(line, frames)
                elif found & ~(select.POLLIN | select.POLLOUT):
                    self._is_broken = True
        if on is not None:
            self._loop_does(on, partial(on.remove_reader, line.fileno()))

    def _moved(
        self, line: socket.socket, frames: "Frames[Reply]", on: AbstractEventLoop | None
    ) -> AbstractEventLoop | None:
        """Read elsewhere from now on; where, None: in this thread."""
        if on is not None:
            self._loop_does(on, partial(on.remove_reader, line.fileno()))
        to = self._loop
        if to is None:
            return None
        begin = partial(to.add_reader, line.fileno(), self._read, line, frames)
        return to if self._loop_does(to, begin) else None

    def _loop_does(self, loop: AbstractEventLoop, what: Callable[[], object]) -> bool:
        """Whether the loop has done it; it has not if it is at its end."""
        done = threading.Event()
        try:
            loop.call_soon_threadsafe(what)
            loop.call_soon_threadsafe(done.set)
        except RuntimeError:
            self._loop = None if self._loop is loop else self._loop
            return False
        while not done.wait(LOOK):
            if loop.is_closed():
                return False
        return True

    def _read(self, line: socket.socket, frames: "Frames[Reply]") -> None:
        """Take what came; in this object's thread, or on the loop."""
        try:
            some = line.recv(_READ, socket.MSG_DONTWAIT)
            replies = list(frames.take(some))
        except BlockingIOError:
            return
        except (OSError, Invalid):
            some, replies = b"", []
        if not some:
            self._is_broken = True
            os.eventfd_write(self._wake, 1)
        for reply in replies:
            self._take(reply)

    def _take(self, reply: Reply) -> None:
        with self._lock:
            sent = self._under_way.pop(reply.number, None)
            if sent is None:
                return
            self._waiting -= len(sent.drafts)
        for told, result in zip(sent.told, reply.told(sent.drafts, sent.texts), strict=True):
            settle(told, result)

    def _lost(self) -> None:
        """Queue again what may go again, and say of the rest that nobody knows."""
        with self._lock:
            self._line, self._gone = None, time.monotonic()
            begun = [one for one in self._under_way.values() if one.at]
            doubtful = [one for one in begun if not one.can_go_again]
            for one in doubtful:
                self._forget_about(one)
            for one in begun:
                if one.can_go_again:
                    one.again()
            self._queue = deque(self._under_way.values())
        for one in doubtful:
            one.fail(unknown_if_kept())

    def _give_up_if_late(self) -> None:
        with self._lock:
            if self._gone is None or time.monotonic() - self._gone <= GIVE_UP:
                return
            given_up = list(self._under_way.values())
            for one in given_up:
                self._forget_about(one)
            self._queue.clear()
        for one in given_up:
            one.fail(_no_writer())

    def _forget_about(self, sent: HandedIn) -> None:
        del self._under_way[sent.request.number]
        self._waiting -= len(sent.drafts)


def _no_writer() -> Unavailable:
    return Unavailable(
        "The process that writes the ledger cannot be reached, so nothing is recorded.",
        fix="wait until the server has started it again; look into the server's log.",
        code="ledger_unavailable",
    )
