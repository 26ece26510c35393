"""Features of 1,000 patients against meds-tab 0.2, compared number by number."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

from bedside.features.batch import sparse_features_at
from features import AGGREGATES, computing_of_children, features_of, save, spread, workspace
from synthetic_events import Hospital, asked_codes

WINDOWS = {"6h": "6.0", "24h": "24.0", "7d": "168.0", "full": "None"}
THEIRS = ("code/count", "value/count", "value/sum", "value/sum_sqd", "value/min", "value/max")
NEAR = 2e-5  # they compute in 32 bits
INSTALL = """meds-tab is not measured: it needs an environment of its own. Fix:
  python3.11 -m venv FOLDER && FOLDER/bin/pip install meds-tab==0.2.0
  python benchmarks/meds_tab.py --meds-tab-python FOLDER/bin/python"""
# As released, 0.2.0 looks for the codes of values by the names of its columns ('X/value'), finds
# none, and writes an empty matrix for every aggregate of values; it leaves out the last event of
# each moment, so that what happened alone is not seen; and it writes each least and greatest value
# to the first row. These three lines are what differs.
REPAIR = """
import inspect
from MEDS_tabular_automl import generate_summarized_reps as summary, generate_ts_features as series
def repair(module, name, line, instead):
    source = inspect.getsource(getattr(module, name))
    assert source.count(line) == 1
    exec(source.replace(line, instead), vars(module))
