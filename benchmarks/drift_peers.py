"""Evidently's and NannyML's defaults over a stream of chunks, by the Python that has them.

Not a benchmark by itself: `drift.py` and whoever compares with these peers start it. It is run with
the Python of their own environment (`make .venv-drift-peers/.installed`):

    .venv-drift-peers/bin/python benchmarks/drift_peers.py < REQUEST.json > ANSWER.json

The request names an .npz file and what to do:

    {"arrays": "stream.npz", "peer": "evidently" | "nannyml" | "nannyml_performance",
     "names": ["age", ...], "categorical": ["sex"], "metrics": ["roc_auc"], "threshold": 0.5}

Arrays: `reference` (n, k) and `current` (m, k), NaN where missing; `chunk` (m,) whole numbers, the
day or week of each row (absent: one chunk); `reference_chunk` (n,) likewise (absent: the reference
is cut, in its order, into chunks of the mean size of the current ones, at least five of them). For
`nannyml_performance` instead of the matrices `reference_risk`, `reference_label`, `risk`, and where
it is known `label`.

The answer: `version`, `import_seconds`, `fit_seconds`, `seconds` (of all chunks), `computing` (of
the processor, both), `peak_mib`, and `chunks`: for each its `chunk`, `rows`, `alert`, and `values`
by column or metric, each with `value`, `alert` and the bounds or method it was held against.
Evidently's `alert` is its preset's: half of the columns or more drifted; `drifted` names them.
NannyML's is: any column alerted. Where a peer fails on a chunk, `error` says how, and there is no
`alert`.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ |= {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1"}
Arrays = Mapping[str, npt.NDArray[Any]]
LEAST_REFERENCE_CHUNKS = 5


def reference_chunks(arrays: Arrays, rows: int) -> npt.NDArray[np.int64]:
    """The chunk of each row of the reference: as given, or cut to the size of the current ones."""
    if "reference_chunk" in arrays:
        return np.asarray(arrays["reference_chunk"], dtype=np.int64)
    current = arrays["chunk"] if "chunk" in arrays else np.zeros(1)
    size = max(1, arrays["current_rows"] // np.unique(current).size)
    count = max(LEAST_REFERENCE_CHUNKS, rows // int(size))
    return (np.arange(rows) * count) // rows


def table(matrix: npt.NDArray[Any], request: Mapping[str, Any]) -> Any:
    """A data frame with the columns by name; categories as text, missing where they are missing."""
    import pandas as pd  # noqa: PLC0415 - its import is timed with the peer's

    frame = pd.DataFrame(matrix, columns=request["names"])
    for name in request.get("categorical", ()):
        frame[name] = frame[name].map(lambda code: f"{code:g}", na_action="ignore").astype(object)
    return frame


def evidently(arrays: Arrays, request: Mapping[str, Any]) -> dict[str, Any]:
    """The preset of data drift, each chunk against the whole reference."""
    started = time.perf_counter()
    import evidently as peer  # noqa: PLC0415
    from evidently import DataDefinition, Dataset, Report  # noqa: PLC0415
    from evidently.presets import DataDriftPreset  # noqa: PLC0415

    imported = time.perf_counter() - started
    categorical = list(request.get("categorical", ()))
    definition = DataDefinition(
        numerical_columns=[name for name in request["names"] if name not in categorical],
        categorical_columns=categorical,
    )
    fitting, computing = time.perf_counter(), time.process_time()
    reference = Dataset.from_pandas(table(arrays["reference"], request), data_definition=definition)
    fitted = time.perf_counter()
    chunks = []
    for label, rows in by_chunk(arrays):
        frame = table(arrays["current"][rows], request)
        answer: dict[str, Any] = {"chunk": label, "rows": int(rows.sum())}
        try:
            current = Dataset.from_pandas(frame, data_definition=definition)
            answer |= drifted(Report([DataDriftPreset()]).run(current, reference).dict())
        except Exception as error:  # whatever a peer raises is its answer
            answer["error"] = type(error).__name__
        chunks.append(answer)
    done = time.perf_counter()
    return {
        "version": peer.__version__,
        "import_seconds": imported,
        "fit_seconds": fitted - fitting,
        "seconds": done - fitted,
        "computing": time.process_time() - computing,
        "chunks": chunks,
    }


def drifted(report: Mapping[str, Any]) -> dict[str, Any]:
    """What Evidently's report says of each column, and of the whole."""
    values: dict[str, Any] = {}
    count, most = 0, 0.5
    for metric in report["metrics"]:
        config = metric["config"]
        if "column" not in config:
            count, most = int(metric["value"]["count"]), float(config["drift_share"])
            continue
        value, bar = float(metric["value"]), float(config["threshold"])
        by_chance = "p_value" in config["method"]
        values[config["column"]] = {
            "value": value,
            "alert": value < bar if by_chance else value >= bar,
            "method": config["method"],
            "threshold": bar,
        }
    names = [name for name, one in values.items() if one["alert"]]
    assert len(names) == count, "Evidently counts other columns as drifted than its values say"
    return {"values": values, "drifted": names, "alert": count / len(values) >= most}


