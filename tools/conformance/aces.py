"""`make conformance-aces`: our answers to tasks of ACES beside those of es-aces itself.

python -m conformance.aces DATA --python .venv-aces/bin/python [--drawn COUNT]
"""

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from bedside.cohorts.question import ask
from bedside.core.errors import Invalid
from bedside.core.records.question import PredictionTimes, Question
from bedside.interop.aces import read_aces
from conformance.aces_drawn import drawn_tasks, made_up

__all__ = [
    "ASKED_AGAIN",
    "PEER",
    "Compared",
    "Job",
    "again",
    "compared",
    "jobs_of",
    "main",
    "words",
]

HERE = Path(__file__).resolve().parent
PEER = HERE.parents[1] / ".venv-aces" / "bin" / "python"

AT_ONCE = "asked at once: one row of ours, of the latest trigger"
SWAPPED = "the start and the end of a window that runs back are swapped in es-aces"
ASKED_AGAIN = ("made up: imminent_mortality", "made up: inhospital_mortality")
EXPLAINED = frozenset({AT_ONCE, SWAPPED})
"""Reasons that docs/reference/question.md gives under "Against es-aces"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task on one data set (MEDS); `times` queries of one loaded configuration."""

    name: str
    task: bytes
    data: pl.DataFrame
    times: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How both answered one task.

    Attributes:
        theirs: Rows of es-aces that have a trigger.
        empty: Rows of es-aces without a trigger, for edges that were not found.
        ours: Our rows.
        alike: Rows of both with the same subject, trigger, time and, where known, label.
        unknown: Of those, rows whose label we call unknown and es-aces 0.
        reasons: How many rows differ, by the reason.
        failed: What es-aces says when it does not answer.
    """

    name: str
    theirs: int = 0
    empty: int = 0
    ours: int = 0
    alike: int = 0
    unknown: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    failed: str = ""

    @property
    def unexplained(self) -> dict[str, int]:
        """The differences that the manual gives no reason for."""
        if self.failed:
            return {self.failed: 1}
        return {reason: n for reason, n in self.reasons.items() if reason not in EXPLAINED}


def meds(data: pl.DataFrame) -> pl.DataFrame:
    """Events in the columns of MEDS, by subject and time."""
    named = data.rename({"value": "numeric_value"}, strict=False)
    number = pl.col("numeric_value").cast(pl.String).cast(pl.Float64)  # 1.2 stays 1.2
    return named.select(
        pl.col("subject_id").cast(pl.Int64),
        pl.col("time").cast(pl.Datetime("us")),
        pl.col("code").cast(pl.String),
        number,
    ).sort("subject_id", "time", nulls_last=False, maintain_order=True)


def events_of(data: pl.DataFrame) -> pl.DataFrame:
    """The event table of MEDS: everything is known when it happens."""
    time = pl.col("time").dt.replace_time_zone("UTC")
    nothing = pl.lit(None)
    return data.with_row_index("row").select(
        "subject_id",
        time.alias("time"),
        pl.coalesce(time, time.min()).alias("known_at"),
        nothing.cast(pl.Datetime("us", "UTC")).alias("end"),
        pl.col("code").cast(pl.Categorical),
        pl.col("numeric_value").alias("value"),
        nothing.cast(pl.Categorical).alias("unit"),
        nothing.cast(pl.String).alias("text"),
        nothing.cast(pl.Int64).alias("encounter_id"),
        pl.col("row").cast(pl.String).cast(pl.Binary).alias("source_row"),
        nothing.cast(pl.Binary).alias("replaces"),
    )


def jobs_of(data: Path, *, drawn: int = 40) -> list[Job]:
    """Every task on every data set that is there.

    Args:
        data: The folder that holds `aces-meds-samples` and `mimic-iv-demo-meds`.
        drawn: How many tasks are drawn at random, besides those that others wrote.

    Raises:
        FileNotFoundError: a data set is absent.
    """
    samples = data / "aces-meds-samples"
    mimic = data / "mimic-iv-demo-meds" / "mimic_iv_demo_meds_events.parquet"
    for path in (samples, mimic):
        if not path.exists():
            raise FileNotFoundError(f"There is no {path}.")
    shards = sorted((samples / "meds_sample").rglob("*.parquet"))
    sample = meds(pl.concat([pl.read_parquet(path) for path in shards], how="diagonal_relaxed"))
    tasks = sorted((samples / "sample_configs").glob("*.yaml"))
    shaped = meds(made_up(subjects=300, seed=7))
    small = meds(made_up(subjects=60, seed=11))
    demo = meds(pl.read_parquet(mimic))
    ours = sorted((HERE / "aces_tasks").glob("*.yaml"))
    found = [
        Job(name=f"{kind}: {path.stem}", task=path.read_bytes(), data=table)
        for kind, table, paths in (
            ("sample", sample, tasks),
            ("made up", shaped, tasks),
            ("MIMIC-IV demo", demo, ours),
        )
        for path in paths
    ]
    found += [
        Job(name=f"drawn {number}", task=task, data=small)
        for number, task in enumerate(drawn_tasks(drawn, seed=3))
    ]
    return found


def compared(jobs: Sequence[Job], python: Path = PEER) -> list[Compared]:
    """Have both answer every job, and set the rows side by side."""
    with tempfile.TemporaryDirectory() as folder:
        answers = _theirs(jobs, python, Path(folder))
        return [
            _beside(job, told) if isinstance(told, list) else Compared(name=job.name, failed=told)
            for job, told in zip(jobs, answers, strict=True)
        ]


def again(job: Job, python: Path = PEER, *, times: int = 3) -> tuple[list[int], list[int]]:
    """How many rows of the second and later queries are not those of the first: theirs, ours."""
    more = Job(name=job.name, task=job.task, data=job.data, times=times)
    with tempfile.TemporaryDirectory() as folder:
        (told,) = _theirs([more], python, Path(folder))
    if isinstance(told, str):
        raise RuntimeError(told)
    question, events = read_aces(job.task), events_of(job.data)
    own = [_ours(question, events) for _ in range(times)]
    return [_changed(told[0], one) for one in told[1:]], [_changed(own[0], one) for one in own[1:]]


def _changed(first: pl.DataFrame, other: pl.DataFrame) -> int:
    """Rows of the first that the other has not, the label included."""
    return first.join(other, on=first.columns, how="anti", nulls_equal=True).height


def _theirs(jobs: Sequence[Job], python: Path, folder: Path) -> list[list[pl.DataFrame] | str]:
    """The answers of es-aces in one process, each from a configuration of its own."""
    asked, written = [], dict[int, str]()
    for number, job in enumerate(jobs):
        task = folder / f"{number}.yaml"
        task.write_bytes(job.task)
        if id(job.data) not in written:
            written[id(job.data)] = str(folder / f"data_{number}.parquet")
            job.data.write_parquet(written[id(job.data)])
        files = [str(folder / f"{number}_{time}.parquet") for time in range(job.times)]
        asked.append({"task": str(task), "data": written[id(job.data)], "answers": files})
    (folder / "jobs.json").write_text(json.dumps(asked))
    subprocess.run(  # noqa: S603 - our own script, files that we wrote
        [str(python), "-I", str(HERE / "aces_peer.py"), str(folder / "jobs.json")],
        check=True,
        capture_output=True,
    )
    return [_told([Path(file) for file in one["answers"]]) for one in asked]


def _told(files: list[Path]) -> list[pl.DataFrame] | str:
    error = files[0].with_suffix(".error")
    if error.exists():
        return error.read_text()
    return [pl.read_parquet(file) for file in files]


def _ours(question: Question, events: pl.DataFrame) -> pl.DataFrame:
    """Our rows in the columns of es-aces; the label is null where it is not known.

    MEDS knows one time of an event, so the prediction waits for nothing.
    """
    question = replace(question, prediction_times=PredictionTimes(seen="time"))
    try:
        rows = ask(question, events).rows
    except Invalid as error:
        if "No subject has" not in error.problem:
            raise
        rows = _nobody()
    time = pl.col("trigger_time", "prediction_time").dt.replace_time_zone(None)
    if not any(window.label for window in question.windows.values()):
        rows = rows.with_columns(pl.lit(None, dtype=pl.Int64).alias("label"))
    return rows.with_columns(time).select(
        "subject_id",
        pl.col("trigger_time").alias("trigger"),
        pl.col("prediction_time").alias("index_timestamp"),
        "label",
    )


def _nobody() -> pl.DataFrame:
    """The rows of a question whose trigger nobody has."""
    stamp = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        schema={"subject_id": pl.Int64, "trigger_time": stamp, "prediction_time": stamp,
                "label": pl.Int64}
    )  # fmt: skip


def _beside(job: Job, told: list[pl.DataFrame]) -> Compared:
    question = read_aces(job.task)
    ours = _ours(question, events_of(job.data))
    answer = _in_our_columns(told[0], ours)
    theirs = answer.filter(pl.col("trigger").is_not_null())
    index = next((w.index_timestamp for w in question.windows.values() if w.index_timestamp), None)
    side = {"start": "first", "end": "last"}.get(index or "", "index_timestamp")
    right = theirs.with_columns(pl.col(side).alias("right"))
    keys = ["subject_id", "trigger"]
    both = right.join(ours, on=keys, how="inner", suffix="_ours")
    only_theirs = right.join(ours, on=keys, how="anti")
    at_once = only_theirs.join(
        ours,
        left_on=["subject_id", "right"],
        right_on=["subject_id", "index_timestamp"],
        how="semi",
    )
    same = both.filter(pl.col("right") == pl.col("index_timestamp_ours"))
    label, own = pl.col("label"), pl.col("label_ours")
    alike = same.filter((label == own) | (label.is_null() & own.is_null()))
    unknown = same.filter((label == 0) & own.is_null())
    reasons = {
        AT_ONCE: at_once.height,
        SWAPPED: both.filter(pl.col("right") != pl.col("index_timestamp")).height,
        "a row that we have not": only_theirs.height - at_once.height,
        "a row that es-aces has not": ours.join(theirs, on=keys, how="anti").height,
        "another prediction time": both.height - same.height,
        "another label": same.height - alike.height - unknown.height,
    }
    return Compared(
        name=job.name,
        theirs=theirs.height,
        empty=answer.height - theirs.height,
        ours=ours.height,
        alike=alike.height,
        unknown=unknown.height,
        reasons={reason: count for reason, count in reasons.items() if count},
    )


def _in_our_columns(told: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """The rows of es-aces with every column, the label as 0 or 1."""
    if "trigger" not in told.columns:
        return ours.clear().with_columns(
            pl.col("trigger").alias("first"), pl.col("trigger").alias("last")
        )
    trigger = pl.col("trigger")
    absent = {
        name: trigger for name in ("index_timestamp", "first", "last") if name not in told.columns
    }
    label = (pl.col("label") > 0).cast(pl.Int64) if "label" in told.columns else pl.lit(None)
    return told.with_columns(**absent, label=label.cast(pl.Int64))


def words(found: Sequence[Compared]) -> str:
    """The table, and below it the tasks that differ."""
    head = f"{'task':<42} {'es-aces':>8} {'ours':>8} {'alike':>8} {'unknown':>8} {'empty':>6}"
    lines = [head]
    for one in found:
        if one.failed:
            lines.append(f"{one.name:<42} es-aces: {one.failed[:60]}")
            continue
        lines.append(
            f"{one.name:<42} {one.theirs:>8} {one.ours:>8} {one.alike:>8} {one.unknown:>8} "
            f"{one.empty:>6}"
        )
        lines += [f"    {count} × {reason}" for reason, count in one.reasons.items()]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how both answer; 1 where they differ for no reason that the manual gives."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="the folder of the public data sets")
    parser.add_argument("--python", type=Path, default=PEER, help="a Python that has es-aces")
    parser.add_argument("--drawn", type=int, default=40, help="how many tasks are drawn")
    given = parser.parse_args(arguments)
    try:
        jobs = jobs_of(given.data, drawn=given.drawn)
    except FileNotFoundError as error:
        print(f"{error} Fix: give the folder of the public data sets.")
        return 2
    found = compared(jobs, given.python)
    print(words(found))
    print("\nRows that change when one loaded task is asked a second and a third time:")
    for job in jobs:
        if job.name in ASKED_AGAIN:
            theirs, ours = again(job, given.python)
            print(f"{job.name:<42} es-aces {theirs}, ours {ours}")
    unexplained = [one for one in found if one.unexplained]
    print(f"\nUnexplained: {len(unexplained)}.")
    return 1 if unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
