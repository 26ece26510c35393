"""Figures of a watched version over time, each with its interval; what is small is not shown."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_text
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.comparison import auroc_interval
from bedside.metrics.intervals import Z, wilson
from bedside.monitor.causes.evidence_of import CARE
from bedside.monitor.stream.cells import Layout
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally, summed

__all__ = ["area_of", "by_care", "by_group", "by_month", "calibration", "in_periods", "mean_figure"]

Ints = npt.NDArray[np.int64]

LENGTHS = (1, 7, 14, 28)
"""Days of a period: the shortest in which most periods have enough patients to be shown."""

_MOST = 0.75
Figure = dict[str, Any]


def in_periods(tallies: Sequence[Tally], figure: Callable[[Tally], Figure]) -> dict[str, Any]:
    """The figure of each period, with the shortest length of period for which most can be shown.

    Of a version that is too young, or asked too seldom, for any: the length with the most that can.
    How many patients a period had is then not told, or a hidden number could be told from others.

    Returns:
        `days` of a period, and its `points`: first and last day, and the figure.
    """
    best: tuple[int, int, list[Figure]] = (0, LENGTHS[-1], [])
    for length in LENGTHS:
        points = [
            {"first": day_text(some[0].day), "last": day_text(some[-1].day), **figure(summed(some))}
            for some in _cut(tallies, length)
        ]
        told = sum(point["estimate"] is not None for point in points)
        if points and told >= _MOST * len(points):
            return {"days": length, "points": points}
        if told > best[0]:
            best = (told, length, points)
    return {"days": best[1], "points": [{**point, "n": None} for point in best[2]]}


def _cut(tallies: Sequence[Tally], length: int) -> Iterator[list[Tally]]:
    """Parts of so many days, the last ending with the last day; an incomplete first is left out."""
    if not tallies:
        return
    last = tallies[-1].day
    for _, some in groupby(tallies, key=lambda tally: (last - tally.day) // length):
        part = list(some)
        begin = last - ((last - part[-1].day) // length + 1) * length + 1
        if length == 1 or tallies[0].day <= begin:
            yield part


def mean_figure(baseline: Baseline, stream: str) -> Callable[[Tally], Figure]:
    """The mean of a stream's values with its 95 % interval: Wilson's for yes or no, else normal."""
    place = baseline.index(stream)

    def figure(tally: Tally) -> Figure:
        if place is None:
            return hidden("it is not watched")
        n, total = float(tally.n[place]), float(tally.total[place])
        yes_or_no = baseline.streams[place].family in ("alert", "answering", "delay", "unlike")
        small = min(total, n - total) if yes_or_no else n
        if n <= SUPPRESS_AT_OR_BELOW or 0 < small <= SUPPRESS_AT_OR_BELOW:
            return hidden("ten patients or fewer")
        mean = total / n
        if yes_or_no:
            low, high = wilson(mean, n)
            return {"estimate": mean, "low": low, "high": high, "n": int(n)}
        spread = max(float(tally.squares[place]) / n - mean * mean, 0.0)
        half = Z * math.sqrt(spread / n)
        return {"estimate": mean, "low": mean - half, "high": mean + half, "n": int(n)}

    return figure


def calibration(baseline: Baseline) -> Callable[[Tally], Figure]:
    """Outcomes that came for each that was foretold, with its 95 % interval."""
    layout = Layout.of(baseline)

    def figure(tally: Tally) -> Figure:
        n, residual, variance = (float(one) for one in tally.by_care.sum(axis=0))
        events = int(_labels(layout, tally, None)[1].sum())
        expected = events - residual
        if min(events, n - events) <= SUPPRESS_AT_OR_BELOW or expected <= 0:
            return hidden("ten patients or fewer with the outcome, or without it")
        half = Z * math.sqrt(max(variance, 0.0))
        return {
            "estimate": events / expected,
            "low": max(events - half, 0.0) / expected,
            "high": (events + half) / expected,
            "n": int(n),
        }

    return figure


def by_month(baseline: Baseline, tallies: Sequence[Tally]) -> list[Figure]:
    """AUROC of the outcomes that came to be known in each month, with its interval."""
    layout = Layout.of(baseline)
    months = groupby(tallies, key=lambda tally: day_text(tally.day)[:7])
    return [{"month": month, **area_of(layout, summed(list(some)))} for month, some in months]


def area_of(layout: Layout, tally: Tally) -> Figure:
    """AUROC of everybody judged, by DeLong's variance."""
    controls, cases = _labels(layout, tally, None)
    if min(controls.sum(), cases.sum()) <= SUPPRESS_AT_OR_BELOW:
        return hidden("ten patients or fewer with the outcome, or without it")
    cell = np.arange(layout.fine) / layout.fine
    risk = np.concatenate([np.repeat(cell, controls), np.repeat(cell, cases)])
    label = np.repeat([0, 1], [int(controls.sum()), int(cases.sum())])
    area, low, high = auroc_interval(label, risk)
    return {"estimate": area, "low": low, "high": high, "n": len(label)}


