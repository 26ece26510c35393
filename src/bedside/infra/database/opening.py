"""Opening whichever database keeps the metadata: a file of SQLite, or PostgreSQL by its URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sqlalchemy import Connection, Engine

from bedside.core.errors import Invalid
from bedside.infra.database import postgres, sqlite

__all__ = ["Database", "open_database", "together", "writing"]

_OPEN: ContextVar[tuple[Engine, Connection] | None] = ContextVar("bedside_together", default=None)

Database = Engine
"""What is opened, for whoever only hands it on."""


def open_database(where: str | Path) -> Engine:
    """An engine on the database: a path is a file of SQLite, a `postgresql://` URL a server.

    Raises:
        Invalid: it is neither.
        Refused, Unavailable: as `open_sqlite` and `open_postgres` raise them.
    """
    if isinstance(where, Path):
        return sqlite.open_sqlite(where)
    if where.startswith("postgresql://"):
        return postgres.open_postgres(where)
    raise Invalid(
        "The metadata database is neither a path nor a URL of PostgreSQL.",
        fix="give the path of a file, or postgresql://USER@HOST/DATABASE.",
        code="database_url",
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that holds the writer's lock from its start, and is durable after it.

    There is one writer at a time, in all processes together, and each sees what the one before it
    committed. Inside `together` it is a part of that transaction, and durable when that ends.

    Raises:
        Unavailable: the disk is full (code `disk_full`), another process keeps the lock
            (`database_busy`), or the server is out of reach (`database_unavailable`).
        Refused: the database is damaged (`database_damaged`).
    """
    outer = _OPEN.get()
    if outer is not None and outer[0].url == engine.url:
        yield outer[1]
        return
    chosen = postgres.writing if engine.dialect.name == "postgresql" else sqlite.writing
    with chosen(engine) as connection:
        yield connection


@contextmanager
def together(engine: Engine) -> Iterator[None]:
    """All that is written inside, by whatever keeps its tables in this database: whole or not.

    Another engine on the same database is a part of it, too. An error that leaves it takes
    everything back, so none is to be caught inside. What is read inside by another connection is
    what stood before. Nothing is to be sealed inside with the key of a subject that is new to the
    ledger.

    Raises:
        Unavailable, Refused: as `writing`.
    """
    with writing(engine) as connection:
        token = _OPEN.set((engine, connection))
        try:
            yield
        finally:
            _OPEN.reset(token)
