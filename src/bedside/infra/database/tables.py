"""Every table of a database as lines of text, and back: from SQLite or PostgreSQL, into either."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, Table, insert, select, text, type_coerce
from sqlalchemy.types import NullType

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json

__all__ = ["ROWS", "Tables"]

ROWS = 10_000
"""Rows in a chunk."""

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class Tables:
    """The Metadata port on SQLAlchemy.

    A chunk is lines of canonical JSON: the names of the columns, then a list for each row. Bytes
    are written as `{"base64": "…"}`. The rows come in the order of the primary key, so that what
    is only ever added to gives the same chunks again.

    Args:
        engine: The database; every table in it counts as ours.
        writing: Opens a transaction that holds the writer's lock.
        rows: In a chunk, at most.
    """

    def __init__(self, engine: Engine, *, writing: Writing, rows: int = ROWS) -> None:
        self._engine, self._writing, self._rows = engine, writing, rows

    def dump(self) -> Iterator[tuple[str, bytes]]:
        """Each table's name and its chunks, as they stood together at one moment.

        A table comes after those that it refers to; one without a row does not come.

        Raises:
            Refused: what stands in a cell is neither text, number nor bytes, or is broken text
                (code `database_damaged`).
        """
        with self._engine.connect() as connection:
            for table in _found(connection).sorted_tables:
                names = [column.name for column in table.columns]
                asked = select(*(type_coerce(one, NullType()).label(one.name) for one in table.c))
                ordered = asked.order_by(*(table.primary_key.columns or table.columns))
                rows = connection.execute(ordered, execution_options={"yield_per": self._rows})
                for part in rows.partitions():
                    yield table.name, _chunk(table.name, names, part)

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Fill the tables, which are there and empty, with what was dumped: all of it or none.

        Raises:
            Invalid, Refused, Unavailable: as whatever gives the chunks raises them.
            Refused: a table holds something (code `not_empty`), or there is no such table or
                column (`backup_newer`), or a chunk is none (`backup_damaged`).
        """
        with self._writing(self._engine) as connection:
            tables = _found(connection).tables
            if any(_holds_something(connection, table) for table in tables.values()):
                raise _not_empty()
            for name, chunk in chunks:
                if name not in tables:
                    raise _newer(name)
                connection.execute(insert(tables[name]), _rows(tables[name], chunk))
            if connection.dialect.name == "postgresql":
                for table in tables.values():
                    _advance_the_counter(connection, table)

    def is_empty(self) -> bool:
        """Whether no table holds a row; true also where there is no table."""
        with self._engine.connect() as connection:
            tables = _found(connection).tables.values()
            return not any(_holds_something(connection, table) for table in tables)


def _found(connection: Connection) -> MetaData:
    found = MetaData()
    found.reflect(connection)
    return found


def _holds_something(connection: Connection, table: Table) -> bool:
    return connection.execute(select(1).select_from(table).limit(1)).first() is not None


def _chunk(table: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    try:
        lines = [canonical_json(names), *(canonical_json([_told(v) for v in row]) for row in rows)]
    except (TypeError, ValueError):  # UnicodeEncodeError is a ValueError
        raise Refused(
            f"A row of the table '{table}' is not as it was written.",
            fix="run: bedside ledger verify, and restore an older backup elsewhere.",
            code="database_damaged",
        ) from None
    return b"\n".join(lines) + b"\n"


def _told(value: Any) -> Any:
    return {"base64": b64encode(value).decode()} if isinstance(value, bytes) else value


def _rows(table: Table, chunk: bytes) -> list[dict[str, Any]]:
    try:
        names, *rows = [json.loads(line) for line in chunk.splitlines()]
        unknown = [name for name in names if name not in table.columns]
        told = [dict(zip(names, map(_value, row), strict=True)) for row in rows]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Refused(
            f"A part of the table '{table.name}' cannot be read.",
            fix="restore another backup.",
            code="backup_damaged",
        ) from None
    if unknown:
        raise _newer(f"{table.name}.{unknown[0]}")
    return told


def _value(told: Any) -> Any:
    return b64decode(told["base64"], validate=True) if isinstance(told, dict) else told


def _advance_the_counter(connection: Connection, table: Table) -> None:
    """Let PostgreSQL count on from the last number; SQLite does so by itself."""
    for column in table.primary_key.columns:
        if column.type.python_type is int:
            sequence = text("SELECT pg_get_serial_sequence(:table, :column)")
            asked = {"table": table.name, "column": column.name}
            counter = connection.execute(sequence, asked).scalar_one()
            last = connection.execute(select(column).order_by(column.desc()).limit(1)).scalar()
            if counter is not None and last is not None:
                connection.execute(
                    text("SELECT setval(:counter, :last)"), {"counter": counter, "last": last}
                )


def _not_empty() -> Refused:
    return Refused(
        "The metadata database is not empty.",
        fix="give a new workspace, or a new database in BEDSIDE_DATABASE.",
        code="not_empty",
    )


def _newer(what: str) -> Refused:
    return Refused(
        f"The backup holds '{what}', which this Bedside does not know.",
        fix="restore it with the version of Bedside that made it, or a newer one.",
        code="backup_newer",
    )
