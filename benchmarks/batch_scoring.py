"""Scoring sealed shards of events against a bare loop over plain Parquet shards of features.

Floor: Polars reads the thirty features from plain Parquet, ONNX Runtime or LightGBM (whichever is
faster here, of the same trees) predicts them, and the risks are written as plain Parquet: no units,
no abstention, no domain, no encryption, nothing recorded. Ours reads the same rows as events,
thirty for each patient, from the encrypted shards of a workspace, works out when each patient is
asked about, whether anything forbids a score, the features and the score, and seals it. Both have
the same number of threads, and are driven in turns.

What comes before (collecting and preparing the raw table) is timed and told apart.

    python benchmarks/batch_scoring.py [--rows 10000000] [--trees 500] [--rounds 3] [--json]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before a library is loaded; both sides have them
os.environ.setdefault("BEDSIDE_ENGINE", "local:1")

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import polars as pl  # noqa: E402
import yaml  # noqa: E402

from bedside.core.records.bundle import LEARNT, MODEL  # noqa: E402
from bedside.data.collect.bundled import breast_cancer  # noqa: E402
from bedside.infra.runtime.onnx import OnnxPredictor  # noqa: E402
from bedside.lifecycle.build import build  # noqa: E402
from bedside.lifecycle.release import open_bundle  # noqa: E402
from bedside.lifecycle.scoring import score_version  # noqa: E402
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
    return yaml.safe_dump(told, sort_keys=False)


def made_up(rows: int) -> pl.DataFrame:
    """So many patients: each a real biopsy whose measurements are shaken by a twentieth."""
    real, random = breast_cancer(), np.random.default_rng(1)
    chosen = real[random.integers(0, real.height, rows)]
    numbers = [name for name, kind in real.schema.items() if kind == pl.Float64]
    shaken = [
        pl.Series(name, chosen[name].to_numpy() * random.uniform(0.95, 1.05, rows))
        for name in numbers
    ]
    return chosen.with_columns(*shaken, pl.Series("case", [f"p{at}" for at in range(rows)]))


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
    arguments.add_argument("--json", action="store_true")
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        told = measured(Path(folder), asked.rows, asked.trees, asked.rounds)
    if asked.json:
        print(json.dumps(told))
        return
    for name, value in told.items():
        print(f"{name:<44} {value:,.3f}" if isinstance(value, float) else f"{name:<44} {value:,}")


def measured(place: Path, rows: int, trees: int, rounds: int) -> dict[str, float | int]:
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
    table = made_up(rows)
    names = [
        signal.column for signal in bundle.declaration.signals.values() if signal.role == "input"
    ]
    (place / "raw").mkdir()
    table.write_parquet(place / "raw" / "biopsies.parquet")
    shards = []
    for at in range(0, rows, SHARD):
        shards.append(place / f"plain-{at}.parquet")
        table[at : at + SHARD].select(names).write_parquet(shards[-1])
    del table
    onnx = OnnxPredictor(bundle.files[MODEL]).predict
    text = form_from_json(bundle.files[LEARNT]).members[0].part.text
    booster = lightgbm.Booster(model_str=text)
    floors = {
        "ONNX Runtime": onnx,
        "LightGBM": lambda matrix: booster.predict(matrix, num_threads=1),
    }
    score_version(platform, version.id, place / "raw")  # collects and prepares; then both are warm
    before = {name: progress.seconds[name] for name in ("collect", "prepare")}
    out = place / "out"
    out.mkdir()
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *floors)}
    for _ in range(rounds):
        for name, predict in floors.items():
            seconds[name].append(floor(predict, shards, out))
        for index in (platform.folder / "steps").rglob("scores/*.json"):
            index.unlink()
        score_version(platform, version.id, place / "raw")
        seconds["ours"].append(progress.seconds["question"] + progress.seconds["score"])
    middle = {name: median(values) for name, values in seconds.items()}
    fastest = min(floors, key=lambda name: middle[name])
    return {
        "rows": rows,
        "trees": booster.num_trees(),
        **{f"{name}, seconds before (not in the ratio)": took for name, took in before.items()},
        **{f"bare {name}, seconds": middle[name] for name in floors},
        "ours, seconds": middle["ours"],
        f"ratio to bare {fastest}": middle[fastest] / middle["ours"],
        "rows a second": rows / middle["ours"],
    }


if __name__ == "__main__":
    main()
