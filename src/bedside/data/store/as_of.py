"""The hospital as it was known at a moment: what could be seen, corrected and merged by then."""

from datetime import datetime

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.data.store.merging import merge_statements, persons_of, without_replaced

__all__ = ["as_of", "known_as"]


def as_of(events: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """The events that were known at the moment, as they were known.

    An event is known when its `known_at` is not later. A correction that is known hides what it
    replaces of the same person, for good: taking a correction back does not bring the old value
    back. Subjects that were known to be one person stand under the identifier that survived; the
    merges themselves and what merely takes back are not shown.

    Args:
        events: Every event of its subjects, and of all that are merged with them.
        moment: Time-zone aware.

    Raises:
        Invalid: the moment has no time zone.
    """
    current, now = _current(events, moment)
    return _relabelled(current, now)


def known_as(events: pl.DataFrame, moment: datetime, subject_id: int) -> pl.DataFrame:
    """Like `as_of`, of the one person whom `subject_id` meant at the moment."""
    current, now = _current(events, moment)
    person = now.get(subject_id, subject_id)
    return _relabelled(current, now).filter(pl.col("subject_id") == person)


def _current(events: pl.DataFrame, moment: datetime) -> tuple[pl.DataFrame, dict[int, int]]:
    """What stands at the moment, and who was known under another's identifier."""
    if moment.tzinfo is None:
        raise Invalid("The moment has no time zone.", fix="give it with a zone, e.g. UTC.")
    seen = events.filter(pl.col("known_at") <= moment)
    takes_back = (pl.col("code").cast(pl.String) == TAKEN_BACK) | (
        pl.col("replaces").is_not_null()
        & pl.all_horizontal(pl.col("value", "text", "end").is_null())
    )
    current = without_replaced(seen, events).filter(~takes_back)
    statements = merge_statements(current)
    pairs = zip(statements["subject_id"], statements["into"], strict=True)
    return current.filter(pl.col("code") != MERGED_INTO), persons_of(pairs).relabelled()


def _relabelled(current: pl.DataFrame, now: dict[int, int]) -> pl.DataFrame:
    if not now:
        return current
    return current.with_columns(pl.col("subject_id").replace(list(now), list(now.values())))
