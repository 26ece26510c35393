"""Which incidents there are, in the database of a workspace; their words lie in the ledger."""

import json
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Column,
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
from bedside.core.records.incident import Incident, IncidentStep
from bedside.governance.adapters.governed_tables import Writing

__all__ = ["SqlIncidents"]

_TABLES = MetaData()
INCIDENTS = Table(
    "incidents",
    _TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", String, nullable=False, unique=True),
    Column("model", String, nullable=False, index=True),
    Column("version", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("noticed", String, nullable=False),
    Column("reporter", String, nullable=False),
    Column("hazard", String),
    Column("deviation", String),
    Column("automatic", Integer, nullable=False),
    Column("is_open", Integer, nullable=False),
    Column("steps", String, nullable=False),  # JSON; which entries of the ledger speak of it
)
_TRUTHS = ("automatic", "is_open")


class SqlIncidents:
    """The Incidents port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def put(self, incident: Incident) -> None:
        """Keep an incident as it is now, durably."""
        row: dict[str, Any] = asdict(incident)
        row["number"] = int(incident.id.removeprefix("INC-"))
        row |= {name: int(row[name]) for name in _TRUTHS}
        row["steps"] = canonical_json(row["steps"]).decode()
        with self._writing(self._engine) as connection:
            connection.execute(delete(INCIDENTS).where(INCIDENTS.c.id == incident.id))
            connection.execute(insert(INCIDENTS), row)

    def get(self, incident_id: str) -> Incident:
        """One incident.

        Raises:
            NotFound: there is no such incident.
        """
        found = [one for one in self.all() if one.id == incident_id.upper()]
        if not found:
            raise NotFound("There is no such incident.", fix="see: bedside incident list.")
        return found[0]

    def all(self, model: str | None = None) -> list[Incident]:
        """Every incident, or those of a model, oldest first."""
        asked = select(INCIDENTS).order_by(INCIDENTS.c.number)
        if model is not None:
            asked = asked.where(INCIDENTS.c.model == model)
        with self._engine.connect() as connection:
            return [_incident(row) for row in connection.execute(asked).mappings()]


def _incident(row: Any) -> Incident:
    told = {one.name: row[one.name] for one in fields(Incident)}
    told |= {name: bool(row[name]) for name in _TRUTHS}
    told["steps"] = tuple(IncidentStep(**step) for step in json.loads(row["steps"]))
    return Incident(**told)
