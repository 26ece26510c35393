"""What keeps bytes, snapshots and tables."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import Shard, SnapshotEntry, Zone

__all__ = ["Blobs", "Catalogue", "Metadata", "ObjectStore"]


class Blobs(Protocol):
    """Bytes by name, on a disk or in a bucket. What is put here is ciphertext already.

    A name is made by Bedside, such as `objects/ab/cdef…`: segments of lower-case letters, digits,
    `_`, `-` and inner dots, joined by `/`. A user's path never becomes one.
    """

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Keep the bytes, whole or not at all, durable when this returns; replaces older ones.

        Raises:
            Invalid: the name is not one of ours.
            Unavailable: the store is full or out of reach; what stood there stands.
        """
        ...

    def get(self, name: str) -> bytes:
        """The bytes again.

        Raises:
            NotFound: nothing has this name.
            Unavailable: the store is out of reach.
        """
        ...

    def has(self, name: str) -> bool:
        """Whether something has this name."""
        ...

    def remove(self, name: str) -> None:
        """Remove it, durably; removing what is not there is no error."""
        ...

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix`, in order; half-written ones are never seen."""
        ...


class ObjectStore(Protocol):
    """Bytes by digest: written once, sealed at rest, never named by a user's path."""

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256. Putting them twice is once."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes again.

        Raises:
            NotFound: nothing has this digest.
            Refused: what lies there is not what was put: changed, moved or unsealable.
        """
        ...

    def has(self, digest: str) -> bool:
        """Whether something is kept under this digest."""
        ...

    def remove(self, digest: str) -> None:
        """Remove the bytes and their key; removing what is not there is no error."""
        ...

    def digests(self) -> Iterator[str]:
        """Every digest that is kept."""
        ...


class Catalogue(Protocol):
    """Which snapshots exist, which shards they share, and what was made from what."""

    def add(
        self, entry: SnapshotEntry, shards: Sequence[Shard], edges: Sequence[Edge] = ()
    ) -> SnapshotEntry:
        """Make a saved snapshot visible, in one durable step.

        Raises:
            Refused: another process has saved a state of this data set meanwhile (`outdated`).
        """
        ...

    def replace(self, old: SnapshotEntry, new: SnapshotEntry, shards: Sequence[Shard]) -> None:
        """Put a new state in place of an old one, from which a subject was erased."""
        ...

    def entries(self) -> list[SnapshotEntry]:
        """Every state of every data set, by name and then oldest first; replaced ones too."""
        ...

    def shard(self, zone: Zone, content: str) -> Shard | None:
        """The shard with this content, if one is kept in this zone."""
        ...

    def unused_shards(self) -> list[tuple[Zone, Shard]]:
        """Shards that no snapshot uses any more."""
        ...

    def forget_shard(self, material: str) -> None:
        """Drop a shard that no snapshot uses."""
        ...

    def record(self, edges: Sequence[Edge]) -> None:
        """Add to the lineage, in one durable step."""
        ...

    def edges(self) -> list[Edge]:
        """The whole lineage, oldest first."""
        ...

    def made_from(self, node: Node) -> list[Edge]:
        """What was made from this, directly."""
        ...

    def made_of(self, node: Node) -> list[Edge]:
        """What this was made of, directly."""
        ...

    def suppress(self, tags: Sequence[str], at: str) -> None:
        """Never take in again whoever has one of these tags."""
        ...

    def suppressed(self) -> frozenset[str]:
        """The tags of everyone who was erased."""
        ...


class Metadata(Protocol):
    """Every table of the metadata database, so that a backup can hold it and a restore fill it."""

    def dump(self) -> Iterator[tuple[str, bytes]]:
        """Each table's name and its rows in chunks, as they all stood together at one moment.

        Raises:
            Refused: a row is not as it can have been written (code `database_damaged`).
        """
        ...

    def load(self, chunks: Iterable[tuple[str, bytes]]) -> None:
        """Fill the empty tables with what was dumped, in one durable step: all of it or none.

        Raises:
            Refused: they are not empty (code `not_empty`), or the chunks are of a newer Bedside
                (`backup_newer`) or damaged (`backup_damaged`).
        """
        ...

    def is_empty(self) -> bool:
        """Whether no table holds a row."""
        ...
