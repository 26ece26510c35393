"""A replay: features computed again from a record that ends at its own prediction time."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.leakage.inputs import AuditInputs, Floats, Recompute, Result, how_many
from bedside.core.ids import stable_share
from bedside.core.records.leakage import Checked, Finding

__all__ = ["Replay", "audit_visibility"]

ROWS_OF_A_SUBJECT = 4
ROWS_AT_ONCE = 500
_SALT = "leakage audit"


def audit_visibility(
    events: pl.DataFrame,
    asked: pl.DataFrame,
    matrix: Floats,
    names: Sequence[str],
    recompute: Recompute,
    *,
    sample: int = 200,
) -> list[Finding]:
    """Features that change when everything known after the prediction time is removed."""
    picked = np.unique(np.linspace(0, asked.height - 1, num=min(sample, asked.height)).astype(int))
    differs, most = _replayed(events, asked[picked], matrix[picked], recompute)
    return _findings(names, differs, most, len(picked))


class Replay:
    """Chosen questions asked again of a record from which everything later was removed.

    Subjects are chosen by a hash of their number, so that the same ones are replayed next time,
    and of each the first, the last and some questions between. A feature that differs saw the
    future.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._inputs = inputs
        self._subjects = _chosen(inputs.asked["subject_id"], inputs.replayed)
        self._differs = np.zeros(len(inputs.names), dtype=np.int64)
        self._most = np.zeros(len(inputs.names))
        self._rows = 0

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Replay the chosen subjects of this shard."""
        picked = rows.filter(pl.col("subject_id").is_in(self._subjects.implode()))
        if picked.is_empty():
            return
        number = pl.int_range(pl.len()).over("subject_id")
        last = pl.len().over("subject_id") - 1
        steps = [
            (last * step / (ROWS_OF_A_SUBJECT - 1)).round().cast(pl.Int64)
            for step in range(ROWS_OF_A_SUBJECT)
        ]
        picked = picked.sort("subject_id", "prediction_time").filter(
            pl.any_horizontal(number == step for step in steps)
        )
        theirs = events.filter(pl.col("subject_id").is_in(picked["subject_id"].unique().implode()))
        matrix = self._inputs.matrix[picked["row"].to_numpy()]
        differs, most = _replayed(theirs, picked, matrix, self._inputs.recompute)
        self._differs += differs
        self._most = np.maximum(self._most, most)
        self._rows += picked.height

    def result(self) -> Result:
        """The features that saw the future."""
        findings = _findings(self._inputs.names, self._differs, self._most, self._rows)
        looked = Checked(
            detector="visibility",
            what=f"prediction times of {how_many(len(self._subjects), 'subjects')} replayed: every "
            "feature stayed the same when all that was known later was removed",
            number=self._rows,
            kinds=("sees_the_future",),
        )
        return Result(findings=tuple(findings), checked=(looked,))


def _chosen(subjects: pl.Series, at_most: int) -> pl.Series:
    """At most so many subjects, by a hash of each."""
    every = subjects.unique().sort()
    if len(every) <= at_most:
        return every
    share = pl.Series([stable_share(str(one), salt=_SALT) for one in every])
    return every.gather(share.arg_sort().head(at_most)).sort()


def _replayed(
    events: pl.DataFrame, asked: pl.DataFrame, matrix: Floats, recompute: Recompute
) -> tuple[npt.NDArray[np.int64], Floats]:
    """For each feature, in how many rows it differs, and by how much at most."""
    differs, most = np.zeros(matrix.shape[1], dtype=np.int64), np.zeros(matrix.shape[1])
    for start in range(0, asked.height, ROWS_AT_ONCE):
        some = asked[start : start + ROWS_AT_ONCE].select("subject_id", "prediction_time")
        some = some.with_columns(replica=pl.int_range(pl.len(), dtype=pl.Int64))
        again = recompute(
            _cut(events, some),
            some.select(pl.col("replica").alias("subject_id"), "prediction_time"),
        )
        was = matrix[start : start + ROWS_AT_ONCE]
        same = np.isclose(again, was, rtol=1e-9, atol=1e-12, equal_nan=True)
        differs += (~same).sum(axis=0)
        gap = np.where(same, 0.0, np.abs(again - was))
        most = np.maximum(most, np.where(np.isfinite(gap), gap, 0.0).max(axis=0, initial=0.0))
    return differs, most


def _cut(events: pl.DataFrame, asked: pl.DataFrame) -> pl.DataFrame:
    """The record of each row as a subject of its own, cut at its prediction time.

    Each replica names its rows anew, so that what corrects one is not seen by another.
    """
    cut = asked.join(events, on="subject_id", how="inner").filter(
        (pl.col("known_at") <= pl.col("prediction_time"))
        & (pl.col("time").is_null() | (pl.col("time") <= pl.col("prediction_time")))
    )
    own = [
        (pl.col(name).bin.encode("hex") + pl.format("-{}", "replica")).cast(pl.Binary).alias(name)
        for name in ("source_row", "replaces")
        if name in events.columns
    ]
    return (
        cut.with_columns(own)
        .with_columns(pl.col("replica").alias("subject_id"))
        .select(events.columns)
    )


def _findings(
    names: Sequence[str], differs: npt.NDArray[np.int64], most: Floats, rows: int
) -> list[Finding]:
    return [
        Finding(
            name=f"sees_the_future:{name}",
            kind="sees_the_future",
            text=f"'{name}' changes when facts known after the prediction time are removed.",
            fix="compute it from what was known_at the prediction time; if it comes from this "
            "program, report it.",
            features=(name,),
            evidence={
                "rows_replayed": float(rows),
                "share_of_rows": float(count) / rows,
                "largest_difference": float(gap),
            },
        )
        for name, count, gap in zip(names, differs, most, strict=True)
        if count
    ]
