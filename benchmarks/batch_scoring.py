"""Scoring many rows at once against a bare loop over plain Parquet shards of features.

Floor: Polars reads the thirty features from plain Parquet, ONNX Runtime or LightGBM (whichever is
faster here, of the same trees) predicts them, and the risks are written as plain Parquet: no units,
no abstention, no domain, no encryption, nothing recorded. Ours, twice:

- rows: the same numbers in one plain table, a pseudonym beside each. They are checked, sealed,
  opened where they are scored, held against units, ranges and requirements, scored, and the result
  is sealed and recorded. All of it is timed, from the plain file on.
- events: the same numbers as events, thirty for each patient, from the encrypted shards of a
  workspace. It is worked out when each patient is asked about, whether anything forbids a score,
  the features and the score, and the result is sealed. What comes before (collecting and preparing
  the raw table) is timed and told apart.

All have the same number of threads, and are driven in turns. Beside the seconds that passed stand
those of the processor, which other work on the machine hardly changes; of the events, they are of
all that a run does, also of finding again what was collected and prepared before.

    python benchmarks/batch_scoring.py [--rows 10000000] [--trees 500] [--rounds 3]
                                       [--paths rows,events] [--json]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before a library is loaded; both sides have them
os.environ.setdefault("BEDSIDE_ENGINE", "local:1")

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import yaml  # noqa: E402

from bedside.core.records.bundle import FEATURES, LEARNT, MODEL  # noqa: E402
from bedside.data.collect.bundled import breast_cancer  # noqa: E402
from bedside.features.definition import feature_set_from_json  # noqa: E402
from bedside.infra.runtime.onnx import OnnxPredictor  # noqa: E402
from bedside.lifecycle.build import build  # noqa: E402
from bedside.lifecycle.platform import Platform  # noqa: E402
from bedside.lifecycle.release import open_bundle  # noqa: E402
from bedside.lifecycle.scoring import score_version  # noqa: E402
from bedside.lifecycle.scoring_rows import score_rows  # noqa: E402
from bedside.models.form import Trees  # noqa: E402
from bedside.models.form_json import form_from_json  # noqa: E402
from bedside.usecases import folder_of  # noqa: E402
from bedside.wiring.workspace import actor_of, open_workspace  # noqa: E402

SHARD = 250_000  # rows of a plain shard


class Timed:
    """Progress that keeps how long each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """Time a step."""
        began = time.perf_counter()
        yield lambda _: None
        self.seconds[name] = time.perf_counter() - began

    def note(self, text: str) -> None:
        """Nothing is told."""

    def skipped(self, name: str) -> None:
        """It took no time."""
        self.seconds[name] = 0.0


def declared(trees: int) -> str:
    """The diagnosis with so many trees."""
    told = yaml.safe_load((folder_of("diagnosis") / "bedside.yaml").read_text())
    slow = {"learning_rate": 0.01, "num_leaves": 31, "min_data_in_leaf": 5}
    told["learner"] = {"kind": "lightgbm", "rounds": trees, "parameters": slow}
    told["gates"] = [{"metric": "auroc", "at_least": 0.1}]
    told["hazards"], told["change_control"] = [], []  # they speak of the gates as shipped
    return yaml.safe_dump(told, sort_keys=False)


def made_up(rows: int, seed: int, first: int) -> pl.DataFrame:
    """So many patients: each a real biopsy whose measurements are shaken by a twentieth."""
    real, random = breast_cancer(), np.random.default_rng(seed)
    chosen = real[random.integers(0, real.height, rows)]
    numbers = [name for name, kind in real.schema.items() if kind == pl.Float64]
    shaken = [
        pl.Series(name, chosen[name].to_numpy() * random.uniform(0.95, 1.05, rows))
        for name in numbers
    ]
    cases = pl.Series("case", [f"p{at}" for at in range(first, first + rows)])
    return chosen.with_columns(*shaken, cases)


def write_tables(place: Path, rows: int, columns: dict[str, str], *, events: bool) -> list[Path]:
    """Write the same patients as plain shards, as one table of rows, and raw for the events.

    Args:
        place: Where.
        rows: How many patients.
        columns: By input of the model, the column of the raw table.
        events: Whether the raw table is wanted.
    """
    (place / "raw").mkdir()
    shards, raw = list[Path](), list[pl.DataFrame]()
    table: pq.ParquetWriter | None = None
    for number, at in enumerate(range(0, rows, SHARD)):
        some = made_up(min(SHARD, rows - at), number, at)
        shards.append(place / f"plain-{at}.parquet")
        some.select(columns.values()).write_parquet(shards[-1])
        asked = some.select(
            pl.int_range(at, at + some.height).alias("pseudonym"),
            *(pl.col(column).alias(name) for name, column in columns.items()),
        ).to_arrow()
        if table is None:
            table = pq.ParquetWriter(place / "rows.parquet", asked.schema, compression="zstd")
        table.write_table(asked)
        if events:
            raw.append(some)
    if table is not None:
        table.close()
    if events:
        pl.concat(raw).write_parquet(place / "raw" / "biopsies.parquet")
    return shards


