"""What is tried on a failing disk: the work, and what must hold whenever it was cut off."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet  # noqa: F401 - before the forks, which would each load it

from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor
from bedside.core.records.version import Approval, GateResult, ModelVersion, Stage
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.files import write_atomically
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.infra.objects.sealed import SealedObjects
from bedside.registry.adapters.sql_registry import SqlRegistry
from stored import a_row, a_store, events_of, saved

__all__ = ["SCENARIOS", "Scenario"]

Acknowledge = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Work that acknowledges what it has done, and a check of what was acknowledged."""

    prepare: Callable[[Path], None]
    run: Callable[[Path, Acknowledge], None]
    check: Callable[[Path, Sequence[str]], None]


NEW, OLD = b"new" * 50_000, b"old" * 40_000


def file_prepare(folder: Path) -> None:
    write_atomically(folder / "kept", OLD)


def file_run(folder: Path, acknowledge: Acknowledge) -> None:
    write_atomically(folder / "kept", NEW)
    acknowledge("kept")


def file_check(folder: Path, acknowledged: Sequence[str]) -> None:
    content = (folder / "kept").read_bytes()
    assert content == NEW if acknowledged else content in (OLD, NEW)


def objects_in(folder: Path) -> SealedObjects:
    blobs = DiskBlobs(folder / "blobs")
    ring = FileKeyring(folder / "keys" / "keyring.json", passphrase=None, clock=SystemClock())
    return SealedObjects(blobs, BlobDataKeys(blobs, ring), key="features", prefix="objects")


def objects_prepare(folder: Path) -> None:
    objects_in(folder).put(b"before")


def objects_run(folder: Path, acknowledge: Acknowledge) -> None:
    objects = objects_in(folder)
    for content in (b"one" * 9000, b"two" * 9000):
        acknowledge(objects.put(content))


def objects_check(folder: Path, acknowledged: Sequence[str]) -> None:
    objects = objects_in(folder)
    kept = set(objects.digests())
    assert set(acknowledged) <= kept
    assert len([objects.get(digest) for digest in kept]) >= 1


def ledger_in(folder: Path) -> SqlLedger:
    return SqlLedger(
        open_database(folder / "bedside.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )


ACTOR = Actor(name="user:grey", purpose="care")


def ledger_prepare(folder: Path) -> None:
    ledger_in(folder).append(ACTOR, "predict", {"n": 0}, sealed=b"x" * 500, subject=1)


def ledger_run(folder: Path, acknowledge: Acknowledge) -> None:
    ledger = ledger_in(folder)
    for number in range(2):
        name = str(uuid.uuid4())
        details = {"prediction_id": name, "request_tag": name}
        entry = ledger.append(ACTOR, "answer", details, sealed=b"x" * 500, subject=number)
        acknowledge(f"{entry.sequence} {entry.hash}")


def ledger_check(folder: Path, acknowledged: Sequence[str]) -> None:
    ledger = ledger_in(folder)
    assert ledger.verify() == []
    kept = {f"{entry.sequence} {entry.hash}" for entry in ledger.entries()}
    assert set(acknowledged) <= kept
    for entry in ledger.entries():
        assert ledger.unseal(entry.sequence) == b"x" * 500
    answers = {e.sequence for e in ledger.entries() if e.action == "answer"}
    indexed = SqlPredictions(open_database(folder / "bedside.sqlite")).find()
    assert {one.sequence for one in indexed} == answers


VERSION = ModelVersion(
    id=f"biopsy@{'ab' * 6}",
    name="biopsy",
    bundle="ab" * 32,
    stage=Stage.BUILT,
    built_at="2026-01-31T08:00:00.000000Z",
    gates=(GateResult(metric="auroc", passed=True, text="fine"),),
)
LIFE = [Stage.BUILT, Stage.APPROVED, Stage.SILENT]


def registry_in(folder: Path) -> SqlRegistry:
    return SqlRegistry(open_database(folder / "bedside.sqlite"), writing=writing)


def registry_run(folder: Path, acknowledge: Acknowledge) -> None:
    registry = registry_in(folder)
    stage = registry.add(VERSION).stage
    acknowledge(stage.value)
    if stage is Stage.BUILT:
        approval = Approval(
            version=VERSION.id, name="A", actor="user:a", meaning="fit", approved_at="2026-02-01"
        )
        stage = registry.record_approval(approval).stage
        acknowledge(stage.value)
    if stage is Stage.APPROVED:
        acknowledge(registry.move(VERSION.id, Stage.SILENT).stage.value)


def registry_check(folder: Path, acknowledged: Sequence[str]) -> None:
    versions = registry_in(folder).versions()
    reached = max((LIFE.index(Stage(one)) for one in acknowledged), default=-1)
    assert len(versions) >= (reached >= 0)
    for version in versions:
        assert LIFE.index(version.stage) >= reached
        assert (version.approval is not None) == (version.stage is not Stage.BUILT)


def a_ward(value: float) -> pl.DataFrame:
    return events_of(*(a_row(n, f"r{n}", value=value) for n in range(1, 30)))


def snapshot_prepare(folder: Path) -> None:
    saved(a_store(folder), a_ward(1.0))


def snapshot_run(folder: Path, acknowledge: Acknowledge) -> None:
    acknowledge(saved(a_store(folder), a_ward(2.0)).digest)


def snapshot_check(folder: Path, acknowledged: Sequence[str]) -> None:
    store = a_store(folder)
    entries = store.entries()
    assert set(acknowledged) <= {entry.snapshot for entry in entries}
    for entry in entries:
        snapshot = store.opened(entry)
        for number in range(len(snapshot.manifest.shards)):
            snapshot.check(number)
    store.sweep()
    assert pl.concat(list(store.open(entries[-1].snapshot).shards())).height == 29


def rotation_run(folder: Path, acknowledge: Acknowledge) -> None:
    store = a_store(folder)
    ring = FileKeyring(folder / "keys" / "keyring.json", passphrase=None, clock=SystemClock())
    version = ring.rotate("identified")
    store.data_keys.rewrap("identified", lambda _: None)
    acknowledge(str(version))


def rotation_check(folder: Path, _acknowledged: Sequence[str]) -> None:
    store = a_store(folder)
    for entry in store.entries():
        assert list(store.opened(entry).shards())


def nothing(_folder: Path) -> None:
    """A database that is made by the work itself."""


SCENARIOS = {
    "file": Scenario(prepare=file_prepare, run=file_run, check=file_check),
    "object": Scenario(prepare=objects_prepare, run=objects_run, check=objects_check),
    "ledger": Scenario(prepare=ledger_prepare, run=ledger_run, check=ledger_check),
    "registry": Scenario(prepare=nothing, run=registry_run, check=registry_check),
    "snapshot": Scenario(prepare=snapshot_prepare, run=snapshot_run, check=snapshot_check),
    "rotation": Scenario(prepare=snapshot_prepare, run=rotation_run, check=rotation_check),
}
