"""SQLite's log, written back into its file beside the commits and not inside one of them."""

import threading

from sqlalchemy import Engine, event

__all__ = ["Checkpoints"]

EVERY = 0.25  # seconds
LONG = 2_000  # pages of the log (8 MB), after which it begins anew as soon as it can
FEW = 200  # pages that are soon written back between two commits
AT_MOST = 16_384  # pages, after which SQLite writes back inside a commit all the same


class Checkpoints:
    """Writes the log back in a thread, for a process that commits all the time.

    A commit that finds a thousand pages in the log writes them back itself, and whoever waits for
    it waits for that too. The thread never holds up a commit. It seldom finds a moment in which
    all is written back, which the log needs to begin anew; so whoever commits calls `turn`.
    Nothing is done on another database than SQLite.

    Args:
        engine: Used by nobody else yet.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pages = self._left = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _let_grow)
            engine.dispose()
            self._thread = threading.Thread(target=self._beside, name="checkpoints", daemon=True)
            self._thread.start()

    def turn(self) -> None:
        """Let a long log begin anew, if that takes little; call it between two commits."""
        if self._pages > LONG and self._left < FEW:
            self._write_back()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _beside(self) -> None:
        while not self._ended.wait(EVERY):
            self._write_back()

    def _write_back(self) -> None:
        """Write back what no reader needs and nobody is writing; waits for nobody."""
        raw = self._engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
            _, pages, written = cursor.fetchone() or (0, 0, 0)
            cursor.close()
            self._pages, self._left = pages, pages - written
        except Exception:  # a full disk is told by the next commit
            self._pages = self._left = 0
        finally:
            raw.close()


def _let_grow(connection: object, _record: object) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint={AT_MOST}")  # type: ignore[attr-defined]
