"""Making a database let go of what was overwritten or deleted in it."""

from collections.abc import Collection

from sqlalchemy import Engine

from bedside.core.errors import Unavailable

__all__ = ["clear_traces"]


def clear_traces(engine: Engine, tables: Collection[str]) -> None:
    """Take what was just overwritten out of the database's log and its dead rows.

    SQLite overwrites deleted bytes in its file, and its log is written back and cut here.
    PostgreSQL is told to clean the tables; what its own log, its copies and its backups still hold
    is for whoever runs it.

    Raises:
        Unavailable: a reader keeps the log (code `database_busy`); call again.
    """
    if engine.dialect.name == "postgresql":
        quoted = engine.dialect.identifier_preparer.quote
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for name in tables:
                connection.exec_driver_sql(f"VACUUM {quoted(name)}")
        return
    raw = engine.raw_connection()  # not in a transaction, as a checkpoint must be
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (busy, *_) = cursor.fetchone() or (1,)
        cursor.close()
    finally:
        raw.close()
    if busy:
        raise Unavailable(
            "The key is destroyed, but a reader still keeps the database's log, which may hold it.",
            fix="wait until other commands have ended, and run the same command again.",
            code="database_busy",
        )
