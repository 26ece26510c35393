"""What a declaration says of the training rows alone: how gaps are filled, and what is added."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Augmentation", "Fill", "Imputation", "Jitter", "Resample", "TimeWarp"]

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
