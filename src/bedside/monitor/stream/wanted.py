"""The streams that a version could be watched by, before it is known how they were."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bedside.core.records.watch import AlarmKind
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.codes import code_streams
from bedside.monitor.stream.grids import End
from bedside.monitor.stream.streams import (
    OF_THE_DAY,
    POOLED,
    SPOT,
    Baseline,
    Family,
    FeatureBaseline,
    Stream,
)

__all__ = ["missing_alike", "wanted"]


AT_ONCE = ("last", "hours_since", "count")
"""Aggregates that a lost feed or another unit changes at once."""


def wanted(
    baseline: Baseline, *, alerts: bool, unlike: bool, latencies: bool, labels: bool
) -> Iterator[Stream]:
    """Every stream that this baseline without streams allows; means and ranges are not known yet.

    Args:
        baseline: Its grids, groups and reasons.
        alerts: Whether anything alerts.
        unlike: Whether it is known who is unlike the training patients.
        latencies: Whether it is known how long answers take.
        labels: Whether it is known what came true.
    """
    for feature in baseline.features:
        yield from _of_feature(feature)
    if baseline.span_hours > 0:
        for feature in baseline.features:
            if _reacts(feature):
                yield from _of_a_day(feature)
    yield from code_streams(baseline)
    if baseline.risk is not None and not baseline.risk.one_value:
        yield _stream("score", "output", "score", "where the risks lie; 0.5: as before")
        if baseline.risk.cells > 2:
            yield _stream("score_spread", "output", "score", "how far risks lie from the middle")
    if alerts:
        yield _stream("alert", "output", "alert", "the share of patients with an alert")
    if unlike:
        words = "the share of patients unlike those the model learnt from"
        yield _stream("unlike", "input", "unlike", words)
    yield from _of_answering(baseline, latencies)
    if labels:
        yield from _of_labels(baseline, None)
        for group in baseline.groups:
            yield from _of_labels(baseline, group.name)


def missing_alike(some: Answers, features: Sequence[FeatureBaseline]) -> frozenset[str]:
    """Features that the same patients were without as an earlier feature of their signal.

    Of the aggregates of a signal over one window, and of the levels of a category, all or none
    are known: one stream for all of them keeps more of the budget for each.
    """
    seen: set[tuple[str, bytes]] = set()
    again = set()
    gone = np.isnan(some.matrix)
    for place, feature in enumerate(features):
        if feature.signal is not None:
            key = (feature.signal, gone[:, place].tobytes())
            (again.add(feature.name) if key in seen else seen.add(key))
    return frozenset(again)


def _of_feature(feature: FeatureBaseline) -> Iterator[Stream]:
    name, words = feature.name, feature.title
    yield _input(feature, f"missing:{name}", "missing", f"the share of patients without '{words}'")
    grid = feature.grid
    if grid is None:
        return
    if feature.levels:
        for level in feature.levels:
            told = f"the share of patients whose '{words}' is '{level}'"
            yield _input(feature, f"level:{name}={level}", "level", told)
        return
    if not grid.one_value:
        told = f"where the values of '{words}' lie; 0.5: as before"
        yield _input(feature, f"rank:{name}", "rank", told)
    if grid.cells > 2 and not grid.one_value:
        told = f"how far the values of '{words}' lie from the middle"
        yield _input(feature, f"spread:{name}", "spread", told)
    ends: tuple[tuple[End, str], ...] = (("low", "at or below"), ("high", "at or above"))
    for side, where in ends:
        if grid.end(side) is not None:
            told = f"the share of patients whose '{words}' is {where} what a tenth had"
            yield _input(feature, f"{side}:{name}", "tail", told)
    if grid.low or grid.high:
        told = f"the share of patients whose '{words}' is beyond the usual"
        yield _input(feature, f"beyond:{name}", "beyond", told)


def _reacts(feature: FeatureBaseline) -> bool:
    """Whether what comes now is in it at once, and not only a share of a longer window."""
    if feature.signal is None:
        return False
    rest = feature.name.removeprefix(feature.signal)
    return rest == "" or (rest[0] == "." and rest[1:].split(".")[0] in AT_ONCE)


def _of_a_day(feature: FeatureBaseline) -> Iterator[Stream]:
    """The shares among all patients of a day, by the last answer of each."""
    for stream in _of_feature(feature):
        if stream.family in ("missing", "beyond", "tail"):
            title = f"{stream.title}{OF_THE_DAY}"
            yield replace(stream, id=f"{SPOT}{stream.id}", title=title)


def _of_answering(baseline: Baseline, latencies: bool) -> Iterator[Stream]:
    words = "the share of patients of a day whose first answer"
    yield _stream("abstention", "output", "answering", f"{words} withheld a score")
    for reason in baseline.reasons:
        told = f"{words} withheld a score because of '{reason}'"
        yield _stream(f"abstention:{reason}", "output", "answering", told)
    yield _stream("failure", "output", "answering", f"{words} failed")
    if latencies:
        told = f"{words} took {baseline.slow_ms:g} ms or longer"
        yield _stream("slow", "output", "answering", told)


def _of_labels(baseline: Baseline, group: str | None) -> Iterator[Stream]:
    mark, kind, of = "", "performance", ""
    if group is not None:
        mark, kind, of = f":{group}", "fairness", f" ({group})"
    calibration: Family = "calibration" if group is None else "group calibration"
    ranking: Family = "discrimination" if group is None else "group discrimination"
    if baseline.risk is not None and baseline.calibrated:
        told = f"outcomes against what was predicted{of}; higher: more came than predicted"
        yield _stream(f"residual{mark}", kind, calibration, told, group)
    if baseline.controls is not None and baseline.cases is not None:
        told = f"how often a patient with the event{of} ranked above those without it"
        yield _stream(f"placement_case{mark}", kind, ranking, told, group)
        told = f"how often a patient without the event{of} ranked below those with it"
        yield _stream(f"placement_control{mark}", kind, ranking, told, group)
        if group is None:  # both kinds a little worse are seen sooner together
            told = "how often a patient ranked as they should against those of the other kind"
            yield _stream(POOLED, kind, ranking, told)


def _input(feature: FeatureBaseline, name: str, family: Family, title: str) -> Stream:
    return _stream(name, "input", family, title, feature=feature)


def _stream(
    name: str,
    kind: AlarmKind | str,
    family: Family,
    title: str,
    group: str | None = None,
    feature: FeatureBaseline | None = None,
) -> Stream:
    return Stream(
        id=name,
        kind=kind,  # type: ignore[arg-type]
        family=family,
        feature=None if feature is None else feature.name,
        signal=None if feature is None else feature.signal,
        group=group,
        title=title,
        mean=0.5,
        sd=0.0,
        n=0,
        least=0.0,
        most=1.0,
    )
