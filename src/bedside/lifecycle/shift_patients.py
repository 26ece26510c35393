"""The held-out patients of a version as the shift laboratory's population, and what shifts do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import HOUR, parse_duration
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.declaration import Declaration
from bedside.data.prepare import prepare
from bedside.features.batch import features_at
from bedside.features.codes_at import codes_by_row
from bedside.features.definition import FeatureSet
from bedside.features.inputs import as_served, plausible_ranges
from bedside.features.inputs_at import ASIDE, check_rows, rejecting_codes
from bedside.lifecycle.patients import Patients
from bedside.lifecycle.platform import Platform
from bedside.monitor.sampling import uniform
from bedside.monitor.shifts.injection import EventChange
from bedside.monitor.shifts.on_events import changed_events
from bedside.monitor.shifts.population import Inputs, Population

__all__ = ["EVERY_HOURS", "Bench", "bench_of"]

Floats = npt.NDArray[np.float64]
EVERY_HOURS = 3.0
"""Hourly questions are thinned to one in so many hours; what is watched counts a patient once."""
LARGEST_WAIT_SPREAD = 3  # days by which outcomes are told unevenly late
AGE = "AGE//"
PLACES = ("BEDSIDE//icu_type", "BEDSIDE//specialty", "BEDSIDE//ward", "BEDSIDE//site")
"""Codes that say in which kind of place a patient lies: one of them is the new site."""
DIAGNOSIS, RESPIRATORY = "ICD9CM//principal_diagnosis", (460.0, 520.0)
WARM = ("temperature", "respiratory_rate", "heart_rate")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The held-out patients with their events, ready to be seen otherwise.

    Args:
        platform: The workspace.
        patients: Held-out and thinned, n rows.
        events: Every event of these patients that the version reads, as prepared.
        explains: Whether contributions are computed.
    """

    platform: Platform
    patients: Patients
    events: pl.DataFrame
    explains: bool = True

    @cached_property
    def served(self) -> Declaration:
        """As the version is served."""
        return as_served(self.patients.declaration, self.patients.feature_set)

    def inputs(self, change: EventChange | None = None, *, seed: int = 0) -> Inputs:
        """What every question sees, and what the version answers, once the change has happened."""
        matrix = self.patients.matrix
        events = moved = self.events
        if change is not None:
            moved = changed_events(self.events, change, seed=seed)
            events, _ = prepare(moved, dict(self.served.signals))
            matrix = self._recomputed(events, change)
        told = check_rows(self.served, events, self._aside(moved), self.patients.asked)
        reason, about = (
            told[name].fill_null("").to_numpy().astype(np.str_) for name in ("reason", "signal")
        )
        noted = np.where(reason == "", self._noted(moved), "")  # an abstention has no notes
        unknown = () if change is None or not change.other else (change.other,)
        codes = codes_by_row(self.served, moved, self.patients.asked, unknown=unknown)
        return replace(self._answered(matrix, reason), about=about, aside=noted, codes=codes)

    def _noted(self, events: pl.DataFrame) -> npt.NDArray[np.str_]:
        """Of each question, the signals of which intake had set a value aside by then."""
        ranges = plausible_ranges(self.served.signals)
        table = pl.DataFrame(
            {
                "code": list(ranges),
                "signal": [rule.signal for rule in ranges.values()],
                "low": [rule.low for rule in ranges.values()],
                "high": [rule.high for rule in ranges.values()],
            },
            schema={"code": pl.String, "signal": pl.String, "low": pl.Float64, "high": pl.Float64},
        )
        since = (
            events.filter(pl.col("value").is_not_null())
            .with_columns(pl.col("code").cast(pl.String))
            .join(table, on="code", how="inner")
            .filter(~pl.col("value").is_between(pl.col("low"), pl.col("high")))
            .group_by("subject_id", "signal")
            .agg(pl.max_horizontal("time", "known_at").min().alias("since"))
        )
        asked = self.patients.asked.select("subject_id", "prediction_time").with_row_index("row")
        told = (
            asked.join(since, on="subject_id", how="inner")
            .filter(pl.col("since").is_null() | (pl.col("since") <= pl.col("prediction_time")))
            .sort("row", "signal")
            .group_by("row", maintain_order=True)
            .agg(pl.col("signal").str.join(" "))
        )
        joined = asked.join(told, on="row", how="left", maintain_order="left")
        return joined["signal"].fill_null("").to_numpy().astype(np.str_)

    def aside_after(self, change: EventChange) -> float:
        """The share of the changed values that intake sets aside as implausible."""
        own = self.events.filter(pl.col("code").cast(pl.String).is_in(list(change.codes)))
        moved = changed_events(own, replace(change, share=1.0), seed=0)
        clean, _ = prepare(moved, dict(self.served.signals))
        return 1 - clean.height / max(moved.height, 1)

    def _recomputed(self, events: pl.DataFrame, change: EventChange) -> Floats:
        """The matrix with the features of the changed codes made anew."""
        features = self.patients.feature_set.features
        moved = [at for at, one in enumerate(features) if set(one.codes) & set(change.codes)]
        matrix = self.patients.matrix.copy()
        if moved:
            some = FeatureSet(features=tuple(features[at] for at in moved))
            matrix[:, moved] = features_at(some, events, self.patients.asked)
        return matrix

    def _aside(self, events: pl.DataFrame) -> pl.DataFrame:
        """What is set aside of signals without which no score is given."""
        ranges = {
            code: self.served.signals[name].plausible
            for code, name in rejecting_codes(self.served).items()
        }
        parts = [
            events.filter(
                (pl.col("code").cast(pl.String) == code)
                & ~pl.col("value").is_between(told[0], told[1])
            ).select(ASIDE)
            for code, told in ranges.items()
            if told is not None
        ]
        return pl.concat(parts) if parts else events.head(0).select(ASIDE)

    def _answered(self, matrix: Floats, reason: npt.NDArray[np.str_]) -> Inputs:
        files = self.patients.bundle.files
        risk = np.asarray(self.platform.predictor_of(files[MODEL]).predict(matrix))
        scored = reason == ""
        given = None
        if self.explains:
            told = self.platform.explainer_of(files[LEARNT]).contributions(matrix)
            given = np.asarray(told, dtype=np.float32)
            given[~scored] = np.nan
        seen = np.where(scored[:, None], matrix, np.nan).astype(np.float32)
        return Inputs(
            matrix=seen,
            risk=np.where(scored, risk, np.nan),
            contributions=given,
            reason=reason,
            about=np.full(len(reason), ""),
            aside=np.full(len(reason), ""),
            codes=np.full(len(reason), ""),
        )

    def population(self) -> Population:
        """Everything of these patients that the laboratory's hospitals draw from."""
        asked = self.patients.asked
        ids, first = np.unique(asked["subject_id"].rle_id().to_numpy(), return_index=True)
        del ids
        start = np.append(first, asked.height).astype(np.int64)
        moment = asked["prediction_time"].to_physical().to_numpy() / HOUR
        threshold = self.patients.bundle.threshold
        subjects = asked["subject_id"].gather(first)
        return Population(
            start=start,
            hours=moment - np.repeat(moment[first], np.diff(start)),
            label=asked["label"].to_numpy().astype(np.float64),
            wait=self._wait(start, subjects),
            features=self.patients.feature_set.names,
            threshold=np.nan if threshold is None else float(threshold),
            age=self._age(first),
            wave=self._wave(subjects),
            elsewhere=self._elsewhere(subjects),
            inputs=self.inputs(),
            groups=self.patients.groups,
        )

    def _wait(self, start: npt.NDArray[np.int64], subjects: pl.Series) -> npt.NDArray[np.int64]:
        """Days until the outcome is known: as declared, and a few days unevenly on top."""
        question = self.patients.declaration.question
        outcome = [one for one in self.served.signals.values() if one.role == "outcome"]
        told = [question.settles_after, *(one.visible_after for one in outcome)]
        least = max((parse_duration(one).days for one in told if one), default=0)
        spread = uniform(subjects.to_numpy().astype(np.int64), 11) * LARGEST_WAIT_SPREAD
        days: npt.NDArray[np.int64] = np.repeat(
            1 + least + np.floor(spread).astype(np.int64), np.diff(start)
        )
        return days

    def _age(self, first: npt.NDArray[Any]) -> Floats:
        features = self.patients.feature_set.features
        for at, one in enumerate(features):
            if one.aggregate == "last" and any(code.startswith(AGE) for code in one.codes):
                return np.asarray(self.patients.matrix[first, at], dtype=np.float64)
        levels = self.patients.groups.get("age_band")
        if levels is None:
            return np.full(len(first), np.nan)
        names, which = np.unique(levels, return_inverse=True)
        numbers: Floats = np.array([_first_number(name) for name in names])
        return np.asarray(numbers[which[first]])

    def _texts(self, code: str, subjects: pl.Series) -> pl.Series:
        """The first text of a code for each subject; null where it has none."""
        told = self._of_code(code, "text").unique("subject_id", keep="first", maintain_order=True)
        joined = subjects.to_frame("subject_id").join(
            told, on="subject_id", how="left", maintain_order="left"
        )
        return joined["text"].cast(pl.String)

    def _of_code(self, code: str, column: str) -> pl.DataFrame:
        known = pl.col("subject_id").is_in(self.patients.asked["subject_id"].unique().implode())
        where = (pl.col("code") == code) & known
        parts = self.patients.snapshot.shards(["subject_id", "code", column], where)
        return pl.concat([part.drop("code") for part in parts])

    def _wave(self, subjects: pl.Series) -> Floats:
        """1 for whom a respiratory season brings: diagnosed so, or febrile; else 0."""
        told = self._texts(DIAGNOSIS, subjects)
        if told.null_count() < len(told):
            number = told.cast(pl.Float64, strict=False).fill_null(0.0)
            inside = number.is_between(*RESPIRATORY, closed="left")
            return inside.cast(pl.Float64).to_numpy()
        for name in WARM:
            signal = self.served.signals.get(name)
            if signal is None:
                continue
            highest = (
                self._of_code(signal.code, "value")
                .group_by("subject_id")
                .agg(pl.col("value").max())
            )
            joined = (
                subjects.to_frame("subject_id")
                .join(highest, on="subject_id", how="left", maintain_order="left")["value"]
                .to_numpy()
            )
            return np.asarray(joined >= np.nanquantile(joined, 0.8), dtype=np.float64)
        return np.zeros(len(subjects))

    def _elsewhere(self, subjects: pl.Series) -> npt.NDArray[np.bool_]:
        """The patients of one kind of place, the largest that has at most a quarter of them."""
        for code in PLACES:
            told = self._texts(code, subjects)
            counts = told.drop_nulls().value_counts(sort=True)
            for level, count in counts.iter_rows():
                if 0.05 * len(told) <= count <= 0.4 * len(told):
                    return np.asarray((told == level).fill_null(False).to_numpy(), dtype=bool)
        return np.zeros(len(subjects), dtype=bool)


