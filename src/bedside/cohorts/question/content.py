"""What the events of an outcome say, beyond that they came: a level, or a value."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question.entries import ALWAYS, NEVER, Ints
from bedside.core.errors import Invalid
from bedside.core.records.outcome import Outcome

__all__ = ["content_at", "is_told"]

Floats = npt.NDArray[np.float64]


def is_told(outcome: Outcome) -> bool:
    """Whether the kind asks what the event says, not only whether it comes."""
    return outcome.kind in ("multiclass", "ordinal", "regression")


def content_at(events: pl.DataFrame, outcome: Outcome, subject: Ints, time: Ints) -> Floats:
    """What the outcome's events at these moments say: a level's place, or a value; NaN if nothing.

    Where several events of one moment differ, the highest level or value counts.

    Args:
        events: `subject`, `time` (microseconds since 1970 UTC), `value` and `text` of the events.
        outcome: Its kind and its levels.
        subject: Shape (n,). As in `events`.
        time: Shape (n,). NEVER or ALWAYS where there is no such moment.

    Raises:
        Invalid: an event says a text that is none of the levels.
    """
    rows = pl.DataFrame({"subject": subject, "time": time})
    asked = rows.filter(~pl.col("time").is_in([ALWAYS, NEVER])).unique()
    told = events.join(asked, on=["subject", "time"], how="semi")
    if outcome.kind == "regression":
        said = pl.col("value").cast(pl.Float64)
    else:
        text = pl.col("text").cast(pl.String)
        place = {level: float(number) for number, level in enumerate(outcome.levels)}
        said = text.replace_strict(place, default=None, return_dtype=pl.Float64)
        if told.select((text.is_not_null() & said.is_null()).any()).item():
            raise Invalid(
                "An event of the outcome says something that is none of its levels.",
                fix="name every text of the outcome under question.outcome.levels, or let the "
                "predicate leave some out with other_cols.",
                code="unknown_level",
            )
    highest = told.group_by("subject", "time").agg(said.max().alias("said"))
    found = rows.join(highest, on=["subject", "time"], how="left", maintain_order="left")
    return found["said"].fill_null(np.nan).to_numpy()
