"""What the verbs are given: every port, and the folder of one workspace."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from bedside.core.clock import Clock
from bedside.core.ports import (
    Explainer,
    Ledger,
    ObjectStore,
    Predictor,
    Progress,
    Registry,
    Signer,
)
from bedside.core.records.ledger import Actor
from bedside.lifecycle.steps import WriteFile

__all__ = ["Platform"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One workspace with its adapters, made by `wiring`."""

    folder: Path
    objects: ObjectStore
    ledger: Ledger
    registry: Registry
    signer: Signer
    clock: Clock
    progress: Progress
    actor: Actor
    predictor_of: Callable[[bytes], Predictor]
    explainer_of: Callable[[bytes], Explainer]
    write: WriteFile
    lock: Callable[[], AbstractContextManager[None]]
    code: str
    environment: dict[str, str]

    @property
    def bundles(self) -> Path:
        """Where the sealed folders lie."""
        return self.folder / "bundles"

    def signature_of(self, digest: str) -> Path:
        """Where the signature of a bundle lies: beside the folder, never inside."""
        return self.bundles / f"{digest}.sig"