def floor(predict: Callable[[np.ndarray], np.ndarray], shards: list[Path], out: Path) -> float:
    """Seconds of the bare loop."""
    began = time.perf_counter()
    for shard in shards:
        risk = predict(np.ascontiguousarray(pl.read_parquet(shard).to_numpy()))
        pl.DataFrame({"risk": risk}).write_parquet(out / shard.name)
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print one line for each, or JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=10_000_000)
    arguments.add_argument("--trees", type=int, default=500)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--paths", default="rows,events", help="which of ours: rows, events")
    arguments.add_argument("--json", action="store_true")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = asked.paths.split(",")
        told = measured(Path(folder), asked.rows, asked.trees, asked.rounds, paths)
    if asked.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:<60} {value:,.3f}" if isinstance(value, float) else f"{name:<60} {value:,}")


def measured(
    place: Path, rows: int, trees: int, rounds: int, paths: list[str]
) -> dict[str, float | int]:
    """The figures; seconds are the median of the rounds."""
    model = place / "diagnosis"
    model.mkdir()
    (model / "bedside.yaml").write_text(declared(trees))
    progress = Timed()
    platform = open_workspace(
        place / "workspace", actor=actor_of("benchmark", "benchmark"), progress=progress
    )
    version = build(platform, model, None).version
    bundle = open_bundle(platform, version)
    signals = bundle.declaration.signals
    names = [one.signal for one in feature_set_from_json(bundle.files[FEATURES]).features]
    columns = {name: str(signals[name].column) for name in names}  # as the model has its features
    shards = write_tables(place, rows, columns, events="events" in paths)
    onnx = OnnxPredictor(bundle.files[MODEL]).predict
    part = form_from_json(bundle.files[LEARNT]).members[0].part
    assert isinstance(part, Trees)
    booster = lightgbm.Booster(model_str=part.text)
    floors = {
        "ONNX Runtime": onnx,
        "LightGBM": lambda matrix: booster.predict(matrix, num_threads=1),
    }
    every: dict[str, Callable[[], float]] = {
        "rows": lambda: by_rows(platform, version.id, place),
        "events": lambda: by_events(platform, version.id, place, progress),
    }
    ours = {name: every[name] for name in paths}
    for measure in ours.values():
        measure()  # collects and prepares the events; then all are warm
    before = {name: progress.seconds.get(name, 0.0) for name in ("collect", "prepare")}
    out = place / "out"
    out.mkdir()
    floor(onnx, shards, out)
    see_that_they_agree(platform, version.id, place, [out / one.name for one in shards])
    seconds: dict[str, list[float]] = {name: [] for name in (*ours, *floors)}
    busy: dict[str, list[float]] = {name: [] for name in seconds}
    for _ in range(rounds):
        for name, predict in floors.items():
            began = time.process_time()
            seconds[name].append(floor(predict, shards, out))
            busy[name].append(time.process_time() - began)
        for name, measure in ours.items():
            for index in (platform.folder / "steps").rglob("scores/*.json"):
                index.unlink()
            began = time.process_time()
            seconds[name].append(measure())
            busy[name].append(time.process_time() - began)
    told: dict[str, float | int] = {"rows": rows, "trees": booster.num_trees()}
    if "events" in ours:
        told |= {f"{name} of events, seconds (not in a ratio)": before[name] for name in before}
    told |= told_of(rows, seconds, floors, "seconds")
    return told | told_of(rows, busy, floors, "processor seconds")


def see_that_they_agree(platform: Platform, version: str, place: Path, bare: list[Path]) -> None:
    """The floor predicts of each row what we do, or the two are not the same work."""
    floor_says = pl.concat([pl.read_parquet(one)["risk"] for one in bare])
    done = score_rows(platform, version, place / "rows.parquet")
    ours_say = pl.concat([one["risk"] for one in done.tables(platform)])
    assert ours_say.null_count() == 0
    np.testing.assert_allclose(ours_say.to_numpy(), floor_says.to_numpy(), rtol=1e-9)


def told_of(
    rows: int, seconds: Mapping[str, list[float]], floors: Collection[str], unit: str
) -> dict[str, float | int]:
    """The medians, each of ours beside the faster floor."""
    middle = {name: median(values) for name, values in seconds.items()}
    fastest = min(floors, key=lambda name: middle[name])
    told: dict[str, float | int] = {}
    for name, took in middle.items():
        told[f"bare {name}: {unit}" if name in floors else f"ours by {name}: {unit}"] = took
        if name not in floors:
            told[f"ours by {name}: ratio to bare {fastest}, {unit}"] = middle[fastest] / took
            told[f"ours by {name}: rows in a second, {unit}"] = rows / took
    return told


def by_rows(platform: Platform, version: str, place: Path) -> float:
    """Seconds from the plain table to the sealed result, with all that lies between."""
    began = time.perf_counter()
    score_rows(platform, version, place / "rows.parquet")
    return time.perf_counter() - began


def by_events(platform: Platform, version: str, place: Path, progress: Timed) -> float:
    """Seconds from the sealed events to the sealed result."""
    score_version(platform, version, place / "raw")
    return progress.seconds["question"] + progress.seconds["score"]


if __name__ == "__main__":
    main()
