"""The event store against Polars and plain Parquet: saving, reading, and one patient of many."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from bedside.core.clock import SystemClock
from bedside.core.records.lineage import Edge, Node
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
from bedside.infra.objects.sealed import SealedObjects

BATCH = 500_000
ROWS_PER_SUBJECT = 100
SORTED_BY = ["subject_id", "time", "known_at", "code", "source_row"]


def generate(path: Path, rows: int) -> None:
    """Events of rows/100 subjects in no order, as one plain Parquet file."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    random = np.random.default_rng(1)
    codes = np.array([f"LOINC//{number}-{number % 10}" for number in range(200)])
    units = np.array(["mmol/L", "mg/dL", "mm[Hg]", "/min", "%"])
    writer = None
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        code = random.integers(0, 200, count)
        time_ = 1_500_000_000_000_000 + random.integers(0, 365 * 86400, count) * 1_000_000
        record = random.integers(0, 2**63, -(-count // 10)).repeat(10)[:count]
        table = pl.DataFrame(
            {
                "subject_id": random.integers(0, rows // ROWS_PER_SUBJECT, count) * 91646573819 + 7,
                "time": time_,
                "known_at": time_ + random.integers(0, 120, count) * 60_000_000,
                "code": codes[code],
                "value": random.normal(100, 15, count).round(1),
                "unit": units[code % 5],
                "source_row": [number.tobytes() * 2 for number in record],
                "source_offset": np.arange(start, start + count) // 10,
            },
            strict=False,
        )
        whole = table.with_columns(
            pl.col("time", "known_at").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            *(
                pl.lit(None, dtype=STORED_SCHEMA[name]).alias(name)
                for name in ("end", "text", "encounter_id", "replaces")
            ),
            pl.lit(0, dtype=pl.Int32).alias("source_file"),
            pl.col("code", "unit").cast(pl.Categorical),
        ).select(list(STORED_SCHEMA))
        arrow = whole.to_arrow()
        writer = writer or pq.ParquetWriter(path, arrow.schema, compression="zstd")
        writer.write_table(arrow)
    assert writer is not None
    writer.close()


def open_store(folder: Path) -> EventStore:
    """A store in a folder, as a workspace has one."""
    keys = FileKeyring(folder / "keys" / "keyring.json", passphrase=None, clock=SystemClock())
    blobs = DiskBlobs(folder / "blobs")
    data_keys = BlobDataKeys(blobs, keys)
    return EventStore(
        blobs=blobs,
        data_keys=data_keys,
        manifests=SealedObjects(blobs, data_keys, key="identified", prefix="manifests"),
        raw=SealedObjects(blobs, data_keys, key="raw", prefix="raw"),
        signer=Ed25519Signer(bytes(32)),
        catalogue=SqlCatalogue(open_database(folder / "bedside.sqlite"), writing=writing),
        clock=SystemClock(),
        spill=lambda: Spill(folder / "spill"),
    )


def save(folder: Path, source: Path) -> Snapshot:
    """Batch after batch from the plain file into an encrypted, sorted, sharded snapshot."""
    whole = pl.scan_parquet(source)
    rows = whole.select(pl.len()).collect().item()
    batches = (whole.slice(start, BATCH).collect() for start in range(0, rows, BATCH))
    file = RawFile(digest="0" * 64, name="generated.parquet", unit="row", rows=0, subject="id")
    return open_store(folder).save(
        "generated",
        batches,
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="bedside",
        sources=[file],
    )


def polars(folder: Path, source: Path) -> None:
    """The floor: Polars reads everything, sorts it, and writes one plain Parquet file."""
    target = folder / "plain.parquet"
    pl.read_parquet(source).sort(SORTED_BY).write_parquet(target, compression_level=1)


def worker(what: str, folder: Path, source: Path) -> None:
    """Do one thing in this fresh process and print its seconds and its peak memory in MiB."""
    import resource  # noqa: PLC0415

    began = time.perf_counter()
    (save if what == "bedside" else polars)(folder, source)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": peak}))


def measured(what: str, source: Path) -> tuple[dict[str, float], tempfile.TemporaryDirectory[str]]:
    """Run one worker in a fresh process; its result, and the folder it wrote."""
    folder = tempfile.TemporaryDirectory(dir=source.parent)
    words = [sys.executable, __file__, "--worker", what, folder.name, str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found, folder


def saving(source: Path, rows: int, rounds: int) -> Path:
    """Print saving against the floor, interleaved; return the folder of the last snapshot."""
    ours: list[dict[str, float]] = []
    floor: list[dict[str, float]] = []
    kept: tempfile.TemporaryDirectory[str] | None = None
    for _ in range(rounds):
        one, folder = measured("polars", source)
        floor.append(one)
        folder.cleanup()
        if kept is not None:
            kept.cleanup()
        one, kept = measured("bedside", source)
        ours.append(one)
    ratios = [a["seconds"] / b["seconds"] for a, b in zip(ours, floor, strict=True)]
    print(f"saving {rows:,} events: encrypted, sorted, sharded / Polars sorted, plain, one file")
    print(
        f"  time ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"{median(o['seconds'] for o in ours):.1f} s against "
        f"{median(f['seconds'] for f in floor):.1f} s"
    )
    print(
        f"  peak memory {max(o['mib'] for o in ours):,.0f} MiB against "
        f"{max(f['mib'] for f in floor):,.0f} MiB"
    )
    assert kept is not None
    kept._finalizer.detach()  # type: ignore[attr-defined]
    return Path(kept.name)


def reading(folder: Path, rounds: int) -> None:
    """Print reading encrypted shards, and one patient, against the same rows in plain Parquet."""
    snapshot = open_store(folder).open("generated")
    plain = []
    for number in range(len(snapshot.manifest.shards)):
        path = folder / f"plain-{number}.parquet"
        snapshot.shard(number).write_parquet(path, compression_level=1, row_group_size=1 << 17)
        plain.append(path)
    ratios, subjects = [], snapshot.shard(0)["subject_id"].unique().sort()
    for number in [*range(len(plain))] * rounds:
        began = time.perf_counter()
        pl.read_parquet(plain[number])
        middle = time.perf_counter()
        snapshot.shard(number)
        ratios.append((time.perf_counter() - middle) / (middle - began))
    print(f"reading a shard: encrypted / plain Parquet: {median(ratios):.2f} "
          f"({min(ratios):.2f} to {max(ratios):.2f})")  # fmt: skip
    one, whole = [], []
    moment = SystemClock().now()
    for subject in subjects.gather_every(max(len(subjects) // (10 * rounds), 1)).to_list():
        began = time.perf_counter()
        list(snapshot.as_of(moment, subject_id=subject))
        middle = time.perf_counter()
        snapshot.shard(0)
        one.append(middle - began)
        whole.append(time.perf_counter() - middle)
    ratios = [a / b for a, b in zip(one, whole, strict=True)]
    print(
        f"one patient of {snapshot.manifest.subjects:,} as of a moment / one shard read whole: "
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}); "
        f"{1000 * median(one):.1f} ms"
    )


def recording(folder: Path) -> None:
    """Print durable lineage edges per second, against SQLite writing as many bare rows."""
    catalogue = SqlCatalogue(open_database(folder / "edges.sqlite"), writing=writing)
    source, output = Node(kind="raw", id="a" * 64), Node(kind="snapshot", id="b" * 64)
    edge = Edge(
        at="2026-03-01T00:00:00Z", job="collect", run="c" * 36, source=source, output=output
    )
    floor = open_database(folder / "floor.sqlite")
    row = "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?)"
    values = (edge.at, edge.job, edge.run, source.kind, source.id, output.kind, output.id)
    with writing(floor) as connection:
        connection.exec_driver_sql("CREATE TABLE rows (a, b, c, d, e, f, g)")
    ours, bare = [], []
    for _ in range(20):
        began = time.perf_counter()
        catalogue.record([edge] * 512)
        middle = time.perf_counter()
        with writing(floor) as connection:
            connection.exec_driver_sql(row, [values] * 512)
        ours.append(middle - began)
        bare.append(time.perf_counter() - middle)
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    print(
        f"recording 512 lineage edges in one durable commit / 512 bare rows: {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}); {512 / median(ours):,.0f} edges/s"
    )


def main() -> None:
    """Generate events, save them, read them, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=int, default=0, help="also save so many times the rows")
    parser.add_argument("--worker", nargs=3, metavar=("WHAT", "FOLDER", "SOURCE"))
    given = parser.parse_args()
    if given.worker:
        what, folder, source = given.worker
        worker(what, Path(folder), Path(source))
        return
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "events.parquet"
        generate(source, given.rows)
        folder = saving(source, given.rows, given.rounds)
        reading(folder, given.rounds)
        recording(folder)
        if given.scale:
            small, kept = measured("bedside", source)
            kept.cleanup()
            generate(source, given.rows * given.scale)
            large, kept = measured("bedside", source)
            kept.cleanup()
            print(
                f"{given.scale} times as many: {large['seconds'] / small['seconds']:.2f} "
                f"times the time, {large['mib']:,.0f} MiB against {small['mib']:,.0f} MiB"
            )


if __name__ == "__main__":
    main()