def _first_number(level: str) -> float:
    """The first number in the name of an age band; NaN where there is none."""
    words = "".join(one if one.isdigit() else " " for one in level).split()
    return float(words[0]) if words else float("nan")


def bench_of(
    platform: Platform, patients: Patients, *, most: int | None = None, explains: bool = True
) -> Bench:
    """The bench of these held-out patients.

    Args:
        platform: The workspace.
        patients: Held out, by subject, then time.
        most: At most so many of them, the first by digest; None: all.
        explains: Whether contributions are computed.
    """
    asked = patients.asked
    since = (pl.col("prediction_time") - pl.col("prediction_time").first()).over("subject_id")
    place = asked.select((since.dt.total_microseconds() / HOUR).alias("hours"))["hours"]
    kept = (place.to_numpy() % EVERY_HOURS) < 1e-9
    if most is not None:
        ids = asked["subject_id"].unique().to_numpy()
        order = ids[np.argsort(uniform(ids.astype(np.int64), 5))][:most]
        kept &= asked["subject_id"].is_in(pl.Series(order).implode()).to_numpy()
    some = patients.taken(kept)
    codes = _codes(some)
    known = pl.col("subject_id").is_in(some.asked["subject_id"].unique().implode())
    where = (pl.col("code").is_in(list(codes)) | pl.col("replaces").is_not_null()) & known
    events = pl.concat(list(some.snapshot.shards(where=where)))
    return Bench(platform=platform, patients=some, events=events, explains=explains)


def _codes(patients: Patients) -> Sequence[str]:
    """Every code that a feature reads, or that decides whether there is a score."""
    served = as_served(patients.declaration, patients.feature_set)
    needed = {rule.signal for rule in served.eligibility}
    needed |= {name for name, one in served.signals.items() if one.required}
    more = [code for name in needed for code in served.signals[name].codes]
    return list(dict.fromkeys([*patients.feature_set.codes, *more]))
