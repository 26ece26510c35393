"""es-aces itself, run in a virtual environment of its own: python aces_peer.py JOBS.json.

Each job is a task file and a Parquet file of MEDS; its answer is written as Parquet. The
configuration is loaded anew for each query, unless a job asks for the same query again and again.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["main"]


def main(jobs: Path) -> None:
    """Answer every job; what es-aces says when it fails is written beside its answer."""
    config = import_module("aces.config")
    for job in json.loads(jobs.read_text()):
        try:
            task = config.TaskExtractorConfig.load(job["task"])
            for answer in job["answers"]:
                _rows(task, job["data"]).write_parquet(answer)
        except Exception as error:  # whatever it raises is its answer
            Path(job["answers"][0]).with_suffix(".error").write_text(
                f"{type(error).__name__}: {error}"
            )


def _rows(task: Any, data: str) -> Any:
    """Its rows: subject_id, trigger, and index_timestamp and label where the task has them.

    `first` and `last` are the two times of the window that holds the index, in their order.
    """
    polars = import_module("polars")
    events = SimpleNamespace(path=data, standard="meds", ts_format=None)
    found = import_module("aces.query").query(
        task, import_module("aces.predicates").get_predicates_df(task, events)
    )
    if not found.width:  # nobody
        return polars.DataFrame(schema={"subject_id": polars.Int64})
    told = [name for name in found.columns if not name.endswith("_summary")]
    if task.index_timestamp_window is None:
        return found.select(told)
    window = task.windows[task.index_timestamp_window]
    leaning = "end" if window.root_node == "start" else "start"
    summary = polars.col(f"{task.index_timestamp_window}.{leaning}_summary").struct
    both = [summary.field("timestamp_at_start"), summary.field("timestamp_at_end")]
    return found.select(
        *told,
        polars.min_horizontal(both).alias("first"),
        polars.max_horizontal(both).alias("last"),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
