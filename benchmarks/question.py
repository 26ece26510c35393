"""Questions over encrypted shards against Polars that reads them, and against es-aces 0.7."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import polars as pl

from bedside.cohorts.question import ask, columns_of, where_of
from bedside.core.records.question import (
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Window,
)
from features import (
    FULL,
    PEER_COLUMNS,
    SHARD_ROWS,
    computing_of_children,
    measured,
    peak_mib,
    save,
    spread,
    workspace,
)
from synthetic_events import EVENTS_PER_PATIENT, Hospital

INSTALL = """es-aces is not measured: it needs an environment of its own. Fix:
  python3.11 -m venv FOLDER && FOLDER/bin/pip install es-aces==0.7.3
  python benchmarks/question.py --aces-python FOLDER/bin/python"""
PREDICATES = {
    "admission": Predicate(code="HOSPITAL_ADMISSION//EMERGENCY"),
    "discharge": Predicate(code="HOSPITAL_DISCHARGE"),
    "death": Predicate(code="MEDS_DEATH"),
    "gone": Predicate(expr="or(discharge, death)"),
}
TASK = """predicates:
  admission: {code: HOSPITAL_ADMISSION//EMERGENCY}
  discharge: {code: HOSPITAL_DISCHARGE}
  death: {code: MEDS_DEATH}
  gone: {expr: "or(discharge, death)"}
trigger: admission
windows:
  input:
    {start: trigger, end: start + 24h, start_inclusive: true, end_inclusive: true,
     has: {gone: "(None, 0)"}, index_timestamp: end}
  target:
    {start: input.end, end: start + 48h, start_inclusive: false, end_inclusive: true, label: death}
"""
QUESTIONS = {
    "death within 48 h of admission + 24 h": Question(
        ask="Does the patient die in the 48 hours after the first 24?",
        predicates=PREDICATES,
        trigger="admission",
        windows={
            "input": Window(
                start="trigger", end="start + 24h", has={"gone": "(None, 0)"}, index_timestamp="end"
            ),
            "target": Window(
                start="input.end", end="start + 48h", start_inclusive=False, label="death"
            ),
        },
        prediction_times=PredictionTimes(seen="time"),
        data_end="2100-01-01T00:00:00Z",
    ),
    "death within 24 h, time at risk": Question(
        ask="At admission + 24 h: does the patient die within the next 24 hours?",
        predicates=PREDICATES,
        trigger="admission",
        windows={
            "input": Window(
                start="trigger", end="start + 24h", has={"gone": "(None, 0)"}, index_timestamp="end"
            )
        },
        time_at_risk=TimeAtRisk(outcome="death", end="24h", competing=("discharge",)),
    ),
    "each 6 h until they leave, time at risk": Question(
        ask="Each six hours of a stay: does the patient die within the next 24 hours?",
        predicates=PREDICATES,
        trigger="admission",
        prediction_times=PredictionTimes(every="6h", until="gone", at_most="60 d"),
        time_at_risk=TimeAtRisk(outcome="death", end="24h", competing=("discharge",)),
    ),
    "each hour until they leave, time at risk": Question(
        ask="Each hour of a stay: does the patient die within the next 24 hours?",
        predicates=PREDICATES,
        trigger="admission",
        prediction_times=PredictionTimes(every="1h", until="gone", at_most="60 d"),
        time_at_risk=TimeAtRisk(outcome="death", end="24h", competing=("discharge",)),
    ),
    "each 6 h, at least five moments of the record before": Question(
        ask="Each six hours, where enough is known: does the patient die within 24 hours?",
        predicates=PREDICATES,
        trigger="admission",
        windows={
            "input": Window(
                start=None, end="trigger", has={"_ANY_EVENT": "(5, None)"}, index_timestamp="end"
            )
        },
        prediction_times=PredictionTimes(every="6h", until="gone", at_most="60 d"),
        time_at_risk=TimeAtRisk(outcome="death", end="24h", competing=("discharge",)),
    ),
}
FLOORS = ("plain, four columns", "plain, its columns", "encrypted, its columns")


def worker(kind: str, folder: Path, name: str, shards: list[int]) -> None:
    """Do the shards once told to, and print what it took."""
    snapshot, question = workspace(folder).store.open("synthetic"), QUESTIONS[name]
    columns = columns_of(question)

    def once(numbers: list[int]) -> int:
        if kind.startswith("plain"):
            wanted = list(PEER_COLUMNS) if "four" in kind else columns
            files = (folder / "plain" / f"{number}.parquet" for number in numbers)
            return sum(pl.read_parquet(file, columns=wanted).height for file in files)
        if kind.startswith("encrypted"):
            return sum(snapshot.shard(number, columns).height for number in numbers)
        where = where_of(question)
        return ask(question, (snapshot.shard(one, columns, where) for one in numbers)).rows.height

    once(shards[:1])
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    told = {"values": once(shards)}
    told["seconds"] = time.perf_counter() - began
    told["cpu"] = time.process_time() - cpu
    print(json.dumps(told | {"mib": peak_mib()}))


def against_floors(folder: Path, shards: int, rounds: int) -> None:
    """Print each question against each floor, interleaved."""
    for name in QUESTIONS:
        told: dict[str, list[dict[str, float]]] = {kind: [] for kind in (*FLOORS, "ask")}
        for _ in range(rounds):
            for kind, runs in told.items():
                runs.append(
                    measured(kind, folder, workers=1, shards=shards, codes=name, script=__file__)
                )
        ours = told["ask"]
        print(
            f"  {name}: {ours[0]['values']:,.0f} rows, "
            f"{median(one['seconds'] for one in ours):.2f} s, "
            f"{max(one['mib'] for one in ours):,.0f} MiB"
        )
        for kind in FLOORS:
            line = f"    against {kind:<24}"
            for what in ("seconds", "cpu"):
                pairs = zip(ours, told[kind], strict=True)
                line += f" {'time' if what == 'seconds' else 'computing'} "
                line += spread([a[what] / b[what] for a, b in pairs])
            print(line)


def aces(folder: Path, python: Path) -> tuple[float, pl.DataFrame]:
    """Seconds of a fresh process with a fresh configuration, and its rows."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        cohort = Path(name)
        (cohort / "death.yaml").write_text(TASK)
        shards = ",".join(f"train/{path.stem}" for path in (folder / "meds/train").iterdir())
        words = [
            f"cohort_dir={cohort}",
            "cohort_name=death",
            "data=sharded",
            "data.standard=meds",
            f"data.root={folder / 'meds'}",
            f"data.shard={shards}",
            "--multirun",
        ]
        began = time.perf_counter()
        done = subprocess.run(
            [python.parent / "aces-cli", *words], capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"es-aces failed:\n{done.stderr[-2000:]}")
        return seconds, pl.read_parquet(cohort / "death/**/*.parquet")


def against_aces(folder: Path, python: Path, patients: int, rounds: int) -> None:
    """Print the time against es-aces on the same events, and whether the rows are the same."""
    hospital = Hospital(patients=patients, known_at_once=True)
    snapshot = save(folder, hospital.batches(), hospital.asked, SHARD_ROWS)
    (folder / "meds/train").mkdir(parents=True)
    for number in range(len(snapshot.manifest.shards)):
        snapshot.shard(number).select(
            "subject_id",
            pl.col("time").dt.replace_time_zone(None),
            pl.col("code").cast(pl.String),
            pl.col("value").cast(pl.Float32).alias("numeric_value"),
            pl.col("text").alias("text_value"),
        ).write_parquet(folder / "meds/train" / f"{number}.parquet")
    name, told = next(iter(QUESTIONS)), []
    shards = len(snapshot.manifest.shards)
    for _ in range(rounds):
        before = computing_of_children()
        seconds, theirs = aces(folder, python)
        between = computing_of_children()
        ours = measured("ask", folder, workers=1, shards=shards, codes=name, script=__file__)
        used = computing_of_children() - between
        told.append((seconds, ours["whole"], (between - before) / used))
    question = QUESTIONS[name]
    cohort = ask(question, snapshot.shards(columns_of(question), where_of(question)))
    moment = pl.col("prediction_time").dt.replace_time_zone(None)
    mine = cohort.rows.select("subject_id", moment, (pl.col("label") == 1).alias("boolean_value"))
    same = mine.sort(mine.columns).equals(theirs.select(mine.columns).sort(mine.columns))
    print(
        f"{snapshot.manifest.rows:,} events, '{name}': es-aces / ours, fresh processes: "
        f"{spread([one[0] / one[1] for one in told])}; "
        f"{median(one[0] for one in told):.1f} s against {median(one[1] for one in told):.1f} s; "
        f"computing {spread([one[2] for one in told])}; {theirs.height:,} and {mine.height:,} "
        f"rows, {'the same' if same else 'NOT the same'}"
    )


def main() -> None:
    """Make the hospital, ask, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=6_500_000)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} events")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="a hospital that features.py kept")
    parser.add_argument("--aces-events", type=int, default=2_000_000)
    parser.add_argument("--aces-python", type=Path, default=os.environ.get("BEDSIDE_ACES_PYTHON"))
    parser.add_argument("--worker", nargs=4, metavar=("KIND", "FOLDER", "QUESTION", "SHARDS"))
    given = parser.parse_args()
    if given.worker:
        kind, folder, name, shards = given.worker
        worker(kind, Path(folder), name, json.loads(shards))
        return
    events = FULL if given.full else given.events
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name) / "hospital"
        if not (folder / "asked.parquet").exists():
            hospital = Hospital(patients=events // EVENTS_PER_PATIENT)
            save(folder, hospital.batches(), hospital.asked, SHARD_ROWS)
        manifest = workspace(folder).store.open("synthetic").manifest
        print(f"{manifest.rows:,} events of {manifest.subjects:,} patients, one thread:")
        against_floors(folder, len(manifest.shards), given.rounds)
        if given.aces_python is None:
            print(INSTALL)
        else:
            patients = given.aces_events // EVENTS_PER_PATIENT
            against_aces(Path(name) / "aces", Path(given.aces_python), patients, given.rounds)


if __name__ == "__main__":
    main()
