"""Who is signed in, in a table that all servers of a workspace share."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Float,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
)

from bedside.core.clock import Clock
from bedside.core.records.caller import Caller

__all__ = ["SqlSessions"]

_TABLES = MetaData()
_SESSIONS = Table(
    "sessions",
    _TABLES,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("expires", Float, nullable=False, index=True),
)


class SqlSessions:
    """The Sessions port on SQLAlchemy; a secret is never kept, only its digest.

    Args:
        engine: The database.
        writing: Opens a transaction that writes.
        clock: Says what time it is.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Callable[[Engine], AbstractContextManager[Connection]],
        clock: Clock,
    ) -> None:
        self._engine, self._writing, self._clock = engine, writing, clock
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def begin(self, digest: bytes, caller: Caller, expires: datetime) -> None:
        """Keep a session under the SHA-256 of its secret, until it expires."""
        row = {
            "digest": digest,
            "name": caller.name,
            "scopes": " ".join(sorted(caller.scopes)),
            "expires": expires.timestamp(),
        }
        with self._writing(self._engine) as connection:
            now = self._clock.now().timestamp()
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.expires <= now))
            connection.execute(insert(_SESSIONS), row)

    def find(self, digest: bytes) -> Caller | None:
        """Whose session it is; None: there is none, or it is over."""
        now = self._clock.now().timestamp()
        asked = select(_SESSIONS.c.name, _SESSIONS.c.scopes).where(
            _SESSIONS.c.digest == digest, _SESSIONS.c.expires > now
        )
        with self._engine.connect() as connection:
            row = connection.execute(asked).first()
        return None if row is None else Caller(name=row[0], scopes=frozenset(row[1].split()))

    def end(self, digest: bytes) -> None:
        """End it; ending what is not there is no error."""
        with self._writing(self._engine) as connection:
            connection.execute(delete(_SESSIONS).where(_SESSIONS.c.digest == digest))
