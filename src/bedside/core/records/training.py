"""How a model's gaps are filled and which training rows are made: as declared, and as done."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "Augmentation",
    "Fill",
    "Imputation",
    "Jitter",
    "Resample",
    "TimeWarp",
    "augmentation_text",
    "imputation_text",
    "step_text",
]

FillMethod = Literal["none", "median", "mean", "most_frequent", "constant", "normal"]
ResampleMethod = Literal[
    "random_over",
    "random_under",
    "smote",
    "borderline_smote",
    "adasyn",
    "smote_enn",
    "smote_tomek",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """What a feature takes where it is missing.

    `median`, `mean` and `most_frequent` (for categories) are of the training rows; `constant` is
    `value`, in the feature's unit, or a category's label; `normal` is the signal's declared normal
    value. With `indicator`, the learner is also told that the value was missing.
    """

    method: FillMethod = "none"
    value: float | str | None = None
    indicator: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputation:
    """How gaps are filled, by the closest name: of the feature, the aggregate, the signal."""

    default: Fill = field(default_factory=Fill)
    signals: dict[str, Fill] = field(default_factory=dict)
    aggregates: dict[str, Fill] = field(default_factory=dict)
    features: dict[str, Fill] = field(default_factory=dict)

    def place_of(self, feature: str, aggregate: str, signal: str) -> tuple[str, ...]:
        """Where in the declaration it stands what a feature takes.

        >>> Imputation(signals={"age": Fill(method="mean")}).place_of("age.last", "last", "age")
        ('signals', 'age')
        """
        if feature in self.features:
            return ("features", feature)
        if aggregate in self.aggregates:
            return ("aggregates", aggregate)
        return ("signals", signal) if signal in self.signals else ("default",)

    def fill_of(self, feature: str, aggregate: str, signal: str) -> Fill:
        """What a feature takes where it is missing."""
        kind, *name = self.place_of(feature, aggregate, signal)
        named: Fill = getattr(self, kind)[name[0]] if name else self.default
        return named


@dataclass(frozen=True, slots=True, kw_only=True)
class Resample:
    """Rows added or left out by class, until there are `ratio` rarer rows to each commoner one.

    `neighbours` is the k of the methods that interpolate between neighbours.
    """

    method: ResampleMethod
    ratio: float = 1.0
    seed: int = 1
    neighbours: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Jitter:
    """Copies of the training subjects whose measured values carry noise.

    `sd` is a share of the signal's standard deviation; without `signals`, every numeric input.
    """

    signals: tuple[str, ...] = ()
    sd: float = 0.02
    copies: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeWarp:
    """Copies of the training subjects whose time before each prediction runs unevenly.

    `sd` is how far an event in the middle of the record moves, as a share of its length.
    """

    sd: float = 0.05
    copies: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """One way to make training rows: exactly one of these."""

    jitter: Jitter | None = None
    time_warp: TimeWarp | None = None
    resample: Resample | None = None


def imputation_text(told: Mapping[str, Any]) -> str:
    """What the evidence's part `training` says of gaps, in words.

    >>> imputation_text({"imputation": [{"method": "median", "indicator": True}]})
    'median in 1 feature; 1 of them with an indicator'
    >>> imputation_text({"imputation": []})
    'left missing'
    """
    filled = told["imputation"]
    if not filled:
        return "left missing"
    counts = Counter(one["method"] for one in filled)
    parts = [f"{method} in {_several(n, 'feature')}" for method, n in sorted(counts.items())]
    indicators = sum(one["indicator"] for one in filled)
    return ", ".join(parts) + (f"; {indicators} of them with an indicator" if indicators else "")


def augmentation_text(told: Mapping[str, Any]) -> str:
    """What the evidence's part `training` says of made rows, in words.

    >>> augmentation_text({"augmentation": None})
    'none'
    >>> augmentation_text({"augmentation": {
    ...     "steps": [{"method": "smote"}], "real": {"positive": 20, "negative": 80},
    ...     "repeated": {"positive": 0, "negative": 0},
    ...     "synthetic": {"positive": 60, "negative": 0}}})
    'smote: 100 real rows (20 with the outcome), 60 synthetic rows (60 with the outcome)'
    """
    done = told["augmentation"]
    if done is None:
        return "none"
    rows = [
        f"{_several(positive + negative, f'{word} row')} ({positive:,} with the outcome)"
        for word in ("real", "repeated", "synthetic")
        for positive, negative in [(done[word]["positive"], done[word]["negative"])]
        if positive + negative or word == "real"
    ]
    return f"{', '.join(step['method'] for step in done['steps'])}: {', '.join(rows)}"


def step_text(step: Mapping[str, Any]) -> str:
    """One step of an augmentation in words.

    >>> step_text({"method": "smote", "ratio": 1.0, "seed": 1,
    ...            "added": {"synthetic": {"positive": 60, "negative": 0}}})
    'smote (ratio 1.0, seed 1): synthetic rows +60 with and +0 without the outcome'
    """
    options = ", ".join(
        f"{name} {' '.join(value) if isinstance(value, list) else value}"
        for name, value in sorted(step.items())
        if name not in ("method", "added") and value != []
    )
    rows = "; ".join(
        f"{word} rows {n['positive']:+,} with and {n['negative']:+,} without the outcome"
        for word, n in sorted(step["added"].items())
    )
    return f"{step['method']} ({options}): {rows or 'no row changed'}"


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
