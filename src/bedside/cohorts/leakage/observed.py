"""Whether the mere length of what was seen of a subject tells the label."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.leakage.inputs import AuditInputs, Floats, Result
from bedside.core.records.leakage import Checked, Finding

__all__ = ["ObservedLength"]

WARN_AT, LEAK_AT = 0.8, 0.9
"""An area under the curve that the interval must wholly pass, in either direction."""

_BIRTH = "(?i)birth"


class ObservedLength:
    """How far the length of the record before the prediction time tells the label.

    Where the dead and the living were cut at different moments, the mere length of what is seen,
    or the number of events in it, tells them apart.
    """

    def __init__(self, inputs: AuditInputs) -> None:
        self._asked = inputs.asked
        self._hours = np.full(inputs.asked.height, np.nan)
        self._events = np.full(inputs.asked.height, np.nan)

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Measure the record of each row: from its first event that is not a birth."""
        dated = events.filter(
            pl.col("time").is_not_null() & ~pl.col("code").str.contains(_BIRTH)
        ).select("subject_id", seen=pl.max_horizontal("time", "known_at"))
        dated = dated.sort("subject_id", "seen").with_columns(
            number=pl.int_range(1, pl.len() + 1).over("subject_id"),
            first=pl.col("seen").min().over("subject_id"),
        )
        told = (
            rows.select("row", "subject_id", "prediction_time")
            .sort("subject_id", "prediction_time")
            .join_asof(
                dated,
                left_on="prediction_time",
                right_on="seen",
                by="subject_id",
                check_sortedness=False,
            )
        )
        hours = (told["prediction_time"] - told["first"]).dt.total_seconds(fractional=True) / 3600
        place = told["row"].to_numpy()
        self._hours[place] = hours.to_numpy()
        self._events[place] = told["number"].fill_null(0).to_numpy()

    def result(self) -> Result:
        """Findings where length or number rank the label too well to be chance or illness."""
        label = self._asked["label"].cast(pl.Float64).to_numpy()
        subject = self._asked["subject_id"].to_numpy()
        findings = [
            finding
            for what, words, values in (
                ("hours", "hours from the start of the record", self._hours),
                ("events", "number of events", self._events),
            )
            if (finding := _tells(what, words, values, label, subject)) is not None
        ]
        looked = Checked(
            detector="observed length",
            what="prediction times, whose length of record and number of events do not tell the "
            "label",
            number=int((~np.isnan(label)).sum()),
            kinds=("observed_length",),
        )
        return Result(findings=tuple(findings), checked=(looked,))


def _tells(
    what: str,
    words: str,
    values: Floats,
    label: Floats,
    subject: npt.NDArray[np.int64],
) -> Finding | None:
    used = ~np.isnan(label) & ~np.isnan(values)
    area, low, high = _area(values[used], label[used], subject[used])
    sure = max(low, 1 - high)
    if not sure >= WARN_AT:  # also where it is not a number
        return None
    return Finding(
        name=f"observed_length:{what}",
        kind="observed_length",
        text=f"The {words} before the prediction time alone tells the label (area under the curve "
        f"{area:.2f}, interval {low:.2f} to {high:.2f}): those with the outcome may have been "
        "asked about at another moment than those without.",
        fix="place the prediction time by the trigger alone, the same way for everyone.",
        severity="leak" if sure >= LEAK_AT else "warning",
        evidence={"auroc": area, "low": low, "high": high},
    )


def _area(
    values: Floats, label: Floats, subject: npt.NDArray[np.int64]
) -> tuple[float, float, float]:
    """Area under the ROC curve, and its 95 % interval with subjects as the unit.

    Source: Hanley & McNeil, Radiology 1982;143(1):29-36.
    """
    positive = label == 1
    n, m = len(np.unique(subject[positive])), len(np.unique(subject[~positive]))
    if n < 2 or m < 2:
        return np.nan, np.nan, np.nan
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    k = float(positive.sum())
    area = float((rank[positive].sum() - k * (k + 1) / 2) / (k * (len(label) - k)))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n - 1) * (q1 - area**2) + (m - 1) * (q2 - area**2)
    error = 1.96 * float(np.sqrt(max(spread, 0.0) / (n * m)))
    return area, max(area - error, 0.0), min(area + error, 1.0)
