"""The registry on a database."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Connection,
    Engine,
    Select,
    func,
    insert,
    inspect,
    select,
    update,
)

from bedside.core.clock import Clock, SystemClock, iso
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.rollout import Canary, Release
from bedside.core.records.version import SHOWN, Approval, GateResult, ModelVersion, Stage
from bedside.registry.adapters.registry_tables import (
    APPROVALS,
    META,
    RELEASES,
    STEP_APPROVALS,
    VERSIONS,
)
from bedside.registry.life import (
    SERVED,
    may_approve_step,
    may_release,
    may_suspend,
    moved,
    rolled_back,
)
from bedside.registry.naming import found

__all__ = ["SqlRegistry"]

_ALL = (
    select(VERSIONS, APPROVALS)
    .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
    .join_from(VERSIONS, APPROVALS, isouter=True)
    .order_by(VERSIONS.c.number)
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlRegistry:
    """The Registry port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
        clock: Says when a version came to a stage; the machine's own if none is given.
    """

    def __init__(self, engine: Engine, *, writing: Writing, clock: Clock | None = None) -> None:
        self._engine, self._writing, self._clock = engine, writing, clock or SystemClock()
        with writing(engine) as connection:
            META.create_all(connection)
            _add_what_older_tables_lack(connection)
            _enter_what_was_released_before(connection)

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
            connection.execute(insert(VERSIONS), row)
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
        """Record a yes; the first, for silent use, moves a built version to approved.

        One for canary or live counts until the version moves, and never for another bundle.

        Raises:
            NotFound: there is no such version.
            Refused: it is past the first approval already, cannot take the step, or nobody was
                shown the evidence for it.
        """
        with self._writing(self._engine) as connection:
            version = found(approval.version, _read(connection))
            if approval.step in SHOWN:
                may_approve_step(version, approval)
            else:
                version = moved(version, Stage.APPROVED)
            approval = replace(approval, version=version.id, bundle=version.bundle)
            if approval.step in SHOWN:
                at = connection.execute(_last_number(version.id)).scalar() or 0
                row = asdict(approval) | {"step": approval.step.value, "stands_at": at}
                connection.execute(insert(STEP_APPROVALS), row)
                return replace(version, step_approvals=(*version.step_approvals, approval))
            row = {name: getattr(approval, name) for name in APPROVALS.columns.keys()}  # noqa: SIM118
            connection.execute(insert(APPROVALS), row)
            self._set_stage(connection, version)
        return replace(version, approval=approval)

    def move(self, version_id: str, stage: Stage, *, canary: Canary | None = None) -> ModelVersion:
        """Move a version along its life; `canary` says who sees it in canary.

        A new live version supersedes the one before it, and the one that was superseded before is
        retired; a new canary sends the one before it back into silence.

        Raises:
            NotFound: there is no such version.
            Refused: a gate failed, nobody approved it, or that step does not exist.
        """
        with self._writing(self._engine) as connection:
            versions = _read(connection)
            version = found(version_id, versions)
            may_release(version, stage)
            version = moved(version, stage)
            others = [v for v in versions if v.name == version.name and v.id != version.id]
            for other, then in _displaced(others, stage):
                self._set_stage(connection, moved(other, then))
            terms = (canary or Canary()) if stage is Stage.CANARY else None
            self._set_stage(connection, version, terms)
        return version

    def rollback(self, version_id: str) -> list[ModelVersion]:
        """Take back a version that is seen, and bring back the one that it superseded.

        Returns:
            Every version that changed, the one taken back first.

        Raises:
            NotFound: there is no such version.
            Refused: it is not in canary or live (any more), code `not_shown`.
        """
        with self._writing(self._engine) as connection:
            versions = _read(connection)
            version = found(version_id, versions)
            others = [v for v in versions if v.name == version.name and v.id != version.id]
            changed = rolled_back(version, others)
            for one in changed:
                self._set_stage(connection, one)
        return changed

    def suspend(self, version_id: str, *, suspended: bool) -> bool:
        """Let each answer of a released version be an abstention, or no longer; whether it changed.

        A version that is resumed begins its evidence anew; so does one that waits for its next
        step: what people said yes to before counts no more.

        Raises:
            NotFound: there is no such version.
            Refused: no server runs it (code `not_released`).
        """
        with self._writing(self._engine) as connection:
            version = found(version_id, _read(connection))
            may_suspend(version)
            last = connection.execute(_last_row(version.id)).one()
            if bool(last.suspended) is suspended:
                return False
            row = {name: getattr(last, name) for name in ("version", "stage", "share", "wards")}
            at = last.at if suspended else iso(self._clock.now())
            told = row | {"at": at, "suspended": int(suspended)}
            connection.execute(insert(RELEASES), told)
        return True

    def revision(self) -> int:
        """A number that grows with every change of a release; cheap enough to ask each second."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.max(RELEASES.c.number))).scalar() or 0

    def releases(self) -> list[Release]:
        """What a server has to run now, and what it keeps ready, in the order it was released."""
        newest = select(func.max(RELEASES.c.number)).group_by(RELEASES.c.version)
        asked = (
            select(RELEASES, VERSIONS.c.name, VERSIONS.c.bundle)
            .join_from(RELEASES, VERSIONS, VERSIONS.c.id == RELEASES.c.version)
            .where(RELEASES.c.number.in_(newest))
            .where(RELEASES.c.stage.in_([stage.value for stage in SERVED]))
            .order_by(RELEASES.c.number)
        )
        with self._engine.connect() as connection:
            return [_release(row) for row in connection.execute(asked)]

    def _set_stage(
        self, connection: Connection, version: ModelVersion, canary: Canary | None = None
    ) -> None:
        _enter(connection, version, canary, at=iso(self._clock.now()))


