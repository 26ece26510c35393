"""Groups that a split tears apart, and one patient on two of its sides under two numbers."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.leakage.inputs import AuditInputs, Floats, Result, how_many
from bedside.cohorts.leakage.overlap import on_both
from bedside.core.records.leakage import Checked, Finding
from bedside.core.records.split import SIDES

__all__ = ["SameRecords"]

VALUES, DISTINCT = 10, 8
"""A record or a row says enough to be known again with so many values, so many of them distinct."""

ROW_DISTINCT = 12
"""A row of features repeats some of its values, so that more of them must be distinct."""

LEAK_SHARE = 0.005
"""Of the held-out subjects: fewer that are known from another side are a warning."""

_AT_ONCE = 20_000  # rows


class SameRecords:
    """Groups that the split should keep together, and records that are one patient's twice.

    Two subjects are the same record when the same codes had the same values at the same distances
    from their first event, however their dates were shifted.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._asked = inputs.asked.filter(pl.col("side").is_in(SIDES))
        self._matrix, self._inputs = inputs.matrix, inputs
        group = inputs.declaration.evaluation.split.group
        signal = inputs.declaration.signals.get(group or "")
        self._group, self._group_codes = group, signal.codes if signal else ()
        self._groups: list[pl.DataFrame] = []
        self._records: list[pl.DataFrame] = []

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Take the groups and the records of one shard."""
        asked = rows.select("subject_id").unique()
        theirs = events.join(asked, on="subject_id", how="semi")
        if self._group_codes:
            self._groups.append(
                theirs.filter(
                    pl.col("code").is_in(self._group_codes) & pl.col("text").is_not_null()
                )
                .select("subject_id", group=pl.col("text").cast(pl.String))
                .unique()
            )
        valued = theirs.filter(pl.col("value").is_not_null()).select(
            "subject_id",
            "code",
            "value",
            after=(pl.col("time") - pl.col("time").min().over("subject_id")).cast(pl.Int64),
        )
        fact = pl.struct("code", "value", "after")
        self._records.append(
            valued.unique()
            .group_by("subject_id")
            .agg(
                pl.len().alias("values"),
                pl.col("value").n_unique().alias("distinct"),
                (fact.hash(seed=1) // 2**24).sum().alias("one"),
                (fact.hash(seed=2) // 2**24).sum().alias("two"),
            )
            .filter((pl.col("values") >= VALUES) & (pl.col("distinct") >= DISTINCT))
        )

    def result(self) -> Result:
        """Groups and records on more than one side."""
        sides = self._asked.select("subject_id", "side").unique()
        findings, checked = [], []
        if self._groups:
            held = pl.concat(self._groups).join(sides, on="subject_id")
            number = on_both(held, "group")
            if number:
                findings.append(
                    Finding(
                        name=f"group_on_both_sides:{self._group}",
                        kind="group_on_both_sides",
                        text=f"{how_many(number, 'groups')} of '{self._group}' are on more than "
                        "one side of the split.",
                        fix="let the split keep the group together, and give every subject one.",
                        evidence={"groups": float(number)},
                    )
                )
            checked.append(
                Checked(
                    detector="split",
                    what=f"groups of '{self._group}', each on one side of the split",
                    number=held["group"].n_unique(),
                    kinds=("group_on_both_sides",),
                )
            )
        records = pl.concat(self._records) if self._records else None
        twice = _twice(records, sides) if records is not None else set()
        twice |= _same_rows(self._asked, self._matrix)
        held_out = sides.filter(pl.col("side") == "held_out").height
        if twice:
            findings.append(_duplicates(len(twice), held_out))
        checked.append(
            Checked(
                detector="duplicates",
                what="subjects with enough values to be known again, none of whom is on another "
                "side under another number",
                number=0 if records is None else records.height,
                kinds=("duplicate_record",),
            )
        )
        return Result(findings=tuple(findings), checked=tuple(checked))


def _twice(records: pl.DataFrame, sides: pl.DataFrame) -> set[int]:
    """The subjects whose record is that of another one on another side."""
    key = ["one", "two", "values", "distinct"]
    told = records.join(sides, on="subject_id")
    shared = told.group_by(key).agg(
        pl.col("subject_id").n_unique().alias("subjects"), pl.col("side").n_unique().alias("sides")
    )
    shared = shared.filter((pl.col("subjects") > 1) & (pl.col("sides") > 1))
    return set(told.join(shared, on=key, how="semi")["subject_id"])


def _same_rows(asked: pl.DataFrame, matrix: Floats) -> set[int]:
    """The subjects of whom a row of features is word for word that of another on another side."""
    told = asked.select("subject_id", "side", "row").with_columns(
        key=_keys(matrix)[asked["row"].to_numpy()]
    )
    shared = (
        told.group_by("key")
        .agg(pl.col("subject_id").n_unique().alias("n"), pl.col("side").n_unique().alias("sides"))
        .filter((pl.col("n") > 1) & (pl.col("sides") > 1))
    )
    met = told.join(shared, on="key", how="semi")
    distinct = _distinct(matrix, met["row"].to_numpy())
    return set(met.filter(pl.Series(distinct >= ROW_DISTINCT))["subject_id"])


def _keys(matrix: Floats) -> npt.NDArray[np.uint64]:
    """A number for each row that equal rows share; -0 is 0, and every NaN is one."""
    factors = np.random.default_rng(0).integers(1, 2**64, matrix.shape[1], dtype=np.uint64)
    keys = np.empty(len(matrix), dtype=np.uint64)
    for start in range(0, len(matrix), _AT_ONCE):
        part = matrix[start : start + _AT_ONCE] + 0.0
        part[np.isnan(part)] = np.nan
        bits = part.view(np.uint64)
        mixed = (bits ^ (bits >> np.uint64(29))) * (factors | np.uint64(1))
        keys[start : start + _AT_ONCE] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1)
    return keys


def _distinct(matrix: Floats, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many distinct values each of these rows has."""
    found = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _AT_ONCE):
        ranked = np.sort(matrix[rows[start : start + _AT_ONCE]], axis=1)  # NaN comes last
        fresh = ranked[:, 1:] > ranked[:, :-1]
        found[start : start + _AT_ONCE] = fresh.sum(axis=1) + ~np.isnan(ranked[:, 0])
    return found


def _duplicates(number: int, held_out: int) -> Finding:
    share = number / 2 / max(held_out, 1)
    return Finding(
        name="duplicate_record",
        kind="duplicate_record",
        text=f"{how_many(number, 'subjects')} have word for word the record of another subject on "
        "another side of the split: most likely one patient under two numbers.",
        fix="merge them when collecting, or keep them together by evaluation.split.group.",
        severity="leak" if share >= LEAK_SHARE else "warning",
        evidence={"subjects": float(number), "share_of_held_out": share},
    )
