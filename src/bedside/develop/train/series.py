"""Training subjects' events, changed a little before features are made of them.

Every random number belongs to (seed, copy, subject, place in the subject's own record), so a
copy of a subject is the same in any shard, beside any other subjects, and in any row order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from bedside.features.batch import shard_columns
from bedside.features.definition import FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, compute

__all__ = ["Change", "changed_features", "jittered", "spreads", "warped"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
EVENTS_AT_ONCE = 2_000_000
STEEPEST = 0.75  # a warp's pace stays between a quarter and seven quarters of the real one


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One copy of the training subjects, as it travels to the shards.

    `spread` is the SD of the noise by code, `low` and `high` the plausible range where there is
    one, for a jitter; a time warp has none of them, and `sd` is a share of the record's length.
    """

    kind: str
    seed: int
    copy: int
    sd: float
    spread: Mapping[str, float]
    low: Mapping[str, float]
    high: Mapping[str, float]


def spreads(code: pl.Series, value: pl.Series) -> dict[str, float]:
    """The standard deviation of the values of each code; the row order does not matter.

    Args:
        code: Shape (n,).
        value: Shape (n,). Null or not finite: left out.
    """
    table = pl.DataFrame({"code": code.cast(pl.String), "value": value})
    known = table.filter(pl.col("value").is_finite()).sort("code", "value")
    return {
        str(name): float(part["value"].to_numpy().std())
        for (name,), part in known.group_by("code", maintain_order=True)
    }


def changed_features(
    feature_set: FeatureSet, events: pl.DataFrame, asked: pl.DataFrame, change: Change
) -> Floats:
    """Feature matrix, shape (len(asked), k), of changed copies of the asked subjects.

    Args:
        feature_set: k features.
        events: A shard of the event table, clean; subjects who are not asked are not looked at.
        asked: Columns subject_id and prediction_time, sorted by both.
        change: What is done to the events.
    """
    subjects = asked["subject_id"].unique().sort()
    index = pl.DataFrame(
        {"subject_id": subjects, "subject": np.arange(len(subjects), dtype=np.int64)}
    )
    place = asked.select("subject_id").join(index, on="subject_id", maintain_order="left")
    subject = place["subject"].to_numpy()
    moment = asked["prediction_time"].cast(pl.Int64).to_numpy()
    columns = _ordered(shard_columns(feature_set, events, index))
    drawn = _mixed(_seed_of(change), subjects.to_numpy().astype(np.int64).view(np.uint64))
    if change.kind == "jitter":
        moved = jittered(columns, feature_set.codes, drawn, change)
        return compute(feature_set, moved, subject, moment)
    bends = np.stack([_normal(_mixed(drawn, np.uint64(k))) / k for k in (1, 2)]) * change.sd
    return _warped_features(feature_set, columns, subject, moment, bends)


def jittered(
    columns: EventColumns, codes: tuple[str, ...], drawn: Any, change: Change
) -> EventColumns:
    """The same events with noise on the values of the changed codes, inside what is plausible.

    Args:
        columns: In the order of `_ordered`.
        codes: The names behind `columns.code`.
        drawn: Shape (number of subjects,), uint64. A random number of each subject.
        change: Its spreads and ranges.
    """
    if len(columns.value) == 0:
        return columns
    first = np.searchsorted(columns.subject, columns.subject, side="left")
    number = np.arange(len(columns.value), dtype=np.int64) - first
    noise = _normal(_mixed(drawn[columns.subject], number.astype(np.uint64)))
    by_code = [
        np.array([told.get(code, other) for code in codes])[columns.code]
        for told, other in ((change.spread, 0.0), (change.low, -np.inf), (change.high, np.inf))
    ]
    spread, low, high = by_code
    moved = np.clip(columns.value + spread * noise, low, high)
    return replace(columns, value=np.where(spread > 0, moved, columns.value))


