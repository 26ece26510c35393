"""Messages about alarms that wait for their sinks, in the database of a workspace."""

from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    insert,
    select,
    update,
)

from bedside.core.ports.watch import Delivery
from bedside.monitor.adapters.sql_alarms import Writing

__all__ = ["SqlDeliveries"]

_TABLES = MetaData()
DELIVERIES = Table(
    "alarm_deliveries",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("sink", String, nullable=False, index=True),
    Column("alarm", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("put", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("tries", Integer, nullable=False),
    Column("next_at", String, nullable=False),
    Column("why", String, nullable=False),
)


class SqlDeliveries:
    """The Deliveries port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def put(self, delivery: Delivery) -> bool:
        """Keep it, durably, unless its key is known; whether it was new."""
        known = select(DELIVERIES.c.number).where(DELIVERIES.c.key == delivery.key)
        with self._writing(self._engine) as connection:
            if connection.execute(known).first() is not None:
                return False
            connection.execute(insert(DELIVERIES), asdict(delivery))
        return True

    def due(self, now: str, *, limit: int = 100) -> list[Delivery]:
        """Those that wait and may be tried now, oldest first."""
        asked = (
            select(DELIVERIES)
            .where(DELIVERIES.c.state == "waiting", DELIVERIES.c.next_at <= now)
            .order_by(DELIVERIES.c.number)
            .limit(limit)
        )
        return self._found(asked)

    def claim(self, delivery: Delivery, until: str) -> Delivery | None:
        """Take it for one try that nobody else makes before `until`; None: another took it."""
        taken = replace(delivery, tries=delivery.tries + 1, next_at=until, why="being_sent")
        changed = (
            update(DELIVERIES)
            .where(
                DELIVERIES.c.key == delivery.key,
                DELIVERIES.c.state == "waiting",
                DELIVERIES.c.tries == delivery.tries,
                DELIVERIES.c.next_at == delivery.next_at,
            )
            .values(tries=taken.tries, next_at=taken.next_at, why=taken.why)
        )
        with self._writing(self._engine) as connection:
            return taken if connection.execute(changed).rowcount == 1 else None

    def change(self, delivery: Delivery) -> None:
        """Replace what is kept under its key."""
        changed = (
            update(DELIVERIES).where(DELIVERIES.c.key == delivery.key).values(**asdict(delivery))
        )
        with self._writing(self._engine) as connection:
            connection.execute(changed)

    def all(self, *, state: str | None = None) -> list[Delivery]:
        """Every message, oldest first."""
        asked = select(DELIVERIES).order_by(DELIVERIES.c.number)
        if state is not None:
            asked = asked.where(DELIVERIES.c.state == state)
        return self._found(asked)

    def _found(self, asked: Any) -> list[Delivery]:
        with self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(asked)]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(**{one.name: row._mapping[one.name] for one in fields(Delivery)})
