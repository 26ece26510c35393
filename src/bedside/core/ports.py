"""What the rooms ask of the outside, as protocols. Adapters live in `infra` and in `adapters/`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

from bedside.core.records.ledger import Actor, LedgerEntry, LedgerFault
from bedside.core.records.version import Approval, ModelVersion, Stage

__all__ = [
    "Explainer",
    "Ledger",
    "ObjectStore",
    "Predictor",
    "Progress",
    "Registry",
    "Signer",
]


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


class Ledger(Protocol):
    """A chain of entries that only grows."""

    def append(
        self, actor: Actor, action: str, details: dict[str, Any], *, sealed: bytes | None = None
    ) -> LedgerEntry:
        """Add one entry; durable when this returns. `sealed` is encrypted before it is stored."""
        ...

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def unseal(self, sequence: int) -> bytes:
        """The decrypted `sealed` part of an entry."""
        ...

    def verify(self) -> list[LedgerFault]:
        """Every fault in the chain; empty when it is whole."""
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
