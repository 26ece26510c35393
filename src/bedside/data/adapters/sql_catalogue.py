"""The catalogue of snapshots and lineage on a database: digests, counts and names of data sets."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from bedside.core.errors import Refused
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import Shard, SnapshotEntry, Zone

__all__ = ["SqlCatalogue"]

_META = MetaData()
_SNAPSHOTS = Table(
    "snapshots",
    _META,
    Column("number", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("zone", String, nullable=False),
    Column("snapshot", String, nullable=False),
    Column("manifest", String, nullable=False, unique=True),
    Column("created_at", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("subjects", Integer, nullable=False),
    Column("shards", Integer, nullable=False),
    Column("erased", Integer, nullable=False),
    Column("raw_files", String, nullable=False),
    Column("successor", String),
)
Index(
    "one_state_each",
    _SNAPSHOTS.c.name,
    _SNAPSHOTS.c.sequence,
    _SNAPSHOTS.c.erased,
    unique=True,
)
_SHARDS = Table(
    "shards",
    _META,
    Column("material", String, primary_key=True),
    Column("zone", String, nullable=False),
    Column("content", String, nullable=False, index=True),
    Column("first_bucket", Integer, nullable=False),
    Column("last_bucket", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("subjects", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    Column("size", Integer, nullable=False),
)
_USES = Table(
    "shard_uses",
    _META,
    Column("manifest", String, ForeignKey("snapshots.manifest"), primary_key=True),
    Column("material", String, ForeignKey("shards.material"), primary_key=True),
)
_EDGES = Table(
    "lineage",
    _META,
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("job", String, nullable=False),
    Column("run", String, nullable=False),
    Column("source_kind", String, nullable=False),
    Column("source", String, nullable=False, index=True),
    Column("output_kind", String, nullable=False),
    Column("output", String, nullable=False, index=True),
)
_SUPPRESSED = Table(
    "suppressed",
    _META,
    Column("tag", String, primary_key=True),
    Column("at", String, nullable=False),
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlCatalogue:
    """The Catalogue port on SQLAlchemy.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
    """

    def __init__(self, engine: Engine, *, writing: Writing) -> None:
        self._engine, self._writing = engine, writing
        with writing(engine) as connection:
            _META.create_all(connection)

    def add(
        self, entry: SnapshotEntry, shards: Sequence[Shard], edges: Sequence[Edge] = ()
    ) -> SnapshotEntry:
        """Make a saved snapshot visible, in one durable step.

        Raises:
            Refused: another process has saved a state of this data set meanwhile (`outdated`).
        """
        with self._writing(self._engine) as connection:
            _check_next(connection, entry)
            _add(connection, entry, shards)
            _record(connection, edges)
        return entry

    def replace(self, old: SnapshotEntry, new: SnapshotEntry, shards: Sequence[Shard]) -> None:
        """Put a new state in place of an old one, from which a subject was erased."""
        with self._writing(self._engine) as connection:
            _add(connection, new, shards)
            connection.execute(
                update(_SNAPSHOTS)
                .where(_SNAPSHOTS.c.manifest == old.manifest)
                .values(successor=new.snapshot)
            )
            connection.execute(delete(_USES).where(_USES.c.manifest == old.manifest))

    def entries(self) -> list[SnapshotEntry]:
        """Every state of every data set, by name and then oldest first; replaced ones too."""
        with self._engine.connect() as connection:
            order = (_SNAPSHOTS.c.name, _SNAPSHOTS.c.sequence, _SNAPSHOTS.c.number)
            rows = connection.execute(select(_SNAPSHOTS).order_by(*order)).all()
        return [_entry(row) for row in rows]

    def shard(self, zone: Zone, content: str) -> Shard | None:
        """The shard with this content, if one is kept in this zone."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(_SHARDS)
                .where(_SHARDS.c.zone == zone.value, _SHARDS.c.content == content)
                .order_by(_SHARDS.c.material)
                .limit(1)
            ).one_or_none()
        return None if row is None else _shard(row)

    def unused_shards(self) -> list[tuple[Zone, Shard]]:
        """Shards that no snapshot uses any more."""
        joined = _SHARDS.outerjoin(_USES, _USES.c.material == _SHARDS.c.material)
        wanted = select(_SHARDS).select_from(joined).where(_USES.c.manifest.is_(None))
        with self._engine.connect() as connection:
            rows = connection.execute(wanted).all()
        return [(Zone(row.zone), _shard(row)) for row in rows]

    def forget_shard(self, material: str) -> None:
        """Drop a shard that no snapshot uses."""
        with self._writing(self._engine) as connection:
            connection.execute(delete(_SHARDS).where(_SHARDS.c.material == material))

    def record(self, edges: Sequence[Edge]) -> None:
        """Add to the lineage, in one durable step."""
        with self._writing(self._engine) as connection:
            _record(connection, edges)

    def edges(self) -> list[Edge]:
        """The whole lineage, oldest first."""
        return self._edges()

    def made_from(self, node: Node) -> list[Edge]:
        """What was made from this, directly."""
        return self._edges(_EDGES.c.source_kind == node.kind, _EDGES.c.source == node.id)

    def made_of(self, node: Node) -> list[Edge]:
        """What this was made of, directly."""
        return self._edges(_EDGES.c.output_kind == node.kind, _EDGES.c.output == node.id)

    def suppress(self, tags: Sequence[str], at: str) -> None:
        """Never take in again whoever has one of these tags."""
        with self._writing(self._engine) as connection:
            known = set(connection.execute(select(_SUPPRESSED.c.tag)).scalars())
            new = [{"tag": tag, "at": at} for tag in dict.fromkeys(tags) if tag not in known]
            if new:
                connection.execute(insert(_SUPPRESSED), new)

    def suppressed(self) -> frozenset[str]:
        """The tags of everyone who was erased."""
        with self._engine.connect() as connection:
            return frozenset(connection.execute(select(_SUPPRESSED.c.tag)).scalars())

    def _edges(self, *wanted: Any) -> list[Edge]:
        with self._engine.connect() as connection:
            rows = connection.execute(select(_EDGES).where(*wanted).order_by(_EDGES.c.number))
            return [_edge(row) for row in rows]


