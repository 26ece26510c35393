"""Many writers, one commit: a thread gathers what waits and writes it to the ledger at once."""

import atexit
import os
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, wait
from types import TracebackType
from typing import Any, NamedTuple, Self

from bedside.core.errors import BedsideError, Invalid, Unavailable
from bedside.core.ports import Ledger
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.governance.read_behind import ReadBehind

__all__ = ["GroupCommit"]

WAITING_AT_MOST = 65_536  # drafts; beyond it the disk is too slow, and no memory is the answer


class _Waiting(NamedTuple):
    draft: LedgerDraft
    told: "Future[LedgerEntry]"


class GroupCommit(ReadBehind):
    """The Ledger port in front of another ledger: appends that wait together are one commit.

    While one commit is under way, the next ones gather; nobody waits for a timer. An entry is
    acknowledged after its commit is durable, never before. A draft that the ledger does not take
    fails alone. A process that ends waits for what was submitted; one that is killed may lose
    what was not acknowledged, and nothing else. After a fork the child begins with nothing waiting.
    What is called when a future is done runs in the thread that commits, so it must not append.

    Args:
        ledger: Where the entries go; several threads may call it.
        at_most: How many entries one commit takes.
    """

    def __init__(self, ledger: Ledger, *, at_most: int = 512) -> None:
        if at_most < 1:
            raise Invalid("A commit of no entries commits nothing.", fix="give at least 1.")
        super().__init__(ledger)
        self._at_most = at_most
        self._closed, self._idle = False, False
        self._waiting: deque[_Waiting] = deque()
        self._under_way: list[_Waiting] = []
        self._thread: threading.Thread | None = None
        self._start_afresh()

    def submit(self, draft: LedgerDraft) -> "Future[LedgerEntry]":
        """Hand in a draft; the future has its entry once it is durable, or the error.

        Do not change the draft's details afterwards: they are read when the commit is made.

        Raises:
            Unavailable: it was closed (code `ledger_closed`), or the database is so far behind
                that too many wait (`ledger_busy`).
        """
        return self.submit_all([draft])[0]

    def submit_all(self, drafts: Sequence[LedgerDraft]) -> "list[Future[LedgerEntry]]":
        """Hand in several drafts at once, so that they are not torn into several commits.

        Raises:
            Unavailable: as `submit`; then none of them was taken.
        """
        waiting = [_Waiting(draft, Future()) for draft in drafts]
        if self._process != os.getpid():
            self._start_afresh()
        with self._changed:
            self._check_open()
            self._waiting.extend(waiting)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._commit_all, name="ledger-commit", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            elif self._idle:
                self._changed.notify_all()
        return [one.told for one in waiting]

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
        return self.submit(draft).result()

    def append_all(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add several entries in one durable commit of their own: all of them or none."""
        return self._ledger.append_all(drafts)

    def append_each(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry | BedsideError]:
        """Add those that can be taken in one durable commit of their own."""
        return self._ledger.append_each(drafts)

    def forget(self, subject: int) -> int:
        """Destroy the subject's key, once everything that was submitted before is settled."""
        with self._changed:
            before = [one.told for one in (*self._under_way, *self._waiting)]
        wait(before)
        return self._ledger.forget(subject)

    def close(self) -> None:
        """Take nothing more, and return when everything that was submitted is settled."""
        if self._process != os.getpid():
            self._start_afresh()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
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

    def _start_afresh(self) -> None:
        """Nothing waits and no thread runs: at the beginning, and in a child after a fork."""
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._waiting, self._under_way = deque(), []
        self._thread, self._idle = None, False

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The ledger was closed.", fix="open it again.", code="ledger_closed")
        if len(self._waiting) >= WAITING_AT_MOST:
            raise Unavailable(
                f"{len(self._waiting)} entries wait for the ledger's database.",
                fix="ask again later; look at the database's disk.",
                code="ledger_busy",
            )

    def _commit_all(self) -> None:
        while batch := self._next_batch():
            self._settle([one for one in batch if one.told.set_running_or_notify_cancel()])

    def _next_batch(self) -> list[_Waiting]:
        """What waits, at most one commit of it; empty when it was closed and nothing waits."""
        with self._changed:
            self._under_way, self._idle = [], True
            while not self._waiting and not self._closed:
                self._changed.wait()
            self._idle = False
            count = min(len(self._waiting), self._at_most)
            self._under_way = [self._waiting.popleft() for _ in range(count)]
            return self._under_way

    def _settle(self, batch: list[_Waiting]) -> None:
        """Commit the batch and tell everybody; a draft that is not taken fails alone."""
        if not batch:
            return
        try:
            results = self._ledger.append_each([one.draft for one in batch])
        except BaseException as error:  # told to whoever waits; this thread goes on
            for one in batch:
                one.told.set_exception(error)
            return
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, BedsideError):
                one.told.set_exception(result)
            else:
                one.told.set_result(result)
