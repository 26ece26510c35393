"""What the verbs are given: every port, and the folder of one workspace."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bedside.core.clock import Clock
from bedside.core.ports import (
    ByteVerifier,
    Engine,
    Explainer,
    KeyService,
    Ledger,
    Metadata,
    ObjectStore,
    Predictions,
    Predictor,
    Progress,
    Registry,
    Signer,
    Tracker,
)
from bedside.core.ports.incidents import Incidents
from bedside.core.ports.policy import Consents, People, Policies, PolicyVersions
from bedside.core.ports.signing import KeyInHand, Notifier, SigningKeys
from bedside.core.ports.vault import Vaults
from bedside.core.ports.watch import Alarms, Deliveries, WatchBook
from bedside.core.records.ledger import Actor
from bedside.data.store.store import EventStore
from bedside.lifecycle.steps import WriteFile

__all__ = ["Platform", "Rewrapped"]


class Rewrapped(Protocol):
    """The secrets of a workspace, each wrapped by a key of the key service."""

    def rewrap(self) -> int:
        """Wrap every secret under the newest version of its key; return how many there are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """One workspace with its adapters, made by `wiring`.

    `tag` gives the keyed digest by which an erased subject is known again without being named.
    `source` is the digest of Bedside's own source, `code` that of the source and the environment:
    the version of each library, and of Python, and the kind of machine. `tracker` is told of each
    build, where there is one. `seal` gives the key that signs decisions while the workspace is one
    person's own; `verifier_of` checks with a public key of 32 bytes. What the registry, the
    catalogue and the ledger are told inside `together` is kept whole or not at all.
    """

    folder: Path
    objects: ObjectStore
    store: EventStore
    engine: Engine
    keys: KeyService
    secrets: Rewrapped
    vaults: Vaults
    ledger: Ledger
    predictions: Predictions
    metadata: Metadata
    policies: Policies
    people: People
    consents: Consents
    own_policies: PolicyVersions
    incidents: Incidents
    alarms: Alarms
    deliveries: Deliveries
    watch_book: WatchBook
    registry: Registry
    signer: Signer
    signing_keys: SigningKeys
    seal: Callable[[], KeyInHand]
    verifier_of: Callable[[bytes], ByteVerifier]
    notifier: Notifier
    clock: Clock
    progress: Progress
    actor: Actor
    predictor_of: Callable[[bytes], Predictor]
    explainer_of: Callable[[bytes], Explainer]
    write: WriteFile
    lock: Callable[[], AbstractContextManager[None]]
    together: Callable[[], AbstractContextManager[None]]
    tag: Callable[[str], str]
    source: str
    code: str
    environment: dict[str, str]
    tracker: Tracker | None = None

    @property
    def bundles(self) -> Path:
        """Where the sealed folders lie."""
        return self.folder / "bundles"

    def signature_of(self, digest: str) -> Path:
        """Where the signature of a bundle lies: beside the folder, never inside."""
        return self.bundles / f"{digest}.sig"
