"""SQLite behind SQLAlchemy: durable, one writer at a time, its troubles in plain words."""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, event

from bedside.core.disk import disk_trouble
from bedside.core.errors import BedsideError, Refused, Unavailable

__all__ = ["copy_sqlite", "open_sqlite", "writing"]

_ANOTHER_SHAPE = re.compile(r"no such column|has no column named")
PATIENCE_MS = 10_000  # how long a statement waits for another process's lock
CACHE_KIB = 16_384  # of pages for each connection, so that one commit of many rows fits
_WRITER = "bedside_writer"  # set on a connection whose transaction takes the writer's lock


def open_sqlite(path: Path) -> Engine:
    """An engine on one file (mode 0600), in WAL mode, with every commit synchronised to disk.

    A transaction sees the database as it was at its first statement. What is deleted is
    overwritten. SQLite's errors about disk, lock and damage come out as Bedside's own, and no
    error repeats a statement's parameters.

    Raises:
        Unavailable: the file cannot be made or opened.
        Refused: it is there, but is no database (code `database_damaged`).
    """
    _make_private(path)
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _in_our_words)
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").one()
    return engine


def copy_sqlite(path: Path, to: Path) -> None:
    """A copy (mode 0600) of what is committed, also while others write.

    Raises:
        Unavailable, Refused: as `writing`.
    """
    _make_private(to)
    try:
        with closing(sqlite3.connect(path)) as here, closing(sqlite3.connect(to)) as there:
            here.backup(there)
    except sqlite3.Error as error:
        raise _translated(error) or error from None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the writer's lock from its start, and is durable after it.

    Raises:
        Unavailable: the disk is full (code `disk_full`), or another process keeps the lock
            (`database_busy`); nothing of the transaction is kept.
        Refused: the file is not a database any more (`database_damaged`).
    """
    writer = engine.connect().execution_options(**{_WRITER: True})
    with writer as connection, connection.begin():
        try:
            yield connection
        except sqlite3.Error as error:  # of a statement that went to the driver itself
            raise _translated(error) or error from None


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, with mode 0600; SQLite gives its -wal and -shm the same.

    A file that is there is not opened: closing it would drop the locks of every connection that
    this process has on it, and the next process to leave would take the log away under them.
    Source: sqlite.org/howtocorrupt.html, section 2.2.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if path.is_file():
                path.chmod(0o600)
    except OSError as error:
        raise disk_trouble(error) from None


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says
    connection.text_factory = _text
    try:
        connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # a forgotten key does not stay in a page
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    except sqlite3.DatabaseError as error:
        raise _translated(error) or error from None


def _use_wal(connection: Any) -> None:
    """Switch to WAL; SQLite does not wait for a process that does the same, so this does."""
    for attempt in range(100):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or attempt == 99:
                raise
            time.sleep(0.02)
        else:
            return


def _text(stored: bytes) -> str:
    """Text that was damaged on disk stays readable, so that whoever checks it can say where."""
    return stored.decode("utf-8", "surrogateescape")


def _begin(connection: Connection) -> None:
    """SQLAlchemy would take longer over the statement than SQLite, and a ledger begins often."""
    writer = connection.get_execution_options().get(_WRITER, False)
    raw: Any = connection.connection.driver_connection
    try:
        raw.execute("BEGIN IMMEDIATE" if writer else "BEGIN")
    except sqlite3.Error as error:
        raise _translated(error) or error from None


def _in_our_words(context: ExceptionContext) -> None:
    ours = _translated(context.original_exception)
    if ours is not None:
        raise ours from None


def _translated(error: BaseException) -> BedsideError | None:
    """The error in Bedside's words, or None when it is not about disk, lock or damage."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        return Unavailable(
            "The disk is full or takes no more; nothing of this step was written to the database.",
            fix="free some space and run the same command again.",
            code="disk_full",
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Unavailable(
            "Another process keeps the workspace's database locked.",
            fix="wait until it has ended, and run the same command again.",
            code="database_busy",
        )
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return Refused(
            "The workspace's database is damaged.",
            fix="restore it from a backup; do not write to it.",
            code="database_damaged",
        )
    if name == "SQLITE_ERROR" and _ANOTHER_SHAPE.search(str(error)):
        return Refused(
            "The workspace was made by another version of Bedside: its tables have other columns.",
            fix="open it with that version, or build into a new workspace.",
            code="other_version",
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return Unavailable(
            "The workspace's database cannot be opened for writing.",
            fix="check the workspace folder and its permissions.",
            code="disk",
        )
    return None