def nannyml(arrays: Arrays, request: Mapping[str, Any]) -> dict[str, Any]:
    """Univariate drift by default: Jensen-Shannon, bars from the reference's chunks."""
    started = time.perf_counter()
    import nannyml as peer  # noqa: PLC0415

    imported = time.perf_counter() - started
    reference, current = (table(arrays[of], request) for of in ("reference", "current"))
    days = timed(arrays, reference, current)
    fitting, computing = time.perf_counter(), time.process_time()
    calculator = peer.UnivariateDriftCalculator(
        column_names=list(request["names"]),
        treat_as_categorical=list(request.get("categorical", ())),
        timestamp_column_name="day",
        chunk_period="D",
    ).fit(reference)
    fitted = time.perf_counter()
    result = calculator.calculate(current)
    done = time.perf_counter()
    return {
        "version": peer.__version__,
        "import_seconds": imported,
        "fit_seconds": fitted - fitting,
        "seconds": done - fitted,
        "computing": time.process_time() - computing,
        "chunks": nanny_chunks(result, days),
    }


def nannyml_performance(arrays: Arrays, request: Mapping[str, Any]) -> dict[str, Any]:
    """Confidence-based performance estimation with its defaults."""
    started = time.perf_counter()
    import nannyml as peer  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    imported = time.perf_counter() - started
    bar = float(request.get("threshold", 0.5))
    reference = pd.DataFrame({"risk": arrays["reference_risk"], "label": arrays["reference_label"]})
    current = pd.DataFrame({"risk": arrays["risk"]})
    if "label" in arrays:
        current["label"] = arrays["label"]
    for frame in (reference, current):
        frame["alert"] = (frame["risk"] >= bar).astype(int)
    days = timed(arrays, reference, current)
    fitting, computing = time.perf_counter(), time.process_time()
    estimator = peer.CBPE(
        metrics=list(request.get("metrics", ["roc_auc"])),
        y_pred_proba="risk",
        y_pred="alert",
        y_true="label",
        problem_type="classification_binary",
        timestamp_column_name="day",
        chunk_period="D",
    ).fit(reference)
    fitted = time.perf_counter()
    result = estimator.estimate(current)
    done = time.perf_counter()
    return {
        "version": peer.__version__,
        "import_seconds": imported,
        "fit_seconds": fitted - fitting,
        "seconds": done - fitted,
        "computing": time.process_time() - computing,
        "chunks": nanny_chunks(result, days),
    }


def timed(arrays: Arrays, reference: Any, current: Any) -> npt.NDArray[np.int64]:
    """Give each chunk a day of its own: the reference's come first. The current ones' labels."""
    import pandas as pd  # noqa: PLC0415

    before = np.unique(reference_chunks(arrays, len(reference)), return_inverse=True)[1]
    chunk = arrays["chunk"] if "chunk" in arrays else np.zeros(len(current), dtype=np.int64)
    labels, place = np.unique(chunk, return_inverse=True)
    origin = pd.Timestamp("2000-01-01")
    reference["day"] = origin + pd.to_timedelta(before, unit="D")
    current["day"] = origin + pd.to_timedelta(before.max() + 1 + place, unit="D")
    return labels.astype(np.int64)


def nanny_chunks(result: Any, labels: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
    """The chunks of the analysis, in their order, as NannyML judged them."""
    frame = result.filter(period="analysis").to_df(multilevel=False)
    assert len(frame) == len(labels), "NannyML made other chunks than it was given"
    names = [column.removesuffix("_alert") for column in frame.columns if column.endswith("_alert")]
    chunks = []
    for label, (_, row) in zip(labels.tolist(), frame.iterrows(), strict=True):
        values = {
            name: {
                "value": number(row[f"{name}_value"]),
                "alert": bool(row[f"{name}_alert"]),
                "low": number(row[f"{name}_lower_threshold"]),
                "high": number(row[f"{name}_upper_threshold"]),
                **{
                    end: number(row[f"{name}_{end}"])
                    for end in ("realized", "sampling_error")
                    if f"{name}_{end}" in frame.columns
                },
            }
            for name in names
        }
        found = [name for name, one in values.items() if one["alert"]]
        rows = int(row["chunk_end_index"] - row["chunk_start_index"] + 1)
        chunks.append(
            {
                "chunk": label,
                "rows": rows,
                "alert": bool(found),
                "drifted": [name.removesuffix("_jensen_shannon") for name in found],
                "values": values,
            }
        )
    return chunks


def number(value: Any) -> float | None:
    """A figure as JSON has it: None where there is none."""
    return None if value is None or not np.isfinite(float(value)) else float(value)


def by_chunk(arrays: Arrays) -> list[tuple[int, npt.NDArray[np.bool_]]]:
    """Each chunk, and which rows are in it."""
    rows = arrays["current_rows"]
    chunk = arrays["chunk"] if "chunk" in arrays else np.zeros(int(rows), dtype=np.int64)
    return [(int(label), chunk == label) for label in np.unique(chunk)]


def main() -> None:
    """Answer the one request of standard input."""
    text = "" if sys.stdin.isatty() else sys.stdin.read()
    if not text.strip():
        print("It answers a request on standard input: python benchmarks/drift.py sends some.")
        return
    request = json.loads(text)
    with np.load(request["arrays"], allow_pickle=False) as stored:
        arrays = dict(stored)
    of = arrays["current"] if "current" in arrays else arrays["risk"]
    arrays["current_rows"] = np.asarray(len(of))
    ways = {
        "evidently": evidently,
        "nannyml": nannyml,
        "nannyml_performance": nannyml_performance,
    }
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a peer prints is not the answer
    answer = ways[request["peer"]](arrays, request)
    answer["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump(answer, answers)


if __name__ == "__main__":
    main()
