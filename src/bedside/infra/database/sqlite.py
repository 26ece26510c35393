"""SQLite behind SQLAlchemy: durable, one writer at a time, its troubles in plain words."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError

from bedside.core.errors import Refused, Unavailable

__all__ = ["open_sqlite", "writing"]


def open_sqlite(path: Path) -> Engine:
    """An engine on one file (mode 0600), in WAL mode, with every commit synchronised to disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where `writing` says
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON",
                       "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the writer's lock from its first statement.

    Raises:
        Unavailable: the disk is full or the database stays locked.
        Refused: the file is not a database any more.
    """
    try:
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            try:
                yield connection
            except BaseException:
                connection.execute(text("ROLLBACK"))
                raise
            connection.execute(text("COMMIT"))
    except DatabaseError as error:
        raise _translated(str(error.orig)) from None


def _translated(message: str) -> Unavailable | Refused:
    if "full" in message:
        return Unavailable("The disk is full; nothing was written.",
                           fix="free some space and try again.", code="disk_full")
    if "locked" in message or "busy" in message:
        return Unavailable("The database is busy.", fix="try again in a moment.", code="busy")
    if "malformed" in message or "not a database" in message:
        return Refused("The workspace's database is damaged.", fix="restore it from a backup.",
                       code="database_damaged")
    return Unavailable("The database refused the statement.", fix="check the workspace folder.",
                       code="database")
