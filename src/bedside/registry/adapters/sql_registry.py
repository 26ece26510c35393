"""The registry on a database."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.registry.life import may_release, moved
from bedside.registry.naming import found

__all__ = ["SqlRegistry"]

_META = MetaData()
_VERSIONS = Table(
    "versions",
    _META,
    Column("number", Integer, primary_key=True),
    Column("id", String, unique=True, nullable=False),
    Column("name", String, nullable=False),
    Column("bundle", String, unique=True, nullable=False),
    Column("stage", String, nullable=False),
    Column("built_at", String, nullable=False),
    Column("gates", String, nullable=False),
)
_APPROVALS = Table(
    "approvals",
    _META,
    Column("version", String, ForeignKey("versions.id"), primary_key=True),
    Column("name", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("meaning", String, nullable=False),
    Column("approved_at", String, nullable=False),
)
_IS_LIVE = _VERSIONS.c.stage == Stage.LIVE.value
Index(
    "one_live_version",
    _VERSIONS.c.name,
    unique=True,
    sqlite_where=_IS_LIVE,
    postgresql_where=_IS_LIVE,
)
_ALL = (
    select(_VERSIONS, _APPROVALS)
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    .join_from(_VERSIONS, _APPROVALS, isouter=True)
    .order_by(_VERSIONS.c.number)
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlRegistry:
    """The Registry port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _META.create_all(connection)

    def add(self, version: ModelVersion) -> ModelVersion:
        """Register a built version; adding the same bundle again returns what is registered.

        Raises:
            Invalid: it is not as `build` makes it: its id is not NAME@ and the first twelve digits
                of the bundle's digest, or it has a stage or an approval already.
        """
        _check_new(version)
        with self._writing(self._engine) as connection:
            known = [
                one
                for one in _read(connection)
                if one.id == version.id or one.bundle == version.bundle
            ]
            if known and (known[0].id, known[0].bundle) != (version.id, version.bundle):
                raise Invalid(
                    f"{version.id} is not new, but differs from {known[0].id}.",
                    fix="give each model its own name, and build again.",
                )
            if known:
                return known[0]
            row = {
                "id": version.id,
                "name": version.name,
                "bundle": version.bundle,
                "stage": version.stage.value,
                "built_at": version.built_at,
                "gates": canonical_json([asdict(gate) for gate in version.gates]).decode(),
            }
            connection.execute(insert(_VERSIONS), row)
        return version

    def get(self, version_id: str) -> ModelVersion:
        """One version, by id, bundle digest, an unambiguous beginning of either, or model name.

        Raises:
            NotFound: there is none; the nearest are named.
            Invalid: it could mean several.
        """
        return found(version_id, self.versions())

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions (of one model), oldest first."""
        with self._engine.connect() as connection:
            return [one for one in _read(connection) if name in (None, one.name)]

    def record_approval(self, approval: Approval) -> ModelVersion:
        """Move a built version to approved.

        Raises:
            NotFound: there is no such version.
            Refused: it is past approval already.
        """
        with self._writing(self._engine) as connection:
            version = moved(found(approval.version, _read(connection)), Stage.APPROVED)
            approval = replace(approval, version=version.id)
            connection.execute(insert(_APPROVALS), asdict(approval))
            _set_stage(connection, version)
        return replace(version, approval=approval)

    def move(self, version_id: str, stage: Stage) -> ModelVersion:
        """Move a version along its life; a new live version retires the one before it.

        Raises:
            NotFound: there is no such version.
            Refused: a gate failed, nobody approved it, or that step does not exist.
        """
        return self.release(version_id, stage)[0]

    def release(self, version_id: str, stage: Stage) -> tuple[ModelVersion, ModelVersion | None]:
        """Like `move`, and also says which version of this model was live and is now retired."""
        with self._writing(self._engine) as connection:
            versions = _read(connection)
            version = found(version_id, versions)
            may_release(version, stage)
            version, retired = moved(version, stage), None
            if stage is Stage.LIVE:
                live = [v for v in versions if v.name == version.name and v.stage is Stage.LIVE]
                for one in live:
                    retired = moved(one, Stage.RETIRED)
                    _set_stage(connection, retired)
            _set_stage(connection, version)
        return version, retired


def _check_new(version: ModelVersion) -> None:
    if version.id != f"{version.name}@{version.bundle[:12]}" or "@" in version.name:
        raise Invalid(
            "A version's id is not its model's name, '@', and twelve digits of its bundle.",
            fix="register what bedside build returns.",
        )
    if version.stage is not Stage.BUILT or version.approval is not None:
        raise Invalid(
            f"{version.id} is new to the registry, but not in the stage 'built'.",
            fix="register it as built, then approve and release it.",
        )


def _read(connection: Connection) -> list[ModelVersion]:
    return [_version(row) for row in connection.execute(_ALL)]


def _set_stage(connection: Connection, version: ModelVersion) -> None:
    connection.execute(
        update(_VERSIONS).where(_VERSIONS.c.id == version.id).values(stage=version.stage.value)
    )


def _version(row: Any) -> ModelVersion:
    approval = None
    if row.approvals_version is not None:
        approval = Approval(
            version=row.approvals_version,
            name=row.approvals_name,
            actor=row.approvals_actor,
            meaning=row.approvals_meaning,
            approved_at=row.approvals_approved_at,
        )
    return ModelVersion(
        id=row.versions_id,
        name=row.versions_name,
        bundle=row.versions_bundle,
        stage=Stage(row.versions_stage),
        built_at=row.versions_built_at,
        gates=tuple(GateResult(**gate) for gate in json.loads(row.versions_gates)),
        approval=approval,
    )
