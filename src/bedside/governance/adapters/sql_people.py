"""Who holds which role in a workspace, in its database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from bedside.core.clock import iso
from bedside.core.errors import NotFound
from bedside.core.records.grant import BY_GROUP, Grant
from bedside.core.records.policy import Role
from bedside.governance.adapters.governed_tables import GRANTS, Writing

__all__ = ["SqlPeople"]

_PROGRAMS = ("service:", "client:", "oidc:")


class SqlPeople:
    """The People port on SQLAlchemy.

    Args:
        engine: The database, with the tables of `make_governed_tables`.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing

    def grants(self) -> list[Grant]:
        """Every grant, oldest first; those that ended too."""
        with self._engine.connect() as connection:
            return _read(connection)

    def is_strict(self) -> bool:
        """Whether somebody was ever given a role."""
        with self._engine.connect() as connection:
            return connection.execute(select(GRANTS.c.number).limit(1)).first() is not None

    def roles_of(self, person: str, now: datetime) -> frozenset[Role]:
        """The roles that somebody holds now.

        Before the first grant the workspace is one person's own: everybody holds every role. A
        program is always a service, and a caller of a server nothing more without a grant.
        """
        given = self.grants()
        own = {Role.SERVICE} if person.startswith(_PROGRAMS) else set[Role]()
        if not given:
            return frozenset(Role)
        return frozenset(
            own | {one.role for one in given if one.person == person and one.counts(now)}
        )

    def add(self, grants: Sequence[Grant]) -> None:
        """Keep new grants, durably, all or none."""
        with self._writing(self._engine) as connection:
            connection.execute(insert(GRANTS), _rows(grants))

    def replace_claimed(self, person: str, grants: Sequence[Grant], at: datetime) -> None:
        """Let these be the roles that somebody has by groups, in place of those until now."""
        claimed = (
            (GRANTS.c.person == person)
            & GRANTS.c.given_by.startswith(BY_GROUP, autoescape=True)
            & GRANTS.c.ended.is_(None)
            & (GRANTS.c.expires > iso(at))
        )
        with self._writing(self._engine) as connection:
            connection.execute(update(GRANTS).where(claimed), {"ended": iso(at)})
            if grants:
                connection.execute(insert(GRANTS), _rows(grants))

    def end(self, person: str, role: Role, at: datetime) -> None:
        """Take a role back.

        Raises:
            NotFound: the person does not hold it.
        """
        held = (
            (GRANTS.c.person == person) & (GRANTS.c.role == role.value) & GRANTS.c.ended.is_(None)
        )
        with self._writing(self._engine) as connection:
            done = connection.execute(update(GRANTS).where(held), {"ended": iso(at)})
            if not done.rowcount:
                raise NotFound(
                    "This person does not hold this role.",
                    fix="see them all: bedside access roles.",
                )


def _rows(grants: Sequence[Grant]) -> list[dict[str, Any]]:
    return [
        {
            "person": one.person,
            "role": one.role.value,
            "given_by": one.by,
            "given": iso(one.given),
            "expires": None if one.expires is None else iso(one.expires),
        }
        for one in grants
    ]


def _read(connection: Connection) -> list[Grant]:
    rows = connection.execute(select(GRANTS).order_by(GRANTS.c.number)).mappings().all()
    return [
        Grant(
            person=row["person"],
            role=Role(row["role"]),
            by=row["given_by"],
            given=datetime.fromisoformat(row["given"]),
            expires=None if row["expires"] is None else datetime.fromisoformat(row["expires"]),
            ended=None if row["ended"] is None else datetime.fromisoformat(row["ended"]),
        )
        for row in rows
    ]