def warped(time: Ints, known_at: Ints, row: Ints, moment: Ints, bends: Floats) -> tuple[Ints, Ints]:
    """Times of visible events, moved between each row's first event and its prediction time.

    In each row the stretch from the first event to the prediction time, less the longest delay
    between an event and its being known, runs unevenly; both its ends stay. So the order of the
    events is kept, every delay is kept, and nothing is known later than the prediction time.
    Times a few microseconds apart may fall together.

    Args:
        time: Shape (n,), microseconds; `ALWAYS` stays. At or before the row's moment.
        known_at: Shape (n,). At or before the row's moment.
        row: Shape (n,), ascending.
        moment: Shape (m,). Prediction time of each row.
        bends: Shape (2, m). How far the first and the second harmonic bend the time.

    Returns:
        The new time and known_at.
    """
    timed = time != ALWAYS
    span = _spans(time[timed], known_at[timed], row[timed], moment)
    start, length = span[0][row], span[1][row]
    bend = bends * np.minimum(
        1.0, STEEPEST / (np.pi * (np.abs(bends[0]) + 2 * np.abs(bends[1])) + 1e-300)
    )
    inside = timed & (length > 0)
    since = np.where(inside, time - np.where(inside, start, 0), 0)
    inside &= since < length
    share = np.where(inside, since / np.maximum(length, 1), 0.0)
    first, second = bend[0][row], bend[1][row]
    bent = share + first * np.sin(np.pi * share) + second * np.sin(2 * np.pi * share)
    new = np.where(inside, np.clip(np.rint(bent * length).astype(np.int64), 0, length), since)
    moved = np.where(inside, new - since, 0)
    return time + moved, known_at + np.where(timed, moved, 0)


def _spans(time: Ints, known_at: Ints, row: Ints, moment: Ints) -> tuple[Ints, Ints]:
    """Of each row: when its record starts, and how long the stretch is that may run unevenly."""
    start, length = moment.copy(), np.zeros(len(moment), dtype=np.int64)
    rows, first = np.unique(row, return_index=True)
    if len(rows):
        start[rows] = np.minimum.reduceat(time, first)
        delay = np.maximum(np.maximum.reduceat(known_at - time, first), 0)
        length[rows] = np.maximum(moment[rows] - delay - start[rows], 0)
    return start, length


def _warped_features(
    feature_set: FeatureSet, columns: EventColumns, subject: Ints, moment: Ints, bends: Floats
) -> Floats:
    """Each prediction has a warp of its own, so each row becomes a subject of its own."""
    begin = np.searchsorted(columns.subject, subject, side="left")
    count = np.searchsorted(columns.subject, subject, side="right") - begin
    reach = np.cumsum(count)
    matrix = np.empty((len(subject), len(feature_set.features)))
    at = 0
    while at < len(subject):
        before = reach[at] - count[at]
        until = max(at + 1, int(np.searchsorted(reach, before + EVENTS_AT_ONCE, side="right")))
        rows = slice(at, until)
        matrix[rows] = _rows_warped(
            feature_set, columns, begin[rows], count[rows], moment[rows], bends[:, subject[rows]]
        )
        at = until
    return matrix


def _rows_warped(
    feature_set: FeatureSet,
    columns: EventColumns,
    begin: Ints,
    count: Ints,
    moment: Ints,
    bends: Floats,
) -> Floats:
    """The features of some rows, from what each could see, moved."""
    row = np.repeat(np.arange(len(begin), dtype=np.int64), count)
    offset = np.arange(len(row), dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    event = begin[row] + offset
    now = moment[row]
    seen = (
        (columns.time[event] <= now)
        & (columns.known_at[event] <= now)
        & (now < columns.superseded_at[event])
    )
    event, row = event[seen], row[seen]
    own = columns.taken(event)
    time, known_at = warped(own.time, own.known_at, row, moment, bends)
    moved = replace(
        own,
        subject=row,
        time=time,
        known_at=known_at,
        superseded_at=np.full(len(event), NEVER),
        end=None if own.end is None else _moved_ends(own.end, own.time, time),
    )
    return compute(feature_set, moved, np.arange(len(begin), dtype=np.int64), moment)


def _ordered(columns: EventColumns) -> EventColumns:
    """Events by subject, then by what they are, so that each has its own place in the record."""
    order = np.lexsort(
        (
            columns.superseded_at,
            columns.value,
            columns.known_at,
            columns.time,
            columns.code,
            columns.subject,
        )
    )
    return columns.taken(order)


def _moved_ends(end: Ints, time: Ints, moved: Ints) -> Ints:
    """Each interval keeps its length; an open one stays open."""
    ends: Ints = end + np.where(end == NEVER, 0, moved - time)
    return ends


def _seed_of(change: Change) -> Any:
    kind = np.uint64(1 if change.kind == "jitter" else 2)
    return _mixed(_mixed(kind, np.uint64(change.seed)), np.uint64(change.copy))


def _mixed(state: Any, more: Any) -> Any:
    """A random 64-bit number for each pair (SplitMix64 of Steele et al., OOPSLA 2014)."""
    with np.errstate(over="ignore"):
        mixed = np.atleast_1d(state) ^ (
            (np.atleast_1d(more) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        )
        mixed = mixed + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))


def _normal(drawn: Any) -> Any:
    """Standard normal numbers from random 64-bit ones."""
    return ndtri(((drawn >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53)
