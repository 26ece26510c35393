"""Statements in the database's own words, for the path that every answer takes.

SQLAlchemy spends more time on such a statement than the database on running it, so a writer's
statements go to the driver itself. Its errors leave through the writer's transaction, which says
them in Bedside's words.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

__all__ = ["Statements", "spoken"]


class Statements:
    """Runs statements in which each `?` is a value, on SQLite and on PostgreSQL alike.

    Args:
        connection: With a transaction that `writing` opened.
    """

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.connection.cursor()
        self._dialect = connection.dialect.name

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a question, as they lie."""
        self._cursor.execute(spoken(self._dialect, statement), values)
        return [*self._cursor.fetchall()]

    def change(self, statement: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it changed."""
        self._cursor.execute(spoken(self._dialect, statement), values)
        return int(self._cursor.rowcount)

    def insert(self, table: Table, rows: Sequence[Sequence[Any]], *, more: str = "") -> None:
        """Insert rows of every column, in the order of the table."""
        if rows:
            asked = _insert(table.name, tuple(table.columns.keys())) + more
            self._cursor.executemany(spoken(self._dialect, asked), rows)


@lru_cache(maxsize=256)
def spoken(dialect: str, statement: str) -> str:
    """A statement as a database says it: its mark of a value, and its way to take a JSON list."""
    if dialect == "sqlite":
        return statement
    listed = "jsonb_array_elements_text(?::jsonb)"
    return statement.replace("value FROM json_each(?)", listed).replace("?", "%s")


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return " ".join(["INSERT INTO", table, f"({', '.join(columns)})", f"VALUES ({marks})"])
