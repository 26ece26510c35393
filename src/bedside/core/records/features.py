"""What a declaration says of features, and what is learnt of them from training subjects alone."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "CALENDAR",
    "EVER",
    "Aggregate",
    "Calendar",
    "ChosenCode",
    "FeatureRule",
    "Learnt",
    "Vocabulary",
]

Aggregate = Literal[
    "count",
    "last",
    "first",
    "min",
    "max",
    "mean",
    "sum",
    "sd",
    "slope",
    "change",
    "from_baseline",
    "hours_since",
    "missing",
    "active",
    "hours_active",
]
Calendar = Literal["hour_of_day", "day_of_week", "month"]
CALENDAR: tuple[Calendar, ...] = ("hour_of_day", "day_of_week", "month")
EVER = "3650 d"
"""How far `last`, `hours_since` and `active` look back unless they are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Codes that are not named but chosen: those with a prefix that enough subjects have.

    They are counted on the training subjects alone, before each prediction time. `top` keeps the
    codes of the most subjects; ties go to the first in alphabetical order.
    """

    prefixes: tuple[str, ...]
    minimum_subjects: int = 20
    top: int | None = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRule:
    """Features to make: each aggregate of each signal over each window before the prediction time.

    A window of `all` is the whole record. `last`, `hours_since` and `active` take no window: they
    look back as far as `lookback`. `from_baseline` is the last value of a window less the mean of
    the `baseline` span before it.

    Instead of signals, a rule may name a `vocabulary`; `since` a code, for the time since its
    latest event in `unit` (h, d or a: with a date of birth, the age); or `calendar` parts of the
    prediction time in `timezone` (IANA).

    `encode` is how a category becomes numbers: its `index`; `ordinal`, an index whose order means
    something (that of the signal's `categories`); or for `last`, `one_hot`.
    """

    signals: tuple[str, ...] = ()
    aggregates: tuple[Aggregate, ...] = ("last",)
    windows: tuple[str, ...] = ()
    lookback: str = EVER
    baseline: str | None = None
    vocabulary: Vocabulary | None = None
    encode: Literal["index", "one_hot", "ordinal"] = "index"
    since: str | None = None
    unit: Literal["h", "d", "a"] = "h"
    label: str | None = None
    calendar: tuple[Calendar, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenCode:
    """A code that a vocabulary chose, with the unit of its numbers in the training data.

    A `mark` says that something happened: its events mostly carry no number there, and each counts
    as 1, whatever else it says. A `static` fact had no time there.
    """

    code: str
    unit: str | None = None
    mark: bool = False
    static: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What the training subjects decided.

    Args:
        codes: The codes of each rule with a vocabulary, by the rule's number from 0.
        categories: The labels of each signal whose categories are to be learnt; the last stands
            for every other text.
        mixed_units: The codes that enough subjects have, and that were not chosen because their
            numbers come in several units.
    """

    codes: dict[int, tuple[ChosenCode, ...]] = field(default_factory=dict)
    categories: dict[str, tuple[str, ...]] = field(default_factory=dict)
    mixed_units: tuple[str, ...] = ()
