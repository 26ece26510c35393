"""Events for the store: an ordinary potassium unless you say otherwise, and a store in memory."""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.clock import FixedClock
from bedside.core.ports import Blobs, Catalogue
from bedside.core.records.event import MERGED_INTO
from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.adapters.spill import Spill
from bedside.data.adapters.sql_catalogue import SqlCatalogue
from bedside.data.store.layout import STORED_SCHEMA
from bedside.data.store.snapshot import Snapshot
from bedside.data.store.store import EventStore
from bedside.infra.blobs.disk import DiskBlobs
from bedside.infra.database.opening import open_database, writing
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.keys.keyring import FileKeyring
from bedside.infra.keys.material import BlobDataKeys
from bedside.infra.keys.secrets import Secrets
from bedside.infra.objects.sealed import SealedObjects

__all__ = ["DAY", "RAW", "a_merge", "a_row", "a_store", "at", "events_of", "saved", "secrets_in"]

DAY = datetime(2026, 3, 1, tzinfo=UTC)
RAW = RawFile(digest="ab" * 32, name="ward.csv", unit="byte", rows=10, subject="patient")


def at(clock: str, *, day: int = 0) -> datetime:
    """A time of the first of March 2026, or so many days later."""
    hours, minutes = clock.split(":")
    return DAY + timedelta(days=day, hours=int(hours), minutes=int(minutes))


def a_row(
    subject: int = 1,
    row: str = "r1",
    *,
    time: datetime | None = None,
    known_at: datetime | None = None,
    code: str = "LOINC//2823-3",
    value: float | None = 4.2,
    text: str | None = None,
    replaces: str | None = None,
    offset: int = 0,
) -> dict[str, Any]:
    """One event; `row` and `replaces` name raw records."""
    happened = time or at("08:00")
    return {
        "subject_id": subject,
        "time": happened,
        "known_at": known_at or happened + timedelta(hours=1),
        "end": None,
        "code": code,
        "value": value,
        "unit": "mmol/L" if value is not None else None,
        "text": text,
        "encounter_id": None,
        "source_row": _digest(row),
        "replaces": None if replaces is None else _digest(replaces),
        "source_file": 0,
        "source_offset": offset,
    }


def a_merge(subject: int, into: int, row: str, known_at: datetime, **more: Any) -> dict[str, Any]:
    """The statement that two subjects are one person."""
    said = {"code": MERGED_INTO, "value": None, "text": str(into), **more}
    return a_row(subject, row, time=known_at, known_at=known_at, **said)


def events_of(*rows: dict[str, Any]) -> pl.DataFrame:
    """The rows as a table."""
    return pl.DataFrame(list(rows), schema=STORED_SCHEMA)


def _digest(name: str) -> bytes:
    return blake2b(name.encode(), digest_size=16).digest()


def secrets_in(folder: Path) -> Secrets:
    """The secrets of a workspace in this folder, with a key file of their own."""
    ring = FileKeyring(folder / "keyring.json", passphrase=None, clock=FixedClock(DAY))
    return Secrets(folder, ring)


def a_store(
    folder: Path,
    *,
    blobs: Blobs | None = None,
    catalogue: Catalogue | None = None,
    **options: Any,
) -> EventStore:
    """A store in a folder, with real keys, a real database and real encryption."""
    keyring = FileKeyring(folder / "keys" / "keyring.json", passphrase=None, clock=FixedClock(DAY))
    blobs = blobs or DiskBlobs(folder / "blobs")
    data_keys = BlobDataKeys(blobs, keyring)
    return EventStore(
        blobs=blobs,
        data_keys=data_keys,
        manifests=SealedObjects(blobs, data_keys, key="identified", prefix="manifests"),
        raw=SealedObjects(blobs, data_keys, key="raw", prefix="raw"),
        signer=Ed25519Signer(b"s" * 32),
        catalogue=catalogue
        or SqlCatalogue(open_database(folder / "bedside.sqlite"), writing=writing),
        clock=FixedClock(DAY),
        spill=lambda: Spill(folder / "spill"),
        **options,
    )


def saved(store: EventStore, events: pl.DataFrame, name: str = "ward") -> Snapshot:
    """The events saved as the next state of a data set."""
    return store.save(
        name,
        [events],
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="bedside",
        sources=[RAW],
    )