repair(series, "get_long_value_df", '.is_in(ts_columns)', '.is_in(list(column_to_int))')
last = 'pl.col("index").max().alias("max_index")'
repair(summary, "compute_agg", last, '(pl.col("index").max() + 1).alias("max_index")')
here = 'row.append(np.full(len(agg_matrix.col), i, dtype=np.int32))'
repair(summary, "aggregate_matrix", 'row.append(agg_matrix.row)', here)
"""


def prepare(folder: Path, patients: int) -> None:
    """The same events in an encrypted snapshot and as one MEDS shard, and the asked moments.

    meds-tab knows no `known_at` and no correction, counts the moments of a code and not its events,
    and ends each window at the last event before the label. So each fact is known at once here,
    nothing is corrected, a code occurs once at a moment, and each asked moment is that of an event.
    """
    hospital = Hospital(patients=patients, known_at_once=True)
    events = (
        pl.concat(list(hospital.batches()))
        .filter(pl.col("replaces").is_null())
        .sort("subject_id", "time", "code", "source_offset")
        .unique(["subject_id", "time", "code"], keep="first", maintain_order=True)
        .with_columns(pl.col("value").cast(pl.Float32).cast(pl.Float64))
    )
    inside = pl.col("code").cast(pl.String).is_in(list(asked_codes()))
    moments = events.filter(inside & pl.col("time").is_not_null())
    asked = (
        hospital.asked.sort("prediction_time")
        .join_asof(
            moments.select("subject_id", "time", pl.col("time").alias("moment")).sort("time"),
            left_on="prediction_time",
            right_on="time",
            by="subject_id",
            check_sortedness=False,
        )
        .select("subject_id", pl.col("moment").alias("prediction_time"))
        .drop_nulls()
        .unique()
        .sort("subject_id", "prediction_time")
    )
    save(folder / "workspace", [events], asked, 1_000_000)
    for name in ("data/train", "labels/train"):
        (folder / name).mkdir(parents=True)
    events.select(
        "subject_id",
        pl.col("time").dt.replace_time_zone(None),
        pl.col("code").cast(pl.String),
        pl.col("value").cast(pl.Float32).alias("numeric_value"),
    ).write_parquet(folder / "data/train/0.parquet")
    asked.select(
        "subject_id",
        pl.col("prediction_time").dt.replace_time_zone(None),
        pl.lit(value=False).alias("boolean_value"),
    ).write_parquet(folder / "labels/train/0.parquet")


def peer(folder: Path, python: Path, *, repaired: bool) -> float:
    """Seconds of its three commands, each in a fresh process; its matrices lie in `folder/out`."""
    out = folder / ("repaired" if repaired else "released")
    both = [f"input_dir={folder / 'data'}", f"output_dir={out}"]
    names = [f"'{code}/{kind}'" for code in asked_codes() for kind in ("code", "value")]
    tabularize = [
        *both,
        f"input_code_metadata_fp={out / 'metadata/codes.parquet'}",
        f"tabularization.filtered_code_metadata_fp={out / 'asked.parquet'}",
        f"tabularization.allowed_codes=[{','.join(names)}]",
        "tabularization.min_code_inclusion_count=1",
        f"tabularization.window_sizes=[{','.join(WINDOWS)}]",
        f"tabularization.aggs=[{','.join(THEIRS)}]",
    ]
    labels = f"input_label_dir={folder / 'labels'}"
    began = time.perf_counter()
    for script, words in (
        ("describe_codes", both),
        ("tabularize_static", tabularize),
        ("tabularize_time_series", [*tabularize, labels]),
    ):
        program = f"from MEDS_tabular_automl.scripts.{script} import main; main()"
        done = subprocess.run(
            [python, "-c", (REPAIR if repaired else "") + program, *words],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"meds-tab failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def theirs(out: Path) -> pl.DataFrame:
    """Its numbers: row, code, window, aggregate, value."""
    columns = pl.read_parquet(out / "asked.parquet")["code"].sort().to_list()
    parts = []
    for window in WINDOWS:
        for aggregate in THEIRS:
            kind = aggregate.partition("/")[0]
            named = [name.rpartition("/")[0] for name in columns if name.endswith(f"/{kind}")]
            value, row, column = np.load(out / f"tabularize/train/0/{window}/{aggregate}.npz")[
                "array"
            ]
            parts.append(
                pl.DataFrame(
                    {
                        "row": row.astype(np.int64),
                        "code": pl.Series(named).gather(pl.Series(column.astype(np.int64))),
                        "value": value.astype(np.float64),
                    }
                ).with_columns(window=pl.lit(window), aggregate=pl.lit(aggregate))
            )
    return pl.concat(parts)


def worker(folder: Path) -> None:
    """All features in this fresh process, from the encrypted shards; the values go to a file."""
    snapshot = workspace(folder / "workspace").store.open("synthetic")
    asked = pl.read_parquet(folder / "workspace/asked.parquet")
    feature_set = features_of(asked_codes())
    assert len(snapshot.manifest.shards) == 1
    found = sparse_features_at(feature_set, partial(snapshot.shard, 0), asked)
    print("done", flush=True)
    sys.stdin.readline()
    np.savez(folder / "ours.npz", row=found.row, column=found.column, value=found.value)


def ours(folder: Path) -> float:
    """Seconds from the start of a fresh process until it holds every value."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, __file__, "--worker", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "done\n":
        raise RuntimeError("The worker failed.")
    seconds = time.perf_counter() - began
    process.communicate("go\n")
    return seconds


