"""Features from encrypted shards against Polars that reads the same shards and does nothing."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.store.layout import buckets
from bedside.data.store.snapshot import Snapshot
from bedside.features.batch import rows_of, sparse_features_at
from bedside.features.definition import Feature, FeatureSet, feature_set_to_json
from bedside.infra.engines.local import LocalEngine, thread_limits
from bedside.lifecycle.cohort import rows_by_shard
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_snapshot
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from synthetic_events import EVENTS_PER_PATIENT, Hospital, asked_codes, commonest_codes

FULL = 65_000_000
SHARD_ROWS = 330_000
PEER_COLUMNS = ("subject_id", "time", "code", "value")
COLUMNS = (
    "subject_id",
    "time",
    "known_at",
    "end",
    "code",
    "value",
    "text",
    "source_row",
    "replaces",
)
AGGREGATES = ("count", "last", "min", "max", "mean", "sum", "sd", "hours_since")
WINDOWS = (6.0, 24.0, 168.0, None)
KINDS = {
    "plain, four columns": "Polars reads plain Parquet: subject_id, time, code, value",
    "plain": f"Polars reads plain Parquet: {', '.join(COLUMNS)}",
    "encrypted": "the store opens, checks and decodes the same nine columns",
    "features": "200 codes x 4 windows x 8 aggregates from the encrypted shards, sparse",
}


def features_of(codes: tuple[str, ...]) -> FeatureSet:
    """Every aggregate of every code over every window."""
    return FeatureSet(
        features=tuple(
            Feature(
                name=f"{code}.{aggregate}.{hours}",
                signal=code,
                codes=(code,),
                label=code,
                aggregate=aggregate,
                window_hours=hours,
                unit="1",
            )
            for code in codes
            for aggregate in AGGREGATES
            for hours in WINDOWS
        )
    )


def workspace(folder: Path) -> Platform:
    """A real workspace: key file, database, encrypted blobs."""
    return open_workspace(folder, actor=actor_of(None, "benchmark"), progress=LineProgress())


def save(
    folder: Path, batches: Iterable[pl.DataFrame], asked: pl.DataFrame, shard_rows: int
) -> Snapshot:
    """A snapshot of encrypted shards, each of them again as plain Parquet, and the asked rows."""
    platform = workspace(folder)
    store = replace(platform.store, target=shard_rows)
    file = RawFile(digest="0" * 64, name="made up", unit="row", rows=0, subject="patient")
    snapshot = store.save(
        "synthetic",
        batches,
        zone=Zone.IDENTIFIED,
        release_mode="identified",
        salt="benchmark",
        sources=[file],
    )
    (folder / "plain").mkdir()
    for number in range(len(snapshot.manifest.shards)):
        snapshot.shard(number).write_parquet(
            folder / "plain" / f"{number}.parquet", compression_level=1, row_group_size=1 << 17
        )
    last = [shard.last_bucket for shard in snapshot.manifest.shards]
    shard = pl.Series("shard", np.searchsorted(last, buckets(asked["subject_id"])))
    in_order = asked.with_columns(shard).sort("shard", "subject_id", "prediction_time")
    in_order.drop("shard").write_parquet(folder / "asked.parquet")
    return snapshot


def worker(kind: str, folder: Path, codes: str, numbers: list[int]) -> None:
    """Do the shards once told to, and print what it took and what came out."""
    snapshot = workspace(folder).store.open("synthetic")
    asked = pl.read_parquet(folder / "asked.parquet")
    rows = rows_by_shard(snapshot, asked)
    feature_set = features_of((asked_codes if codes == "spread" else commonest_codes)(200))
    needed = rows_of(feature_set)

    def once(number: int, limit: int | None = None) -> int:
        if kind.startswith("plain"):
            columns = list(PEER_COLUMNS if kind == "plain, four columns" else COLUMNS)
            return pl.read_parquet(folder / "plain" / f"{number}.parquet", columns=columns).height
        if kind == "encrypted":
            return snapshot.shard(number, COLUMNS).height
        start, end = rows[number]
        mine = asked[start : end if limit is None else start + limit]
        read = partial(snapshot.shard, number, where=needed)
        return len(sparse_features_at(feature_set, read, mine).value)

    once(numbers[0], 20)  # libraries are loaded, code is compiled
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    values = sum(once(number) for number in numbers)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - began,
                "cpu": time.process_time() - cpu,
                "mib": peak_mib(),
                "values": values,
            }
        )
    )


def computing_of_children() -> float:
    """Seconds of computing of every process that was started here and has ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def peak_mib() -> float:
    """The most memory that this process has held, in MiB (not what its parent had before it)."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def measured(
    kind: str,
    folder: Path,
    *,
    workers: int,
    shards: int,
    codes: str = "spread",
    script: str = __file__,
) -> dict[str, float]:
    """Several fresh processes of one thread each, set off together; wall time and memory of all."""
    command = [sys.executable, script, "--worker", kind, str(folder), codes]
    began = time.perf_counter()
    crew = [
        subprocess.Popen(
            [*command, json.dumps(list(range(number, shards, workers)))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | thread_limits(1),
        )
        for number in range(workers)
    ]
    for one in crew:
        assert one.stdout is not None
        if one.stdout.readline() != "ready\n":
            raise RuntimeError(f"The worker for '{kind}' failed.")
    started, told = time.perf_counter(), []
    for one in crew:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in crew:
        told.append(json.loads(one.communicate()[0]))
    ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "whole": ended - began,
        "cpu": sum(one["cpu"] for one in told),
        "mib": sum(one["mib"] for one in told),
        "values": sum(one["values"] for one in told),
    }


def spread(numbers: list[float]) -> str:
    """Median and range."""
    return f"{median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f})"


def compare(folder: Path, shards: int, rounds: int, workers: int, codes: str) -> None:
    """Print features against each floor, interleaved."""
    told: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    for _ in range(rounds):
        for kind in KINDS:
            told[kind].append(measured(kind, folder, workers=workers, shards=shards, codes=codes))
    ours = told["features"]
    print(f"  {workers} worker(s), one thread each:")
    for kind in KINDS:
        seconds, cpu = (median(one[what] for one in told[kind]) for what in ("seconds", "cpu"))
        line = f"    {kind:<20} {seconds:7.2f} s, {cpu:7.2f} s of computing, "
        line += f"{max(one['mib'] for one in told[kind]):,.0f} MiB"
        if kind != "features":
            for what, word in (("seconds", "this"), ("cpu", "its computing")):
                pairs = zip(ours, told[kind], strict=True)
                line += f"; features / {word}: {spread([a[what] / b[what] for a, b in pairs])}"
        print(line)
    print(
        f"    {ours[0]['values']:,.0f} values were handed on; with the start of the processes "
        f"{median(one['whole'] for one in ours):.2f} s"
    )


def linearity(folder: Path, shards: int, rounds: int, workers: int) -> None:
    """Print how the time grows with the events."""
    parts = (max(shards // 4, 1), max(shards // 2, 1), shards)
    told: dict[int, list[dict[str, float]]] = {part: [] for part in parts}
    for _ in range(rounds):
        for part in parts:
            told[part].append(measured("features", folder, workers=workers, shards=part))
    for what, word in (("seconds", "time"), ("cpu", "computing")):
        each = [median(one[what] for one in told[part]) / part for part in parts]
        print(
            f"  {word} for a shard, in a quarter, a half and all of them / in all: "
            + ", ".join(f"{one / each[-1]:.2f}" for one in each)
        )


def on_engines(folder: Path, tests: Path) -> None:
    """Print whether one process, two, and two nodes of Ray give the same bytes, and how soon."""
    sys.path.insert(0, str(tests))
    from ray_cluster import start_ray_cluster  # noqa: PLC0415

    hospital = Hospital(patients=2_000)
    save(folder / "workspace", hospital.batches(), hospital.asked, 60_000)
    platform = workspace(folder / "workspace")
    snapshot = platform.store.open("synthetic")
    asked = platform.objects.put((folder / "workspace/asked.parquet").read_bytes())
    told = feature_set_to_json(features_of(asked_codes(20)))
    cluster = start_ray_cluster(folder)
    try:
        matrices = {}
        for name, engine in (
            ("one process", LocalEngine(1)),
            ("two processes", LocalEngine(2)),
            ("two nodes of Ray", cluster.engine()),
        ):
            there = replace(platform, engine=engine)
            features_of_snapshot(there, snapshot, asked, told, lambda _: None)
            began = time.perf_counter()
            matrices[name] = features_of_snapshot(there, snapshot, asked, told, lambda _: None)
            print(f"  {name}: {time.perf_counter() - began:.2f} s")
            engine.close()
    finally:
        cluster.stop()
    same = len({matrix.tobytes() for matrix in matrices.values()}) == 1
    print(
        f"  {len(snapshot.manifest.shards)} shards, dense, sealed between: "
        f"{'the same' if same else 'NOT the same'} bytes"
    )


def main() -> None:
    """Make the hospital, measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=6_500_000)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shard-rows", type=int, default=SHARD_ROWS)
    parser.add_argument("--folder", type=Path, help="keep the hospital here, or use it again")
    parser.add_argument("--codes", choices=("spread", "commonest"), default="spread")
    parser.add_argument("--ray", action="store_true", help="also on a Ray cluster of two nodes")
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "FOLDER", "CODES", "SHARDS"))
    given = parser.parse_args()
    if given.worker:
        kind, folder, codes, numbers = given.worker
        worker(kind, Path(folder), codes, json.loads(numbers))
        return
    events = FULL if given.full else given.events
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        if not (folder / "asked.parquet").exists():
            hospital = Hospital(patients=events // EVENTS_PER_PATIENT)
            save(folder, hospital.batches(), hospital.asked, given.shard_rows)
        manifest = workspace(folder).store.open("synthetic").manifest
        shards = len(manifest.shards)
        asked = pl.scan_parquet(folder / "asked.parquet").select(pl.len()).collect().item()
        print(
            f"{manifest.rows:,} events of {manifest.subjects:,} patients in {shards} shards, "
            f"{asked:,} prediction times"
        )
        for workers in (1, 2):
            compare(folder, shards, given.rounds, workers, given.codes)
        linearity(folder, shards, given.rounds, 2)
        if given.ray:
            place = Path(name) / "ray"
            place.mkdir()
            on_engines(place, Path(__file__).parents[1] / "tests")


if __name__ == "__main__":
    main()