def by_group(baseline: Baseline, whole: Tally) -> list[dict[str, Any]]:
    """Of each group: how well its patients are ranked, and outcomes less risks, before and now."""
    found: list[dict[str, Any]] = []
    for group in baseline.groups:
        ranked = [f"placement_case:{group.name}", f"placement_control:{group.name}"]
        told = [_before_and_now(baseline, whole, name) for name in ranked]
        difference = _before_and_now(baseline, whole, f"residual:{group.name}")
        found.append(
            {
                "group": group.name,
                "n": difference[1]["n"],
                "ranking": {
                    "then": _both(told[0][0], told[1][0]),
                    "now": _both(told[0][1], told[1][1]),
                },
                "difference": {
                    "then": _scaled(difference[0], 2.0, 1.0),
                    "now": _scaled(difference[1], 2.0, 1.0),
                },
            }
        )
    few = {row["group"].split(":")[0] for row in found if row["n"] is None}
    for row in found:  # or a hidden number could be told from the others
        if row["group"].split(":")[0] in few:
            row["n"] = None
    return found


def _before_and_now(baseline: Baseline, whole: Tally, stream: str) -> tuple[Figure, Figure]:
    """The mean of a stream in the baseline, and now."""
    place = baseline.index(stream)
    if place is None:
        few = hidden("too few in the baseline")
        return few, few
    told = baseline.streams[place]
    half = Z * told.sd / math.sqrt(max(told.n, 1))
    then = {"estimate": told.mean, "low": told.mean - half, "high": told.mean + half, "n": told.n}
    return then, mean_figure(baseline, stream)(whole)


def _both(cases: Figure, controls: Figure) -> Figure:
    """The mean of two independent figures: of both placements, an AUROC against the baseline."""
    if cases["estimate"] is None or controls["estimate"] is None:
        return cases if cases["estimate"] is None else controls
    middle = (cases["estimate"] + controls["estimate"]) / 2
    half = math.hypot(*(one["high"] - one["estimate"] for one in (cases, controls))) / 2
    return {"estimate": middle, "low": middle - half, "high": middle + half, "n": cases["n"]}


def by_care(whole: Tally) -> list[dict[str, Any]]:
    """Outcomes less what was foretold, by what staff saw and did."""
    found = []
    for name, (n, residual, variance) in zip(CARE, whole.by_care.tolist(), strict=True):
        if n == 0:
            continue
        if n <= SUPPRESS_AT_OR_BELOW:
            found.append({"care": name, **hidden("ten patients or fewer")})
            continue
        half = Z * math.sqrt(max(variance, 0.0)) / n
        mean = residual / n
        found.append(
            {"care": name, "estimate": mean, "low": mean - half, "high": mean + half, "n": int(n)}
        )
    if any(row["estimate"] is None for row in found):  # it could be told from the others
        found = [{**row, "n": None} for row in found]
    return found


def hidden(why: str) -> Figure:
    """A figure that is not shown, and why."""
    return {"estimate": None, "low": None, "high": None, "n": None, "why": why}


def _labels(layout: Layout, tally: Tally, group: int | None) -> tuple[Ints, Ints]:
    """Judged patients without and with the outcome, by fine cell of the risk."""
    start = layout.labels(group)
    cells = tally.counts[start : start + 2 * layout.fine]
    return cells[0::2], cells[1::2]


def _scaled(figure: Figure, scale: float, shift: float) -> Figure:
    """The figure times `scale`, less `shift`."""
    if figure["estimate"] is None:
        return figure
    return {**figure, **{key: scale * figure[key] - shift for key in ("estimate", "low", "high")}}
