"""The one process that writes a server's ledger: what its workers hand in is committed together."""

import contextlib
import logging
import os
import selectors
import socket
import struct
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from bedside.core.errors import AlreadyAnswered, BedsideError, Invalid, NotFound
from bedside.core.ports import Ledger, Predictions
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.governance.ledger_frames import Frames, Request, answered, framed
from bedside.governance.predictions import is_prediction

__all__ = ["LedgerWriter", "same_user"]

_LOG = logging.getLogger("bedside.ledger")
_READ = 1 << 18  # bytes at once
_REPLIES = 64 << 20  # bytes that may wait for a worker that does not read its replies
_CREDENTIALS = struct.Struct("3i")  # process, user, group (socket(7), SO_PEERCRED)
TURN = 0.25  # seconds between two looks at whether to end
ASKED_ONCE = ("prediction_id_used", "already_answered")

Result = LedgerEntry | BaseException


class _Line:
    """The connection of one worker."""

    def __init__(self, own: socket.socket) -> None:
        self.socket, self.frames, self.replies = own, Frames(Request), bytearray()


class LedgerWriter:
    """Commits what comes over a socket, and answers when it is durable.

    What came while one commit was under way is the next; nobody waits for a timer. What a worker
    handed in before it was killed is committed too: it was told to nobody, and the same request
    gets it when it is asked again.

    Args:
        ledger: Where the entries go.
        predictions: Finds an answer that is there already, where it is handed in again.
        path: Of the socket, in a folder that only this user may enter. One that lies there from
            before is replaced.
        at_most: After how many entries a commit takes no further request.
        between: Called after each commit, when everybody has been told.
    """

    def __init__(
        self,
        ledger: Ledger,
        predictions: Predictions,
        path: Path,
        *,
        at_most: int = 512,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger, self._predictions, self._at_most = ledger, predictions, at_most
        self._between, self._path = between, path
        self._waiting: deque[tuple[_Line, Request]] = deque()
        self._selector = selectors.DefaultSelector()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(path))
        path.chmod(0o600)
        self._door.listen()
        self._door.setblocking(False)
        self._selector.register(self._door, selectors.EVENT_READ, None)

    def run(self, ended: Callable[[], bool], *, turned: Callable[[], None] = lambda: None) -> None:
        """Serve until `ended`, and then what has come by then.

        Args:
            ended: Asked a few times a second.
            turned: Called each time.
        """
        try:
            while not (ended() and not self._waiting):
                turned()
                self._listen(0.0 if self._waiting else TURN)
                if self._waiting:
                    self._commit()
                    self._between()
        finally:
            self._close()

    def _close(self) -> None:
        for key in list(self._selector.get_map().values()):
            if isinstance(key.data, _Line):
                self._drop(key.data)
        self._selector.close()
        self._door.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()

    def _listen(self, seconds: float) -> None:
        for key, events in self._selector.select(seconds):
            if key.data is None:
                self._accept()
                continue
            if events & selectors.EVENT_WRITE:
                self._send(key.data)
            if events & selectors.EVENT_READ:
                self._read(key.data)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            own, _ = self._door.accept()
            if not same_user(own):
                own.close()
                return
            own.setblocking(False)
            self._selector.register(own, selectors.EVENT_READ, _Line(own))

    def _read(self, line: _Line) -> None:
        try:
            some = line.socket.recv(_READ)
            self._waiting.extend((line, one) for one in line.frames.take(some))
        except BlockingIOError:
            return
        except (OSError, Invalid):
            some = b""
        if not some:
            self._drop(line)

    def _drop(self, line: _Line) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(line.socket)
        line.socket.close()

    def _commit(self) -> None:
        """Write what waits, at most one commit of it, and tell everybody."""
        line, request = self._waiting.popleft()
        if request.together:
            self._tell(line, request, self._all_of(request.ledger_drafts()))
            return
        batch, drafts = [(line, request)], request.ledger_drafts()
        while self._waiting and len(drafts) < self._at_most and not self._waiting[0][1].together:
            batch.append(self._waiting.popleft())
            drafts += batch[-1][1].ledger_drafts()
        results, begin = self._each_of(drafts), 0
        for line, request in batch:
            end = begin + len(request.drafts)
            told = results[begin:end]
            if request.again:
                told = [*map(self._found, drafts[begin:end], told)]
            self._tell(line, request, told)
            begin = end

    def _each_of(self, drafts: list[LedgerDraft]) -> Sequence[Result]:
        try:
            return self._ledger.append_each(drafts)
        except Exception as error:
            _LOG.error("a commit failed: %s", getattr(error, "code", type(error).__name__))
            return [error] * len(drafts)

    def _all_of(self, drafts: list[LedgerDraft]) -> Sequence[Result]:
        try:
            return self._ledger.append_all(drafts)
        except Exception as error:
            return [error] * len(drafts)

    def _found(self, draft: LedgerDraft, result: Result) -> Result:
        """The entry of a draft that was written before the worker heard of it, or the result."""
        if not (isinstance(result, BedsideError) and result.code in ASKED_ONCE):
            return result
        prediction_id = draft.details.get("prediction_id")
        other = isinstance(result, AlreadyAnswered) and result.prediction_id != prediction_id
        if other or not is_prediction(draft):
            return result
        try:
            entry = self._ledger.entry(self._predictions.get(str(prediction_id)).sequence)
        except NotFound:
            return result
        except Exception as error:
            return error
        return entry if entry.details == draft.details else result

    def _tell(self, line: _Line, request: Request, results: Sequence[Result]) -> None:
        if line.socket.fileno() < 0:
            return
        line.replies += framed(answered(request.number, results))
        self._send(line)

    def _send(self, line: _Line) -> None:
        try:
            sent = line.socket.send(line.replies)
            del line.replies[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(line)
            return
        if len(line.replies) > _REPLIES:
            self._drop(line)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if line.replies else 0)
        if self._selector.get_key(line.socket).events != events:
            self._selector.modify(line.socket, events, line)


def same_user(other: socket.socket) -> bool:
    """Whether the process at the other end of a Unix socket is of this user."""
    told = other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(told)[1] == os.getuid())
