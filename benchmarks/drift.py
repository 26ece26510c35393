"""Drift of 200,000 rows of 50 columns and their risks against a reference of the same size.

Each way runs in a process of its own, so that its peak memory is its own, in turns, ROUNDS times:

- ours: `drift_of`, every distance and test of each column and of the risk; once from two matrices,
  and once against a reference that is prepared;
- floor: `numpy.histogram` of each column, 50 bins with the edges of the reference, nothing else;
- Evidently's data drift preset, and NannyML's univariate drift over ten chunks, both with their
  defaults, in the environment that `make .venv-drift-peers/.installed` makes. Where it is not
  there, a line says so, and they are left out.

Imports, compiling and reading the arrays are not counted for any of them; NannyML's fitting, and
our preparing of the reference, are. Ratios are of time and, since other work may run on the
machine, of seconds of the processor.

    python benchmarks/drift.py [--rows 200000] [--columns 50] [--rounds 3] [--peer-rounds 1]
                               [--json]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-drift-peers" / "bin" / "python"
INSTALL = "make .venv-drift-peers/.installed"
SEED, CHUNKS, MOVED = 7, 10, 5
Answer = dict[str, Any]


def write_arrays(path: Path, rows: int, columns: int) -> None:
    """Two samples: skewed, normal, rounded and sparse columns; five columns of the second moved."""
    rng = np.random.default_rng(SEED)
    samples = []
    for moved in (False, True):
        matrix = rng.normal(size=(rows, columns))
        matrix[:, 0::4] = np.exp(matrix[:, 0::4])
        matrix[:, 1::4] = np.round(matrix[:, 1::4] * 4 + 139)
        sparse = matrix[:, 2::4]
        sparse[rng.random(sparse.shape) < 0.2] = np.nan
        if moved:
            matrix[:, :MOVED] *= 1.3
        odds = -2 + 0.6 * matrix[:, 3:12:4].sum(axis=1)
        samples.append((matrix, 1 / (1 + np.exp(-odds))))
    (reference, reference_risk), (current, risk) = samples
    np.savez(
        path,
        reference=np.column_stack([reference, reference_risk]),
        current=np.column_stack([current, risk]),
        chunk=np.arange(rows) * CHUNKS // rows,
    )


def names_of(columns: int) -> list[str]:
    """The columns, and the risk."""
    return [*(f"column {one}" for one in range(columns)), "risk"]


def ours(arrays: Path) -> Answer:
    """Both ways of ours, once."""
    from bedside.monitor.column_bins import prepare_reference  # noqa: PLC0415 - not the floor's
    from bedside.monitor.drift_of import drift_of  # noqa: PLC0415

    reference, current = read(arrays)
    names = names_of(reference.shape[1] - 1)
    drift_of(reference[:9], current[:9], names)  # compiling is not counted
    started, computing = time.perf_counter(), time.process_time()
    rows = drift_of(reference, current, names)
    whole, whole_computing = time.perf_counter() - started, time.process_time() - computing
    prepared = prepare_reference(reference, names)
    started = time.perf_counter()
    drift_of(prepared, current)
    told = [
        row.name
        for row in rows
        if (row.p_adjusted or 0) < 0.01 and max(row.ks or 0, row.js or 0) > 0.02
    ]
    return {
        "seconds": whole,
        "computing": whole_computing,
        "prepared_seconds": time.perf_counter() - started,
        "drifted": told,
    }


def floor(arrays: Path) -> Answer:
    """A histogram of each column of both, 50 bins."""
    reference, current = read(arrays)
    started, computing = time.perf_counter(), time.process_time()
    for column in range(reference.shape[1]):
        then, now = reference[:, column], current[:, column]
        counts, edges = np.histogram(then[~np.isnan(then)], 50)
        again, _ = np.histogram(now[~np.isnan(now)], edges)
        assert counts.sum() >= again.sum() - len(now)
    return {
        "seconds": time.perf_counter() - started,
        "computing": time.process_time() - computing,
    }


def read(arrays: Path) -> tuple[np.ndarray, np.ndarray]:
    """The two matrices."""
    with np.load(arrays, allow_pickle=False) as stored:
        return stored["reference"], stored["current"]


def apart(way: str, arrays: Path) -> Answer:
    """One of our own ways, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--way", way, "--arrays", str(arrays)],
        stdout=subprocess.PIPE,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    answer: Answer = json.loads(done.stdout)
    return answer


def peer(which: str, arrays: Path, columns: int) -> Answer:
    """A peer's answer, from its own environment; Evidently gets no chunks."""
    request = {"arrays": str(arrays), "peer": which, "names": names_of(columns)}
    if which == "evidently":
        whole = arrays.with_name("whole.npz")
        if not whole.exists():
            reference, current = read(arrays)
            np.savez(whole, reference=reference, current=current)
        request["arrays"] = str(whole)
    done = subprocess.run(
        [str(PEERS), str(HERE / "drift_peers.py")],
        input=json.dumps(request).encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    answer: Answer = json.loads(done.stdout)
    assert not any("error" in chunk for chunk in answer["chunks"])
    return answer | {"seconds": answer["seconds"] + answer["fit_seconds"]}


def spread(values: list[float]) -> str:
    """The median, with the range."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def main() -> None:
    """Measure each in turn, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", choices=("ours", "floor"), help=argparse.SUPPRESS)
    parser.add_argument("--arrays", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        answer = {"ours": ours, "floor": floor}[options.way](options.arrays)
        answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer))
        return

    found: dict[str, list[Answer]] = {"ours": [], "floor": []}
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        write_arrays(arrays, options.rows, options.columns)
        for turn in range(max(options.rounds, options.peer_rounds)):
            if turn < options.rounds:
                for way in ("floor", "ours"):
                    found[way].append(apart(way, arrays))
            if PEERS.exists() and turn < options.peer_rounds:
                for which in ("nannyml", "evidently"):
                    found.setdefault(which, []).append(peer(which, arrays, options.columns))
    if options.json:
        print(json.dumps(found))
        return
    report(found)


def report(found: dict[str, list[Answer]]) -> None:
    """One line for each way, beside ours."""
    mine, work = (
        statistics.median(answer[what] for answer in found["ours"])
        for what in ("seconds", "computing")
    )
    prepared = [answer["prepared_seconds"] for answer in found["ours"]]
    print(f"ours, against a prepared reference: {spread(prepared)} s")
    for way, answers in found.items():
        seconds = [answer["seconds"] for answer in answers]
        peak = max(answer["peak_mib"] for answer in answers)
        print(
            f"{way}: {spread(seconds)} s; {peak:,.0f} MiB at the peak; "
            f"{statistics.median(seconds) / mine:.2f} times ours"
        )
        computing = [answer["computing"] for answer in answers]
        print(
            f"    of the processor: {spread(computing)} s; "
            f"{statistics.median(computing) / work:.2f} times ours"
        )
        if "version" in answers[0]:
            print(f"    {answers[0]['version']}; importing {answers[0]['import_seconds']:.1f} s")
    print(f"ours tells of: {', '.join(found['ours'][0]['drifted'])}")
    if "evidently" in found:
        print(f"Evidently tells of: {', '.join(found['evidently'][0]['chunks'][0]['drifted'])}")
    else:
        print(f"Evidently and NannyML were left out: they are not there. Fix: {INSTALL}")


if __name__ == "__main__":
    main()
