"""The alarms of a workspace in its database; what people wrote about them lies in the ledger."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
)

from bedside.core.errors import NotFound
from bedside.core.ids import canonical_json
from bedside.core.records.watch import Alarm, AlarmStep, AtPlace, Finding

__all__ = ["SqlAlarms", "Writing"]

_TABLES = MetaData()
ALARMS = Table(
    "alarms",
    _TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("model", String, nullable=False, index=True),
    Column("version", String, nullable=False),
    Column("is_resolved", Integer, nullable=False, index=True),
    Column("told", String, nullable=False),  # JSON of the whole alarm; aggregates only
)
Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlAlarms:
    """The Alarms port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def put(self, alarm: Alarm) -> None:
        """Keep an alarm as it is now, durably."""
        row = {
            "number": int(alarm.id.removeprefix("ALM-")),
            "id": alarm.id,
            "model": alarm.model,
            "version": alarm.version,
            "is_resolved": int(alarm.state == "resolved"),
            "told": canonical_json(asdict(alarm)).decode(),
        }
        with self._writing(self._engine) as connection:
            connection.execute(delete(ALARMS).where(ALARMS.c.id == alarm.id))
            connection.execute(insert(ALARMS), row)

    def get(self, alarm_id: str) -> Alarm:
        """One alarm.

        Raises:
            NotFound: there is no such alarm.
        """
        asked = select(ALARMS.c.told).where(ALARMS.c.id == alarm_id.upper())
        with self._engine.connect() as connection:
            told = connection.execute(asked).scalar_one_or_none()
        if told is None:
            raise NotFound("There is no such alarm.", fix="see: bedside alarms --all.")
        return _alarm(told)

    def all(self, model: str | None = None, *, unresolved: bool = False) -> list[Alarm]:
        """Every alarm, or those of a model, oldest first."""
        asked = select(ALARMS.c.told).order_by(ALARMS.c.number)
        if model is not None:
            asked = asked.where(ALARMS.c.model == model)
        if unresolved:
            asked = asked.where(ALARMS.c.is_resolved == 0)
        with self._engine.connect() as connection:
            return [_alarm(told) for told in connection.execute(asked).scalars()]


def _alarm(told: str) -> Alarm:
    kept: dict[str, Any] = json.loads(told)
    known = {one.name for one in fields(Alarm)}
    kept = {name: value for name, value in kept.items() if name in known}
    kept["findings"] = tuple(map(_finding, kept["findings"]))
    kept["steps"] = tuple(AlarmStep(**one) for one in kept["steps"])
    kept |= {name: tuple(kept[name]) for name in ("signals", "groups")}
    return Alarm(**kept)


def _finding(told: dict[str, Any]) -> Finding:
    places = tuple(AtPlace(**one) for one in told.get("places", ()))
    return Finding(**{**told, "places": places})
