"""Opening patients' data: nobody gets a snapshot but through the door."""

from bedside.core.records.policy import Act, Resource
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["opened_data"]


def opened_data(
    platform: Platform, act: Act, reference: str, *, columns: frozenset[str] = frozenset()
) -> Snapshot:
    """The snapshot of this reference, if the policies permit what is done with it.

    Args:
        platform: The workspace.
        act: What is done.
        reference: A name, with or without the digest of a state, or a digest.
        columns: The codes that are read; empty: all.

    Raises:
        NotFound, Invalid: as `EventStore.open`.
        Refused: as `EventStore.open`; or it is not permitted (code `not_allowed`).
    """
    snapshot = platform.store.open(reference)
    name = snapshot.manifest.name.rpartition("/")[0] or snapshot.manifest.name
    enter(platform, act, Resource(name=name, zone=snapshot.manifest.zone, columns=columns))
    return snapshot