def our_numbers(folder: Path) -> pl.DataFrame:
    """Our numbers under the names of theirs; a sum of squares comes from deviation and mean."""
    found, names = np.load(folder / "ours.npz"), features_of(asked_codes()).names
    told = (
        pl.DataFrame({name: found[name] for name in ("row", "column", "value")})
        .with_columns(pl.Series(names).gather(pl.Series(found["column"])).alias("name"))
        .select(
            "row", "value", pl.col("name").str.extract_groups(r"^(.+)\.([a-z_]+)\.(\d+\.0|None)$")
        )
        .unnest("name")
        .rename({"1": "code", "2": "aggregate", "3": "hours"})
    )
    window = {hours: name for name, hours in WINDOWS.items()}
    wide = (
        told.with_columns(pl.col("hours").replace_strict(window).alias("window"))
        .filter(pl.col("aggregate") != "hours_since")
        .pivot(on="aggregate", index=["row", "code", "window"], values="value")
    )
    assert set(AGGREGATES) >= {"count", "sum", "sd", "min", "max"}
    squares = (pl.col("count") - 1) * pl.col("sd").fill_nan(0).fill_null(0) ** 2
    measured = ~pl.col("code").str.starts_with("ICD10CM//")
    return wide.select(
        "row",
        "code",
        "window",
        pl.col("count").alias("code/count"),
        pl.when(measured).then("count").alias("value/count"),
        pl.when(measured).then("sum").alias("value/sum"),
        pl.when(measured)
        .then(squares + pl.col("sum") ** 2 / pl.col("count"))
        .alias("value/sum_sqd"),
        pl.when(measured).then("min").alias("value/min"),
        pl.when(measured).then("max").alias("value/max"),
    ).unpivot(index=["row", "code", "window"], variable_name="aggregate", value_name="ours")


def compare(folder: Path, out: Path) -> None:
    """Print how many cells are equal, of all that either holds."""
    mine = our_numbers(folder).drop_nulls("ours")
    every = mine.join(
        theirs(out), on=["row", "code", "window", "aggregate"], how="full", coalesce=True
    )
    near = (pl.col("ours") - pl.col("value")).abs() <= NEAR * pl.col("ours").abs()
    zero = pl.col("value").is_null() & (pl.col("ours") > 0)
    told = every.group_by("aggregate").agg(
        pl.len(),
        near.fill_null(value=False).sum().alias("equal"),
        zero.sum().alias("zero there"),
        pl.col("ours").is_null().sum().alias("only there"),
    )
    for aggregate, cells, equal, absent, more in told.sort("aggregate").iter_rows():
        print(
            f"  {aggregate:<14} {cells:>8,} cells: {equal / cells:8.3%} equal, "
            f"{absent / cells:8.3%} zero there, {more:,} only there, "
            f"{cells - equal - absent - more:,} otherwise different"
        )
    once = mine.filter((pl.col("aggregate") == "code/count") & (pl.col("ours") == 1))
    alone = every.filter(pl.col("aggregate") == "value/sum_sqd").join(
        once, on=["row", "code", "window"], how="semi"
    )
    fourth = (pl.col("value") - pl.col("ours") ** 2).abs() <= NEAR * pl.col("ours") ** 2
    print(
        f"  of {alone.height:,} sums of squares over one event, "
        f"{alone.select(fourth.fill_null(value=False)).to_series().mean():.3%} hold its fourth "
        "power there"
    )


def main() -> None:
    """Prepare, run both, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--released", action="store_true", help="also run it unrepaired")
    parser.add_argument(
        "--meds-tab-python", type=Path, default=os.environ.get("BEDSIDE_MEDS_TAB_PYTHON")
    )
    parser.add_argument("--worker", type=Path)
    given = parser.parse_args()
    if given.worker:
        worker(given.worker)
        return
    if given.meds_tab_python is None:
        print(INSTALL)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, given.patients)
        told = []
        for _ in range(given.rounds):
            shutil.rmtree(folder / "repaired", ignore_errors=True)
            before = computing_of_children()
            took = peer(folder, given.meds_tab_python, repaired=True)
            between = computing_of_children()
            told.append((took, ours(folder), between - before, computing_of_children() - between))
        print(
            f"{given.patients:,} patients, meds-tab / features from encrypted shards, fresh "
            f"processes: {spread([one[0] / one[1] for one in told])}; "
            f"{median(one[0] for one in told):.1f} s against "
            f"{median(one[1] for one in told):.2f} s; computing "
            f"{spread([one[2] / one[3] for one in told])}"
        )
        compare(folder, folder / "repaired")
        if given.released:
            print(f"as released: {peer(folder, given.meds_tab_python, repaired=False):.1f} s")
            compare(folder, folder / "released")


if __name__ == "__main__":
    main()
