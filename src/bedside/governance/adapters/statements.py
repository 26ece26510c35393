"""Statements in the database's own words, for the path that every answer takes.

SQLAlchemy spends more time on putting such a statement together than the database on running it.
They still run through its connection, so that errors come out in Bedside's words.
"""

from functools import lru_cache

from sqlalchemy import Connection, Table

__all__ = ["insert_into", "marked"]


def insert_into(connection: Connection, table: Table) -> str:
    """Insert a row of every column, in the order of the table."""
    return _insert(table.name, tuple(table.columns.keys()), connection.dialect.name)


def marked(connection: Connection, statement: str) -> str:
    """The statement with the database's own mark for a value in the place of each `?`."""
    return statement if connection.dialect.name == "sqlite" else statement.replace("?", "%s")


@lru_cache(maxsize=64)
def _insert(table: str, columns: tuple[str, ...], dialect: str) -> str:
    mark = "?" if dialect == "sqlite" else "%s"
    marks = ", ".join([mark] * len(columns))
    return " ".join(["INSERT INTO", table, f"({', '.join(columns)})", f"VALUES ({marks})"])
