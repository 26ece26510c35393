"""What the rooms ask of the outside, as protocols. Adapters live in `infra` and in `adapters/`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from bedside.core.records.key import KeyState
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry, LedgerFault
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import Shard, SnapshotEntry, Zone
from bedside.core.records.version import Approval, ModelVersion, Stage

__all__ = [
    "Blobs",
    "ByteSigner",
    "Catalogue",
    "DataKeys",
    "Engine",
    "Explainer",
    "KeyService",
    "Ledger",
    "Metadata",
    "ObjectStore",
    "Predictor",
    "Progress",
    "Registry",
    "Signer",
]


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


class KeyService(Protocol):
    """Keeps the keys that wrap other keys, and never gives them away.

    A key is named by what it protects: `raw`, `identified`, `features`, `ledger`, `signing`,
    `backup`. It is made on first use, and has versions from 1.
    """

    def wrap(self, data_key: bytes, key: str, context: str) -> str:
        """Encrypt a data key (16 to 64 bytes) under the newest version of `key`.

        `context` names what the data key is for; it must be given again to unwrap.
        The text returned names the version, so that it unwraps after a rotation.

        Raises:
            Refused: the key was destroyed (code `key_destroyed`).
            Unavailable: the service is out of reach.
        """
        ...

    def unwrap(self, wrapped: str, key: str, context: str) -> bytes:
        """The data key again.

        Raises:
            Refused: its version was destroyed (`key_destroyed`), or the text was changed, or
                belongs to another key, service or context (`wrong_key`).
            Unavailable: the service is out of reach.
        """
        ...

    def rewrap(self, wrapped: str, key: str, context: str) -> str:
        """The same data key under the newest version of `key`."""
        ...

    def rotate(self, key: str) -> int:
        """Make a new version of the key; return its number. Older ones still unwrap."""
        ...

    def destroy(self, key: str, *, version: int | None = None) -> None:
        """Destroy one version of the key, or all of it. What it wrapped is lost for ever.

        Raises:
            NotFound: there is no such key or version.
            Refused: it is the newest version of several: rotate first (code `key_in_use`).
        """
        ...

    def describe(self) -> list[KeyState]:
        """Every key of this workspace and its versions, by name."""
        ...


class DataKeys(Protocol):
    """The keys of single files: each is kept wrapped, apart from the file that it opens."""

    def new(self, key: str, context: str) -> tuple[str, bytes]:
        """A fresh 32-byte data key, and the id under which it is now kept, wrapped by `key`."""
        ...

    def open(self, material: str, context: str) -> bytes:
        """The data key of an id.

        Raises:
            NotFound: nothing is kept under this id.
            Refused: it does not unwrap (`key_destroyed`, `wrong_key`).
        """
        ...

    def forget(self, material: str) -> None:
        """Remove the wrapped key, so that what it opened can never be read again."""
        ...

    def rewrap(self, key: str, advance: Callable[[int], None]) -> int:
        """Wrap every data key of `key` under its newest version; return how many there were."""
        ...

    def flush(self) -> None:
        """Forget what is held in memory, so that the next `open` asks the key service again."""
        ...


class ByteSigner(Protocol):
    """Signs bytes, and checks such a signature."""

    def sign(self, content: bytes) -> bytes:
        """The signature of the bytes."""
        ...

    def verify(self, content: bytes, signature: bytes) -> None:
        """Check it.

        Raises:
            Refused: the bytes were changed, or another key signed them (code `bad_signature`).
        """
        ...


class Engine(Protocol):
    """Does one piece of work on many shards: on this machine, or on a cluster."""

    def map(self, work: str, tasks: Sequence[bytes]) -> Iterator[bytes]:
        """The result of each task, in the order of the tasks, as they become ready.

        Args:
            work: The function, as `bedside.package.module:name`; it takes bytes and returns bytes.
            tasks: What it is given, one at a time.

        Raises:
            Invalid: `work` does not lie in Bedside.
            BedsideError: of the first task that failed, as it was raised there.
            Unavailable: a worker was lost (code `worker_lost`) or failed (`worker_failed`).
        """
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


class Ledger(Protocol):
    """A chain of entries that only grows."""

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        """Add one entry; durable when this returns. `sealed` is encrypted before it is stored.

        With a `subject`, the sealed part opens with a key of that subject alone, so that
        `forget` can make it unreadable while the chain stays whole.
        """
        ...

    def append_all(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry]:
        """Add several entries in one durable commit: all of them or none."""
        ...

    def forget(self, subject: int) -> int:
        """Destroy the subject's key: their sealed parts can never be read again.

        Returns:
            How many entries that concerns; the same when it is asked again.
        """
        ...

    def sealed_for(self, subject: int) -> list[int]:
        """The sequences whose sealed part opens with the subject's key, oldest first."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def unseal(self, sequence: int) -> bytes:
        """The decrypted `sealed` part of an entry.

        Raises:
            NotFound: there is no such entry, or it has no sealed part.
            Refused: its subject was forgotten (code `erased`), or it was changed (`ledger_broken`).
        """
        ...

    def verify(self) -> list[LedgerFault]:
        """Every fault in the chain; empty when it is whole."""
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


class Registry(Protocol):
    """Which model versions exist, and where each is in its life."""

    def add(self, version: ModelVersion) -> ModelVersion:
        """Register a built version; adding the same one again returns what is registered."""
        ...

    def get(self, version_id: str) -> ModelVersion:
        """One version, by id, by bundle digest, or by an unambiguous beginning of either."""
        ...

    def versions(self, name: str | None = None) -> list[ModelVersion]:
        """All versions (of one model), oldest first."""
        ...

    def record_approval(self, approval: Approval) -> ModelVersion:
        """Move a built version to approved."""
        ...

    def move(self, version_id: str, stage: Stage) -> ModelVersion:
        """Move a version along its life.

        Raises:
            Refused: `NEXT_STAGES` has no such step.
        """
        ...


class Signer(Protocol):
    """Signs a sealed folder, and checks such a signature."""

    def sign(self, folder: str, signature: str) -> None:
        """Sign every file of `folder`; write the signature to the file `signature`."""
        ...

    def verify(self, folder: str, signature: str) -> None:
        """Check it.

        Raises:
            Refused: a file was changed, added or removed, or the key is not ours.
        """
        ...


class Predictor(Protocol):
    """Feature rows in, calibrated risks out."""

    def predict(self, matrix: Any) -> Any:
        """Risks, shape (n,), float64 in [0, 1], of a float64 matrix of shape (n, n_features)."""
        ...


class Explainer(Protocol):
    """How much each feature moved a score."""

    def contributions(self, matrix: Any) -> Any:
        """Log-odds, shape (n, n_features + 1); the last column is the expected value."""
        ...

    def margins(self, matrix: Any) -> Any:
        """Log-odds before calibration, shape (n,), by the trees as they were fitted."""
        ...


class Progress(Protocol):
    """Tells a person how far long work has come."""

    def step(
        self, name: str, *, total: int | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Announce a step; the yielded function advances it by that many units."""
        ...

    def note(self, text: str) -> None:
        """One line of plain words."""
        ...

    def skipped(self, name: str) -> None:
        """A step whose result already exists."""
        ...
