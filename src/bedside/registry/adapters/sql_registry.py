"""The registry on a database."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)

from bedside.core.errors import Invalid, NotFound
from bedside.core.ids import canonical_json
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.registry.life import moved

__all__ = ["SqlRegistry"]

_META = MetaData()
_VERSIONS = Table(
    "versions",
    _META,
    Column("number", Integer, primary_key=True),
    Column("id", String, unique=True, nullable=False),
    Column("name", String, nullable=False),
    Column("bundle", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("built_at", String, nullable=False),
    Column("gates", String, nullable=False),
    Column("approval", String),
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
        """Register a built version; adding the same one again returns what is registered."""
        with self._writing(self._engine) as connection:
            known = _find(connection, version.id)
            if known is not None:
                return known
            connection.execute(
                insert(_VERSIONS).values(
                    id=version.id,
                    name=version.name,
                    bundle=version.bundle,
                    stage=version.stage.value,
                    built_at=version.built_at,
                    gates=canonical_json([asdict(gate) for gate in version.gates]).decode(),
                )
            )
        return version

    def get(self, version_id: str) -> ModelVersion:
        """One version, by id, bundle digest, an unambiguous beginning of either, or model name.

        Raises:
            NotFound: there is none; those that exist are named.
            Invalid: it could mean several.
        """
        versions = self.versions()
        named = [version for version in versions if version.name == version_id]
        if named:
            return named[-1]
        found = [
            version
            for version in versions
            if version_id
            and (version.id.startswith(version_id) or version.bundle.startswith(version_id))
        ]
        if not found:
            known = ", ".join(version.id for version in versions) or "none yet"
            raise NotFound(
                "There is no such version in this workspace.", fix=f"use one of: {known}."
            )
        if len(found) > 1:
            raise Invalid(
                "That could mean several versions.",
                fix=f"write more of it: {', '.join(version.id for version in found)}.",
            )
        return found[0]

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions (of one model), oldest first."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(_VERSIONS).order_by(_VERSIONS.c.number)).all()
        return [_version(row) for row in rows if name is None or row.name == name]

    def record_approval(self, approval: Approval) -> ModelVersion:
        """Move a built version to approved."""
        with self._writing(self._engine) as connection:
            version = moved(_known(connection, approval.version), Stage.APPROVED)
            _store(connection, replace(version, approval=approval))
        return replace(version, approval=approval)

    def move(self, version_id: str, stage: Stage) -> ModelVersion:
        """Move a version along its life; a new live version retires the one before it.

        Raises:
            Refused: that step does not exist.
        """
        with self._writing(self._engine) as connection:
            version = moved(_known(connection, version_id), stage)
            if stage is Stage.LIVE:
                connection.execute(
                    update(_VERSIONS)
                    .where(_VERSIONS.c.name == version.name, _VERSIONS.c.stage == "live")
                    .values(stage=Stage.RETIRED.value)
                )
            _store(connection, version)
        return version


def _find(connection: Connection, version_id: str) -> ModelVersion | None:
    row = connection.execute(select(_VERSIONS).where(_VERSIONS.c.id == version_id)).one_or_none()
    return None if row is None else _version(row)


def _known(connection: Connection, version_id: str) -> ModelVersion:
    version = _find(connection, version_id)
    if version is None:
        raise NotFound("There is no such version.", fix="see: bedside versions.")
    return version


def _store(connection: Connection, version: ModelVersion) -> None:
    approval = None if version.approval is None else canonical_json(asdict(version.approval))
    connection.execute(
        update(_VERSIONS)
        .where(_VERSIONS.c.id == version.id)
        .values(stage=version.stage.value, approval=approval.decode() if approval else None)
    )


def _version(row: Any) -> ModelVersion:
    return ModelVersion(
        id=row.id,
        name=row.name,
        bundle=row.bundle,
        stage=Stage(row.stage),
        built_at=row.built_at,
        gates=tuple(GateResult(**gate) for gate in json.loads(row.gates)),
        approval=Approval(**json.loads(row.approval)) if row.approval else None,
    )
