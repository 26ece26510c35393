"""The tables of roles, of a workspace's own policies, and of what patients permit."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

__all__ = ["CONSENTS", "GRANTS", "POLICIES", "Writing", "make_governed_tables"]

_TABLES = MetaData()
GRANTS = Table(
    "access_grants",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("role", String, nullable=False),
    Column("given_by", String, nullable=False),
    Column("given", String, nullable=False),
    Column("expires", String),
    Column("ended", String),
)
POLICIES = Table(
    "policy_versions",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("origin", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("added_by", String, nullable=False),
    Column("added", String, nullable=False),
    Column("decision", String, nullable=False),
)
CONSENTS = Table(
    "consents",
    _TABLES,
    Column("number", Integer, primary_key=True),
    Column("tag", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the identifier, under a key of the workspace
    Column("provision", String, nullable=False),
    Column("recorded", String, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("is_withdrawal", Integer, nullable=False),
)
Index("consents_by_tag", CONSENTS.c.tag)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


def make_governed_tables(engine: Engine, *, writing: Writing) -> None:
    """Make them where they are not there yet."""
    with writing(engine) as connection:
        _TABLES.create_all(connection)
