"""The baseline of a version: made of answers that are as they should be, and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.calibration import log_odds, recalibrate
from bedside.monitor.disclosure import significant
from bedside.monitor.stream.answers import ABSTENTION, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline_json import baseline_from_json, baseline_to_json
from bedside.monitor.stream.cells import counted
from bedside.monitor.stream.codes import codes_of_baseline
from bedside.monitor.stream.draws import drawn, first_of_day, independent, last_of_day, span_of
from bedside.monitor.stream.grids import Grid, grid_of, levels_grid
from bedside.monitor.stream.margins import mean_range, share_range
from bedside.monitor.stream.streams import (
    FORM,
    POOLED,
    Baseline,
    FeatureBaseline,
    Group,
    Stream,
)
from bedside.monitor.stream.unwatched import unwatched_of
from bedside.monitor.stream.values import atoms_of, sums_of
from bedside.monitor.stream.wanted import missing_alike, wanted

__all__ = [
    "FORM",
    "Baseline",
    "FeatureBaseline",
    "Grid",
    "Group",
    "Stream",
    "baseline_from_json",
    "baseline_to_json",
    "make_baseline",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SHARES = ("missing", "beyond", "tail", "level", "codes", "alert", "answering", "unlike", "delay")
"""Families whose values are 0 or 1."""

_SLOW = 0.99  # the quantile of the latencies
_USUAL = 0.75  # of the delays of labels
_SAME = 1e-9  # a variance
_DAYS = 7  # that a usual number of patients a day needs


def make_baseline(
    answers: Answers,
    *,
    signals: Mapping[str, str | None],
    titles: Mapping[str, str],
    categories: Mapping[str, tuple[str, ...]],
    threshold: float | None,
    seed: int,
    minimum: int,
    unlike: Bools | None = None,
    made_from: str = "",
    version: str = "",
    live: bool = False,
) -> Baseline:
    """How these answers are, as streams whose means later answers should keep.

    One answer a subject counts, drawn as later ones will be. No patient's value is kept: edges
    are quantiles at three significant digits, cells hold more than ten subjects, and a share of
    ten subjects or fewer is not told.

    Args:
        answers: n answers that are as they should be.
        signals: The signal of each feature, or None.
        titles: Words for each feature; the name itself where absent.
        categories: For features that are categories, the labels whose index is the value.
        threshold: Risks of at least this alert; None: nothing does, or each row has its own.
        seed: Of the draws.
        minimum: A stream of fewer subjects is not made (never below 11); one of those with the
            event alone, or without it, is made of 11.
        unlike: Shape (n,), whether the patient is unlike the training patients; None: not known.
        made_from: What the answers are, in words.
        version: Id of the version.
        live: Whether the days are days on which a model answered.
    """
    span = span_of(answers, seed=seed)
    made = drawn(answers, seed=seed, span_hours=span)
    first = first_of_day(answers)
    least = max(minimum, SUPPRESS_AT_OR_BELOW + 1)
    some = answers.take(made.rows)
    known = ~np.isnan(some.risk) & ~np.isnan(some.label)
    judged = _Judged.of(some.risk[known], some.label[known])
    baseline = Baseline(
        made_from=made_from,
        version=version,
        streams=(),
        subjects=len(some),
        seed=seed,
        span_hours=span,
        threshold=threshold,
        features=_features(some, signals, titles, categories),
        risk=judged.risk if judged.risk is not None else grid_of(some.risk[~np.isnan(some.risk)]),
        calibrated=judged.calibrated,
        cases=judged.cases,
        controls=judged.controls,
        contributions=_contributions(some),
        groups=tuple(_groups(some, known, least)) if judged.calibrated else (),
        reasons=_reasons(answers, first),
        event_share=judged.event_share,
        usual_delay_days=_usual_delay(some, least),
        slow_ms=_slow(answers, first, least),
        per_day=_per_day(answers, first) if live else None,
        codes=codes_of_baseline(some),
    )
    return _watched(baseline, answers, made.rows, first, unlike, least)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """What the judged answers say of the risks."""

    risk: Grid | None = None
    calibrated: tuple[float, ...] = ()
    cases: Grid | None = None
    controls: Grid | None = None
    event_share: float | None = None

    @staticmethod
    def of(risk: Floats, label: Floats) -> "_Judged":
        """From the risks and labels, shape (n,)."""
        grid = grid_of(risk)
        if grid is None or risk.min() < 0 or risk.max() > 1:
            return _Judged()
        event = label > 0
        events = int(event.sum())
        told = min(events, event.size - events) > SUPPRESS_AT_OR_BELOW
        calibrated = _calibrated(grid, risk, label)
        ranks = told and not grid.one_value
        return _Judged(
            risk=grid,
            calibrated=calibrated,
            cases=_class_grid(grid, np.array(calibrated)) if ranks else None,
            controls=_class_grid(grid, 1 - np.array(calibrated)) if ranks else None,
            event_share=significant(events / event.size) if told else None,
        )


def _class_grid(grid: Grid, share: Floats) -> Grid:
    """The grid with the shares of those with the event, or of those without, in each cell.

    They follow from how many are in a cell and from the calibration, so that no small count is
    told, and are as fine as the grid. A placement by them has a mean close to the AUROC.
    """
    inside = np.array(grid.shares) * share
    total = float(inside.sum())
    shares = inside / total if total > 0 else np.array(grid.shares)
    return replace(grid, shares=tuple(round(float(one), 5) for one in shares))


def _calibrated(grid: Grid, risk: Floats, label: Floats) -> tuple[float, ...]:
    """The recalibrated risk in each cell: at the mean of the risks there.

    Where no recalibration can be fitted, as with one class alone, the risk itself.
    """
    cell = grid.place(risk)
    sums = np.bincount(cell, weights=risk, minlength=grid.cells)
    count = np.bincount(cell, minlength=grid.cells)
    middle = np.where(count > SUPPRESS_AT_OR_BELOW, sums / np.maximum(count, 1), risk.mean())
    odds = log_odds(risk)
    intercept, slope = recalibrate((label > 0).astype(float), odds, np.ones(risk.size))
    if np.isfinite(intercept) and slope > 0:
        middle = 1 / (1 + np.exp(-(intercept + slope * log_odds(middle))))
    return tuple(significant(float(one)) for one in middle)


def _features(
    some: Answers,
    signals: Mapping[str, str | None],
    titles: Mapping[str, str],
    categories: Mapping[str, tuple[str, ...]],
) -> tuple[FeatureBaseline, ...]:
    told = some.contributions
    if told is not None:
        told = told[~np.isnan(told).any(axis=1)]
    found = []
    for place, name in enumerate(some.features):
        column = some.matrix[:, place]
        values = column[~np.isnan(column)]
        levels = tuple(categories.get(name, ()))
        gain = None
        if told is not None and len(told) > SUPPRESS_AT_OR_BELOW:
            gain = significant(float(np.abs(told[:, place]).mean()))
        found.append(
            FeatureBaseline(
                name=name,
                signal=signals.get(name),
                title=titles.get(name, name),
                levels=levels,
                grid=levels_grid(values, len(levels)) if levels else grid_of(values),
                logs=None if levels else _logs(values),
                gain=gain,
            )
        )
    return tuple(found)


def _logs(values: Floats) -> tuple[int, float, float] | None:
    logs = np.log(np.abs(values[values != 0]))
    if logs.size <= SUPPRESS_AT_OR_BELOW:
        return None
    size = int(logs.size // 10 * 10)
    return size, significant(float(logs.mean()), 4), significant(float(logs.var()), 4)


def _contributions(some: Answers) -> tuple[float, ...]:
    if some.contributions is None:
        return ()
    known = some.contributions[~np.isnan(some.contributions).any(axis=1)]
    if len(known) <= SUPPRESS_AT_OR_BELOW:
        return ()
    return tuple(significant(float(one), 4) for one in known.mean(axis=0))


def _groups(some: Answers, known: Bools, least: int) -> list[Group]:
    found = []
    for dimension in sorted(some.groups):
        levels, counts = np.unique(some.groups[dimension][known].astype(str), return_counts=True)
        found += [
            Group(dimension=dimension, level=str(level), n=int(count) // 10 * 10)
            for level, count in zip(levels, counts, strict=True)
            if level and count >= least
        ]
    return found


def _reasons(answers: Answers, first: Bools) -> tuple[str, ...]:
    rows = first & (answers.outcome == ABSTENTION)
    reasons, counts = np.unique(answers.reason[rows].astype(str), return_counts=True)
    return tuple(str(one) for one in reasons[counts > SUPPRESS_AT_OR_BELOW] if one)


def _usual_delay(some: Answers, least: int) -> int | None:
    told = some.label_day != UNKNOWN_DAY
    if told.sum() < least:
        return None
    delays = some.label_day[told] - some.day[told]
    return max(0, int(np.ceil(np.quantile(delays, _USUAL))))


def _slow(answers: Answers, first: Bools, least: int) -> float | None:
    took = answers.latency_ms[first & ~np.isnan(answers.latency_ms)]
    return significant(float(np.quantile(took, _SLOW))) if took.size >= least else None


def _per_day(answers: Answers, first: Bools) -> tuple[float, float] | None:
    if not len(answers):
        return None
    begin, end = int(answers.day.min()), int(answers.day.max())
    if end - begin + 1 < _DAYS:
        return None
    counts = np.bincount(answers.day[first] - begin, minlength=end - begin + 1)
    return significant(float(counts.mean())), significant(float(counts.std(ddof=1)))


def _watched(
    baseline: Baseline,
    answers: Answers,
    rows: Bools,
    first: Bools,
    unlike: Bools | None,
    least: int,
) -> Baseline:
    """The baseline with the streams that can be watched, and words for what cannot."""
    if baseline.subjects < least:
        few = baseline.subjects if baseline.subjects > SUPPRESS_AT_OR_BELOW else "ten or fewer"
        why = f"Anything: the baseline has {few} patients, and fewer than {least} are not enough."
        return replace(baseline, unwatched=(why,))
    streams = list(
        wanted(
            baseline,
            alerts=baseline.threshold is not None or bool(answers.alert.any()),
            unlike=unlike is not None,
            latencies=baseline.slow_ms is not None,
            labels=bool(baseline.calibrated),
        )
    )
    as_one_day = replace(
        answers,
        day=np.zeros(len(answers), dtype=np.int64),
        label_day=np.where(np.isnan(answers.label), UNKNOWN_DAY, 0),
    )
    again = missing_alike(answers.take(rows), baseline.features)
    streams = [one for one in streams if one.family != "missing" or one.feature not in again]
    spots = last_of_day(answers)
    tried = replace(baseline, usual_delay_days=None, streams=tuple(streams))
    counts = counted(
        tried,
        as_one_day,
        np.zeros(1, dtype=np.int64),
        drawn=rows,
        first=first,
        last=spots,
        unlike=unlike,
    )[0]
    sums = sums_of(atoms_of(tried), counts)
    alone = independent(answers.subject[spots])
    kept = [
        _measured(stream, baseline, *(float(one) for one in figures), alone=alone)
        for stream, *figures in zip(streams, sums.n, sums.total, sums.squares, strict=True)
        if figures[0] >= _needed(stream, least) and _moves(stream, *figures)
    ]
    delay = _delay(baseline, answers, rows, least)
    made = replace(baseline, streams=(*kept, *([] if delay is None else [delay])))
    return replace(made, unwatched=unwatched_of(made, answers, unlike, least))


def _needed(stream: Stream, least: int) -> int:
    """How many subjects a stream needs; one of a class alone needs few of that class."""
    alone = stream.family in ("discrimination", "group discrimination")
    return SUPPRESS_AT_OR_BELOW + 1 if alone else least


def _moves(stream: Stream, n: float, total: float, squares: float) -> bool:
    """Whether its values differ among subjects, without which ranks of themselves say nothing."""
    return (
        stream.family not in ("rank", "spread", "score") or squares / n - (total / n) ** 2 > _SAME
    )


def _measured(
    stream: Stream,
    baseline: Baseline,
    n: float,
    total: float,
    squares: float,
    *,
    alone: float = 1.0,
) -> Stream:
    """The stream with what it was, and the range that counts as before.

    A stream of the patients of a day has one value a patient and day, each worth `alone`.
    """
    if stream.spot:
        n, total, squares = n * alone, total * alone, squares * alone
    size = round(n)
    told = size if stream.family == "missing" else size // 10 * 10
    if stream.family in SHARES:
        share, least, most = share_range(stream.family, round(total), size)
        sd = float(np.sqrt(share * (1 - share)))
    else:
        share = total / n
        sd = float(np.sqrt(max(0.0, squares / n - share**2) * n / max(n - 1, 1)))
        least, most = mean_range(
            stream.family, share, sd, size, baseline.event_share, pooled=stream.id == POOLED
        )
    return replace(
        stream,
        mean=round(share, 4),
        sd=round(sd, 4),
        n=told,
        least=round(least, 4),
        most=round(most, 4),
    )


def _delay(baseline: Baseline, answers: Answers, rows: Bools, least: int) -> Stream | None:
    """Whether labels came in time, of the answers for which that can be known."""
    if baseline.usual_delay_days is None:
        return None
    told = answers.label_day[answers.label_day != UNKNOWN_DAY]
    last = max(int(answers.day.max()), int(told.max()))
    due = answers.day + baseline.usual_delay_days
    old = rows & (due <= last)
    n, count = int(old.sum()), int((answers.label_day[old] <= due[old]).sum())
    if n < least:
        return None
    days = baseline.usual_delay_days
    stream = Stream(
        id="label_delay",
        kind="labels",
        family="delay",
        feature=None,
        signal=None,
        group=None,
        title=f"the share of patients whose outcome is known within {days} "
        f"{'day' if days == 1 else 'days'}",
        mean=0.0,
        sd=0.0,
        n=0,
        least=0.0,
        most=1.0,
    )
    return _measured(stream, baseline, float(n), float(count), float(count))
