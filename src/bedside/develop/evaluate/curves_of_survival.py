"""Survival predicted against survival observed, by group of risk, at each horizon and over time.

What is observed takes censoring into account: the share who had the event by a day is by Aalen and
Johansen's estimator, in which whoever has a competing event can no longer have the event; without
competing events it is one less Kaplan and Meier's. A curve ends where ten subjects or fewer are
still followed.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.evaluate.binning import even_cuts, interval, kept_cuts, place_of, sums
from bedside.develop.evaluate.statistics import Rows

__all__ = ["incidence", "survival_curves"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
GROUPS, FIFTHS, DAYS = 4, 5, 40
OVER_TIME = 12  # moments at which discrimination and Brier score are told


def survival_curves(rows: Rows, weights: Floats) -> dict[str, Any]:
    """Curves of a survival model.

    `risk_groups`: for each quarter of the risk by the last horizon, the mean predicted and the
    observed share with the event, by day. `horizons`: for each horizon, fifths of the risk by then
    (`predicted`, and `observed` with its interval). `over_time`: AUC and Brier score by day, with
    subjects weighted by the inverse of their chance to be followed so long. `competing`: the share
    with the competing event by day, where there is one.

    Args:
        rows: Of a survival outcome, with `target`, `horizons`, `outputs` and `curve`.
        weights: Shape (subjects, 1 + B), from `drawings`.
    """
    days = rows.target if rows.target is not None else np.zeros(len(rows.risk))
    made: dict[str, Any] = {
        "horizons": [
            {"days": float(horizon), **_at_horizon(rows, days, at, weights)}
            for at, horizon in enumerate(rows.horizons)
        ]
    }
    if rows.curve is None or rows.curve_days is None:
        return made
    grid = np.unique(np.linspace(0, len(rows.curve_days) - 1, DAYS).astype(int))
    made["risk_groups"] = _by_group(rows, days, grid, weights)
    made["over_time"] = _over_time(rows, days, grid[:: max(len(grid) // OVER_TIME, 1)], weights)
    if (rows.label == 2).any():
        every = np.ones(len(days), dtype=bool)
        at = rows.curve_days[grid]
        table = incidence(days, rows.label, 2, every, rows.subject, at, weights)
        told = interval(table[_followed(days, every, rows.subject, at)])
        made["competing"] = {"days": at[: len(told["low"])].tolist(), **told}
    return made


def incidence(
    days: Floats,
    label: Ints,
    cause: int,
    inside: Bools,
    subject: Ints,
    at: Floats,
    weights: Floats,
) -> Floats:
    """The observed share with an event of one cause by each day, shape (len(at), 1 + B).

    Args:
        days: Shape (n,), to the event or the end of follow-up.
        label: Shape (n,), 0 where follow-up ended first, otherwise the cause.
        cause: 1 or 2.
        inside: Shape (n,), the rows that are counted.
        subject: Shape (n,).
        at: Days, ascending.
        weights: Shape (subjects, 1 + B).

    Source: Aalen & Johansen, Scand J Stat 1978;5(3):141-150.
    """
    day, causes, whose = days[inside], label[inside], subject[inside]
    moments = np.unique(day[causes > 0])
    if not len(moments):
        return np.zeros((len(at), weights.shape[1]))
    place = np.searchsorted(moments, day, side="right") - 1  # the last moment they are there for
    there = place >= 0
    leaving = sums(place[there], len(moments), whose[there], np.ones(there.sum()), weights)
    followed = leaving[::-1].cumsum(axis=0)[::-1]
    own, any_ = (
        sums(place[of], len(moments), whose[of], np.ones(of.sum()), weights)
        for of in (causes == cause, causes > 0)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(followed > 0, 1 - any_ / followed, 1.0).cumprod(axis=0)
        before = np.concatenate([np.ones((1, weights.shape[1])), left[:-1]])
        grown = np.where(followed > 0, before * own / followed, 0.0).cumsum(axis=0)
    upto = np.searchsorted(moments, at, side="right")
    whole: Floats = np.concatenate([np.zeros((1, weights.shape[1])), grown])[upto]
    return whole


def _followed(days: Floats, inside: Bools, subject: Ints, at: Floats) -> Bools:
    """At which of the days more than ten subjects are still followed."""
    longest = np.zeros(int(subject[-1]) + 1)
    np.maximum.at(longest, subject[inside], days[inside])
    return np.array([(longest >= day).sum() > SUPPRESS_AT_OR_BELOW for day in at])


def _by_group(rows: Rows, days: Floats, grid: Ints, weights: Floats) -> list[dict[str, Any]]:
    curve, at = _curve(rows), _days(rows)[grid]
    cuts = kept_cuts(rows.risk, rows.subject, even_cuts(rows.risk, GROUPS))
    place = place_of(rows.risk, cuts)
    made = []
    for group in range(len(cuts) + 1):
        inside = place == group
        shown = _followed(days, inside, rows.subject, at)
        table = incidence(days, rows.label, 1, inside, rows.subject, at[shown], weights)
        told = interval(table)
        made.append(
            {
                "subjects": len(np.unique(rows.subject[inside])),
                "predicted_days": at.tolist(),
                "predicted": curve[inside][:, grid].mean(axis=0).tolist(),
                "days": at[shown].tolist(),
                "observed": told["estimate"],
                "low": told["low"],
                "high": told["high"],
            }
        )
    return made


def _at_horizon(rows: Rows, days: Floats, at: int, weights: Floats) -> dict[str, Any]:
    risk = rows.outputs[:, at] if rows.outputs is not None else rows.risk
    horizon = np.array([rows.horizons[at]])
    cuts = kept_cuts(risk, rows.subject, even_cuts(risk, FIFTHS))
    place = place_of(risk, cuts)
    predicted, table, subjects = [], [], []
    for group in range(len(cuts) + 1):
        inside = place == group
        if not _followed(days, inside, rows.subject, horizon)[0]:
            continue  # nobody can say what was observed there
        predicted.append(float(risk[inside].mean()))
        subjects.append(len(np.unique(rows.subject[inside])))
        table.append(incidence(days, rows.label, 1, inside, rows.subject, horizon, weights)[0])
    told = interval(np.array(table).reshape(len(table), weights.shape[1]))
    return {
        "predicted": predicted,
        "observed": told["estimate"],
        "low": told["low"],
        "high": told["high"],
        "subjects": subjects,
    }


def _over_time(rows: Rows, days: Floats, grid: Ints, weights: Floats) -> dict[str, Any]:
    """Cumulative/dynamic AUC and Brier score at some days, by inverse chance of being followed.

    Source: Uno et al., J Am Stat Assoc 2007;102(478):527-537; Graf et al., Stat Med
        1999;18(17-18):2529-2545.
    """
    curve, at = _curve(rows), _days(rows)[grid]
    kept = _followed(days, np.ones(len(days), dtype=bool), rows.subject, at)
    areas, scores, told = [], [], []
    for column, day in zip(grid[kept], at[kept], strict=True):
        had = (days <= day) & (rows.label == 1)
        out = (days <= day) & (rows.label == 2)
        free = days > day
        few = min(len(np.unique(rows.subject[part])) for part in (had, free | out))
        if few <= SUPPRESS_AT_OR_BELOW:
            continue
        followed = 1 - _censored(rows, days, np.append(np.nextafter(days, 0.0), day))
        chance = np.where(free, followed[-1], followed[:-1])
        known = np.where((had | out | free) & (chance > 0), 1 / np.maximum(chance, 1e-12), 0.0)
        risk = curve[:, column]
        areas.append(_area(risk, had * known, (free | out) * known, rows.subject, weights))
        off = known * (had - risk) ** 2
        one = np.zeros(len(days), dtype=np.int64)
        score = sums(one, 1, rows.subject, off, weights) / sums(
            one, 1, rows.subject, np.ones(len(days)), weights
        )
        scores.append(score[0])
        told.append(float(day))
    shape = (len(told), weights.shape[1])
    return {
        "days": told,
        "auc": interval(np.array(areas).reshape(shape)),
        "brier": interval(np.array(scores).reshape(shape)),
    }


def _censored(rows: Rows, days: Floats, at: Floats) -> Floats:
    """The share whose follow-up had ended without any event by each day, shape (len(at),)."""
    order = np.argsort(at, kind="stable")
    every = np.ones(len(days), dtype=bool)
    ended = (rows.label == 0).astype(np.int64)
    table = incidence(
        days, ended, 1, every, rows.subject, at[order], np.ones((rows.subjects, 1))
    )  # fmt: skip
    made = np.empty(len(at))
    made[order] = table[:, 0]
    return made


def _area(risk: Floats, ill: Floats, well: Floats, subject: Ints, weights: Floats) -> Floats:
    """The chance that someone ill has the higher risk, ties as a half, shape (1 + B,)."""
    _, rank = np.unique(risk, return_inverse=True)
    many = int(rank.max()) + 1
    true = sums(rank, many, subject, ill, weights)
    false = sums(rank, many, subject, well, weights)
    below = false.cumsum(axis=0) - false
    with np.errstate(divide="ignore", invalid="ignore"):
        area: Floats = (true * (below + false / 2)).sum(axis=0) / (
            true.sum(axis=0) * false.sum(axis=0)
        )
    return area


def _curve(rows: Rows) -> Floats:
    return rows.curve if rows.curve is not None else np.empty((len(rows.risk), 0))


def _days(rows: Rows) -> Floats:
    return rows.curve_days if rows.curve_days is not None else np.empty(0)
