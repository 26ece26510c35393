"""The tables of the registry."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, MetaData, String, Table

from bedside.core.records.version import Stage

__all__ = ["APPROVALS", "META", "RELEASES", "STEP_APPROVALS", "VERSIONS"]

META = MetaData()
VERSIONS = Table(
    "versions",
    META,
    Column("number", Integer, primary_key=True),
    Column("id", String, unique=True, nullable=False),
    Column("name", String, nullable=False),
    Column("bundle", String, unique=True, nullable=False),
    Column("stage", String, nullable=False),
    Column("built_at", String, nullable=False),
    Column("gates", String, nullable=False),
)
APPROVALS = Table(
    "approvals",
    META,
    Column("version", String, ForeignKey("versions.id"), primary_key=True),
    Column("name", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("meaning", String, nullable=False),
    Column("approved_at", String, nullable=False),
)
# What people said yes to after that: each for a step from where the version stood, which is told
# by the number of the version's last row in `releases`.
STEP_APPROVALS = Table(
    "step_approvals",
    META,
    Column("number", Integer, primary_key=True),
    Column("version", String, ForeignKey("versions.id"), nullable=False),
    Column("step", String, nullable=False),
    Column("stands_at", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("meaning", String, nullable=False),
    Column("approved_at", String, nullable=False),
    Column("bundle", String, nullable=False),
    Column("evidence", String, nullable=False),
)
# Every change of a release, the newest last: servers look at the number of the last row alone.
RELEASES = Table(
    "releases",
    META,
    Column("number", Integer, primary_key=True),
    Column("version", String, ForeignKey("versions.id"), nullable=False),
    Column("stage", String, nullable=False),
    Column("share", Float),
    Column("wards", String),
    Column("at", String),
    Column("suspended", Integer),
)
_IS_LIVE = VERSIONS.c.stage == Stage.LIVE.value
Index(
    "one_live_version",
    VERSIONS.c.name,
    unique=True,
    sqlite_where=_IS_LIVE,
    postgresql_where=_IS_LIVE,
)
