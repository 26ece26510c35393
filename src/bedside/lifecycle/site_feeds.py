"""What a site's own data bring for each signal of a version: units, codes, delays, coverage."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import BedsideError
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.leakage import DELAY_HOURS
from bedside.core.units import conversion
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.likely_units import Usual, looks_like
from bedside.develop.evaluate.onboarding import Feed, UnitMet
from bedside.features.definition import Feature, FeatureSet

__all__ = ["Counted", "counted_events", "feeds_of"]

Floats = npt.NDArray[np.float64]
_VALUED = ("last", "mean", "first", "max", "min")  # aggregates in the unit of the events
_FOUR_FIFTHS = 1.2816  # standard deviations either way


@dataclass(kw_only=True)
class Counted:
    """The events of a data set as they came, before anything was set aside.

    `units` counts the values by code and unit, `values` holds them, `subjects` who has a code, and
    `delays` counts the dated events by code in the bands of `DELAY_HOURS`.
    """

    units: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    values: dict[tuple[str, str | None], list[Floats]] = field(default_factory=dict)
    subjects: Counter[str] = field(default_factory=Counter)
    delays: dict[str, list[int]] = field(default_factory=dict)
    whole: int = 0


def counted_events(collected: Snapshot, wanted: Sequence[str]) -> Counted:
    """Count a collected data set; values are kept of the wanted codes alone."""
    counted = Counted()
    for shard in collected.shards():
        events = fold_merges(shard).with_columns(pl.col("code", "unit").cast(pl.String))
        counted.whole += events["subject_id"].n_unique()
        some = events.group_by("code").agg(pl.col("subject_id").n_unique())
        counted.subjects.update(dict(some.iter_rows()))
        ours = events.filter(pl.col("code").is_in(list(wanted)))
        _values(counted, ours)
        _delays(counted, ours)
    return counted


def _values(counted: Counted, events: pl.DataFrame) -> None:
    measured = events.filter(pl.col("value").is_not_null() & pl.col("value").is_finite())
    for (code, unit), part in measured.partition_by("code", "unit", as_dict=True).items():
        key = str(code), None if unit is None else str(unit)
        counted.units[key] += part.height
        counted.values.setdefault(key, []).append(part["value"].to_numpy())


def _delays(counted: Counted, events: pl.DataFrame) -> None:
    dated = events.filter(pl.col("time").is_not_null())
    hours = (pl.col("known_at") - pl.col("time")).dt.total_seconds(fractional=True) / 3600
    band = pl.sum_horizontal([(hours > edge).cast(pl.Int32) for edge in DELAY_HOURS])
    told = dated.select("code", band=band).group_by("code", "band").len()
    for code, place, count in told.iter_rows():
        counted.delays.setdefault(code, [0] * (len(DELAY_HOURS) + 1))[place] += count


def feeds_of(
    declaration: Declaration,
    feature_set: FeatureSet,
    matrix: Floats,
    counted: Counted,
    evidence: Mapping[str, Any],
    reference: Mapping[str, Any],
) -> list[Feed]:
    """Each signal that the model reads, as the site has it and as the build had it.

    Args:
        declaration: The model's.
        feature_set: Its k features.
        matrix: Shape (n, k), of the site's patients.
        counted: The site's events as they came.
        evidence: Of the build, from the bundle.
        reference: What the bundle is watched by.
    """
    return list(_feeds(declaration, feature_set, matrix, counted, evidence, reference))


def _feeds(
    declaration: Declaration,
    feature_set: FeatureSet,
    matrix: Floats,
    counted: Counted,
    evidence: Mapping[str, Any],
    reference: Mapping[str, Any],
) -> Iterator[Feed]:
    shares = _importance(evidence)
    watched = {one["name"]: one for one in reference["features"]}
    mix = evidence.get("case_mix", {}).get("features", {})
    for name, signal in declaration.signals.items():
        own = [(at, f) for at, f in enumerate(feature_set.features) if f.signal == name]
        if not own:
            continue
        told = [mix[f.name]["missing"] for _, f in own if f.name in mix]
        before = [one for one in told if one is not None]
        usual = _usual(signal, [f for _, f in own], watched, mix)
        yield Feed(
            signal=name,
            label=signal.label,
            codes=signal.codes,
            unit=signal.unit,
            required=signal.required,
            importance=sum(shares.get(f.name, 0.0) for _, f in own),
            missing_then=min(before) if before else None,
            missing_here=min(float(np.isnan(matrix[:, at]).mean()) for at, _ in own),
            subjects=max((counted.subjects[code] for code in signal.codes), default=0),
            whole=counted.whole,
            units=tuple(_units(signal, counted, usual)),
            delays_then=_together([evidence.get("delays", {}).get(c) for c in signal.codes]),
            delays_here=_together([counted.delays.get(code) for code in signal.codes]),
            dated=signal.role != "static",
        )


def _importance(evidence: Mapping[str, Any]) -> dict[str, float]:
    return {one["feature"]: float(one["share"]) for one in evidence.get("importance", [])}


def _usual(
    signal: Signal,
    features: Sequence[Feature],
    watched: Mapping[str, Mapping[str, Any]],
    mix: Mapping[str, Mapping[str, Any]],
) -> Usual | None:
    """What the values were like at the build, by the counts and the moments in the bundle.

    The middle holds about four fifths of them: a normal one's, and at least the inner bins, of
    which there are few where few patients were held out.
    """
    if signal.is_categorical or signal.unit is None:
        return None
    valued = [f for f in features if f.aggregate in _VALUED and f.name in watched]
    for one in sorted(valued, key=lambda f: _VALUED.index(f.aggregate)):
        edges, median = watched[one.name]["edges"], watched[one.name]["median"]
        moments = mix.get(one.name, {})
        mean, sd = moments.get("mean"), moments.get("sd")
        if median is None or mean is None or sd is None or not edges:
            continue
        low, high = (
            min(edges[0], mean - _FOUR_FIFTHS * sd),
            max(edges[-1], mean + _FOUR_FIFTHS * sd),
        )
        if low <= 0 < edges[0]:
            low = edges[0] / 2  # a skewed one, of which nothing is below 0
        return Usual(low=low, high=high, median=median)
    return None


def _units(signal: Signal, counted: Counted, usual: Usual | None) -> Iterator[UnitMet]:
    met = [key for key in counted.units if key[0] in signal.codes]
    for code, unit in sorted(met, key=lambda key: -counted.units[key]):
        values = np.concatenate(counted.values[code, unit])
        state, shown = "as declared", values
        if signal.unit is not None and unit != signal.unit:
            state, shown = _converted(signal, unit, values)
        looks = None
        if state != "clash" and usual is not None and signal.unit is not None:
            looks = looks_like(shown, usual, signal.unit, signal.codes)
        median = float(np.median(shown)) if len(shown) and state != "clash" else None
        yield UnitMet(
            unit=unit,
            values=len(values),
            state=state,
            median=median,
            usual=None if usual is None else usual.median,
            looks=looks,
        )


def _converted(signal: Signal, unit: str | None, values: Floats) -> tuple[str, Floats]:
    if unit is None:
        return "without a unit", values
    try:
        factor, offset = conversion(signal.label, source=unit, target=str(signal.unit))
    except BedsideError:
        return "clash", values
    return "converted", values * factor + offset


def _together(counts: Sequence[Sequence[int | None] | None]) -> tuple[int, ...] | None:
    """The bands of several codes added up; a hidden count is as good as none."""
    told = [[one or 0 for one in each] for each in counts if each is not None]
    return tuple(int(sum(band)) for band in zip(*told, strict=True)) if told else None
