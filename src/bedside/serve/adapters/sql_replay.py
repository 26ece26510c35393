"""Which tokens were used, in a table that all servers of a workspace share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    Index,
    LargeBinary,
    MetaData,
    Table,
    delete,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite

from bedside.core.clock import Clock

__all__ = ["SqlReplay"]

_TABLES = MetaData()
_USED = Table(
    "cds_used_tokens",
    _TABLES,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("expires", Float, nullable=False),
)
Index("cds_used_tokens_expires", _USED.c.expires)
_EVERY = 256  # uses between two clearings of what has expired


class SqlReplay:
    """The ReplayStore port on SQLAlchemy; a row is the SHA-256 of issuer and jti, and its end.

    Args:
        engine: The database; a file of SQLite must be for this alone, since it is then written
            without waiting for the disk: a loss of power may forget the tokens of the last moment.
        writing: Opens a transaction that holds the writer's lock.
        clock: Says what time it is.

    Raises:
        Unavailable: as `writing` raises it.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Callable[[Engine], AbstractContextManager[Connection]],
        clock: Clock,
    ) -> None:
        self._clock, self._uses = clock, 0
        self._transaction: Callable[[], AbstractContextManager[Connection]]
        is_file = engine.dialect.name == "sqlite"
        note = (sqlite if is_file else postgresql).insert(_USED).on_conflict_do_nothing()
        self._note = note.returning(_USED.c.expires)
        with writing(engine) as connection:
            _TABLES.create_all(connection)
        if is_file:
            event.listen(engine, "connect", _without_waiting)
            engine.dispose()
            self._transaction = partial(writing, engine)
        else:
            # one row in one statement: the lock of the ledger's writer is not waited for
            plain = engine.execution_options(isolation_level="READ COMMITTED")
            self._transaction = plain.begin

    def first_use(self, issuer: str, jti: str, *, expires: datetime) -> bool:
        """Note the use of a token until it expires; whether it is the first one."""
        digest = sha256(f"{len(issuer)}\n{issuer}\n{jti}".encode()).digest()
        with self._transaction() as connection:
            if self._uses % _EVERY == 0:
                now = self._clock.now().timestamp()
                connection.execute(delete(_USED).where(_USED.c.expires < now))
            self._uses += 1
            row = {"digest": digest, "expires": expires.timestamp()}
            return connection.execute(self._note, row).first() is not None


def _without_waiting(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