def _add_what_older_tables_lack(connection: Connection) -> None:
    """Columns that came later; what stood there before has nothing in them."""
    there = {column["name"] for column in inspect(connection).get_columns(RELEASES.name)}
    for name, kind in (("at", "VARCHAR"), ("suspended", "INTEGER")):
        if name not in there:
            connection.exec_driver_sql(f'ALTER TABLE releases ADD COLUMN "{name}" {kind}')


def _enter_what_was_released_before(connection: Connection) -> None:
    """Give versions that were released before there was a table of releases their row in it."""
    known = set(connection.execute(select(RELEASES.c.version)).scalars())
    for version in _read(connection):
        if version.stage in SERVED and version.id not in known:
            _enter(connection, version, None, at=None)


def _displaced(
    others: Sequence[ModelVersion], stage: Stage
) -> Iterator[tuple[ModelVersion, Stage]]:
    """Which other versions of a model have to go, and where, when one comes to a stage."""
    after = {Stage.LIVE: {Stage.LIVE: Stage.SUPERSEDED, Stage.SUPERSEDED: Stage.RETIRED}}
    after[Stage.CANARY] = {Stage.CANARY: Stage.SILENT}
    for other in sorted(others, key=lambda one: one.stage is Stage.LIVE):
        if other.stage in (then := after.get(stage, {})):
            yield other, then[other.stage]


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
    steps: dict[str, list[Approval]] = {}
    for row in connection.execute(_STEPS):
        steps.setdefault(row.version, []).append(_step_approval(row))
    return [
        _version(row, tuple(steps.get(row.versions_id, ()))) for row in connection.execute(_ALL)
    ]


def _last_number(version: Any) -> Select[tuple[int]]:
    """The number of the version's last row in `releases`; it has moved when that has grown."""
    return select(func.max(RELEASES.c.number)).where(RELEASES.c.version == version)


def _last_row(version: str) -> Select[Any]:
    """The version's last row in `releases`."""
    return select(RELEASES).where(RELEASES.c.number == _last_number(version).scalar_subquery())


_STEPS = (
    select(STEP_APPROVALS)
    .where(
        STEP_APPROVALS.c.stands_at
        == func.coalesce(_last_number(STEP_APPROVALS.c.version).scalar_subquery(), 0)
    )
    .order_by(STEP_APPROVALS.c.number)
)


def _enter(
    connection: Connection, version: ModelVersion, canary: Canary | None, *, at: str | None
) -> None:
    stage = version.stage.value
    connection.execute(update(VERSIONS).where(VERSIONS.c.id == version.id).values(stage=stage))
    row: dict[str, Any] = {"version": version.id, "stage": stage, "at": at}
    last = connection.execute(_last_row(version.id)).one_or_none()
    row |= {"share": None, "wards": None, "suspended": None if last is None else last.suspended}
    if canary is not None:
        row |= {"share": canary.share, "wards": json.dumps(canary.wards)}
    connection.execute(insert(RELEASES), row)


def _release(row: Any) -> Release:
    told = None
    if row.stage == Stage.CANARY.value:
        told = Canary(share=row.share, wards=tuple(json.loads(row.wards)))
    return Release(
        number=row.number,
        version=row.version,
        name=row.name,
        bundle=row.bundle,
        stage=Stage(row.stage),
        canary=told,
        since=row.at,
        suspended=bool(row.suspended),
    )


def _step_approval(row: Any) -> Approval:
    return Approval(
        version=row.version,
        name=row.name,
        actor=row.actor,
        meaning=row.meaning,
        approved_at=row.approved_at,
        step=Stage(row.step),
        bundle=row.bundle,
        evidence=row.evidence,
    )


def _version(row: Any, steps: tuple[Approval, ...]) -> ModelVersion:
    approval = None
    if row.approvals_version is not None:
        approval = Approval(
            version=row.approvals_version,
            name=row.approvals_name,
            actor=row.approvals_actor,
            meaning=row.approvals_meaning,
            approved_at=row.approvals_approved_at,
            bundle=row.versions_bundle,
        )
    return ModelVersion(
        id=row.versions_id,
        name=row.versions_name,
        bundle=row.versions_bundle,
        stage=Stage(row.versions_stage),
        built_at=row.versions_built_at,
        gates=tuple(GateResult(**gate) for gate in json.loads(row.versions_gates)),
        approval=approval,
        step_approvals=steps,
    )
