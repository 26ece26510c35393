"""The clients of a workspace, in its database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    select,
    update,
)

from bedside.core.clock import iso
from bedside.core.errors import NotFound, Refused
from bedside.core.records.client import Client

__all__ = ["SqlClients"]

_TABLES = MetaData()
_CLIENTS = Table(
    "access_clients",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("token_sha256", String),
    Column("subject", String),
    Column("added", String, nullable=False),
    Column("expires", String),
    Column("revoked", String),
    # Of the last change: servers look at the greatest of these alone.
    Column("revision", Integer, nullable=False, index=True),
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlClients:
    """The Clients port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def add(self, client: Client) -> None:
        """Keep a new client, durably.

        Raises:
            Refused: one of this name is there that is not revoked, or one of this subject
                (code `client_there`).
        """
        with self._writing(self._engine) as connection:
            held = [one for one in _read(connection) if one.revoked is None]
            if any(
                one.name == client.name or (one.subject == client.subject is not None)
                for one in held
            ):
                raise Refused(
                    "A client of this name, or of this certificate, is there already.",
                    fix="choose another name, rotate its token, or revoke it first.",
                    code="client_there",
                )
            row = {
                "name": client.name,
                "scopes": " ".join(sorted(client.scopes)),
                "token_sha256": client.token_sha256,
                "subject": client.subject,
                "added": iso(client.added),
                "expires": None if client.expires is None else iso(client.expires),
                "revision": _last(connection) + 1,
            }
            connection.execute(insert(_CLIENTS), row)

    def renew(self, name: str, token_sha256: str) -> Client:
        """Give a client another token; the one before opens nothing any more.

        Raises:
            NotFound: there is no such client that is not revoked.
            Refused: it is known by its certificate (code `no_token`).
        """
        with self._writing(self._engine) as connection:
            if _held(connection, name).subject is not None:
                raise Refused(
                    "This client is known by its certificate and has no token.",
                    fix="give it another certificate of the same subject.",
                    code="no_token",
                )
            return _change(connection, name, token_sha256=token_sha256)

    def revoke(self, name: str, at: datetime) -> Client:
        """Let a client in no more.

        Raises:
            NotFound: there is no such client that is not revoked.
        """
        with self._writing(self._engine) as connection:
            return _change(connection, name, revoked=iso(at))

    def all(self) -> list[Client]:
        """Every client, oldest first; those that were revoked too."""
        with self._engine.connect() as connection:
            return _read(connection)

    def revision(self) -> int:
        """A number that grows with every change."""
        with self._engine.connect() as connection:
            return _last(connection)


def _last(connection: Connection) -> int:
    found: int | None = connection.execute(select(func.max(_CLIENTS.c.revision))).scalar()
    return found or 0


def _held(connection: Connection, name: str) -> Client:
    for one in _read(connection):
        if one.name == name and one.revoked is None:
            return one
    raise NotFound("There is no such client.", fix="see them all: bedside access list.")


def _change(connection: Connection, name: str, **parts: Any) -> Client:
    _held(connection, name)
    row = parts | {"revision": _last(connection) + 1}
    mine = (_CLIENTS.c.name == name) & _CLIENTS.c.revoked.is_(None)
    number = connection.execute(select(_CLIENTS.c.number).where(mine)).scalar_one()
    connection.execute(update(_CLIENTS).where(_CLIENTS.c.number == number), row)
    changed = select(_CLIENTS).where(_CLIENTS.c.number == number)
    return _client(connection.execute(changed).mappings().one())


def _read(connection: Connection) -> list[Client]:
    rows: Sequence[Any] = (
        connection.execute(select(_CLIENTS).order_by(_CLIENTS.c.number)).mappings().all()
    )
    return [_client(row) for row in rows]


def _client(row: Any) -> Client:
    return Client(
        name=row["name"],
        scopes=frozenset(row["scopes"].split()),
        token_sha256=row["token_sha256"],
        subject=row["subject"],
        added=datetime.fromisoformat(row["added"]),
        expires=None if row["expires"] is None else datetime.fromisoformat(row["expires"]),
        revoked=None if row["revoked"] is None else datetime.fromisoformat(row["revoked"]),
    )