def _check_next(connection: Connection, entry: SnapshotEntry) -> None:
    latest = connection.execute(
        select(func.max(_SNAPSHOTS.c.sequence)).where(_SNAPSHOTS.c.name == entry.name)
    ).scalar()
    if entry.sequence != (latest or 0) + 1:
        raise Refused(
            f"Another process has saved a state of '{entry.name}' meanwhile.",
            fix="run the same command again.",
            code="outdated",
        )


def _add(connection: Connection, entry: SnapshotEntry, shards: Sequence[Shard]) -> None:
    row = asdict(entry) | {"zone": entry.zone.value, "raw_files": " ".join(entry.raw_files)}
    connection.execute(insert(_SNAPSHOTS), row)
    materials = dict.fromkeys(shard.material for shard in shards)
    known = set(
        connection.execute(
            select(_SHARDS.c.material).where(_SHARDS.c.material.in_(list(materials)))
        ).scalars()
    )
    new = [
        asdict(shard) | {"zone": entry.zone.value}
        for shard in shards
        if shard.material not in known
    ]
    if new:
        connection.execute(insert(_SHARDS), new)
    uses = [{"manifest": entry.manifest, "material": material} for material in materials]
    if uses:
        connection.execute(insert(_USES), uses)


def _record(connection: Connection, edges: Sequence[Edge]) -> None:
    rows = [
        {
            "at": edge.at,
            "job": edge.job,
            "run": edge.run,
            "source_kind": edge.source.kind,
            "source": edge.source.id,
            "output_kind": edge.output.kind,
            "output": edge.output.id,
        }
        for edge in edges
    ]
    if rows:
        connection.execute(insert(_EDGES), rows)


def _entry(row: Any) -> SnapshotEntry:
    return SnapshotEntry(
        name=row.name,
        sequence=row.sequence,
        zone=Zone(row.zone),
        snapshot=row.snapshot,
        manifest=row.manifest,
        created_at=row.created_at,
        rows=row.rows,
        subjects=row.subjects,
        shards=row.shards,
        erased=row.erased,
        raw_files=tuple(row.raw_files.split()),
        successor=row.successor,
    )


def _shard(row: Any) -> Shard:
    return Shard(
        first_bucket=row.first_bucket,
        last_bucket=row.last_bucket,
        rows=row.rows,
        subjects=row.subjects,
        content=row.content,
        sha256=row.sha256,
        size=row.size,
        material=row.material,
    )


def _edge(row: Any) -> Edge:
    return Edge(
        at=row.at,
        job=row.job,
        run=row.run,
        source=Node(kind=row.source_kind, id=row.source),
        output=Node(kind=row.output_kind, id=row.output),
    )
