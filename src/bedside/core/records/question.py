"""The question of a model: who is asked about, when, and what must come true by when."""

from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.outcome import Outcome

__all__ = [
    "ANY_EVENT",
    "RECORD_END",
    "RECORD_START",
    "CodePattern",
    "Predicate",
    "PredictionTimes",
    "Question",
    "TimeAtRisk",
    "Washout",
    "Window",
]

ANY_EVENT = "_ANY_EVENT"
RECORD_START = "_RECORD_START"
RECORD_END = "_RECORD_END"
"""The predicates that every question has: any event, a subject's first and last moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePattern:
    """Several codes: all that a regular expression matches from their start, or any of a list."""

    regex: str | None = None
    any: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """Which events the question speaks of: by code, value and text, or derived from others.

    A plain predicate has a `code`. `value_min` and `value_max` bound its value, `other_cols` names
    other columns of the event and what they must say (`text`, or MEDS' `text_value`). A `static`
    one is a fact without a time. A derived one has `expr` alone: `or(a, b)` or `and(a, b)`.
    """

    code: str | CodePattern | None = None
    value_min: float | None = None
    value_max: float | None = None
    value_min_inclusive: bool | None = None
    value_max_inclusive: bool | None = None
    other_cols: dict[str, str] = field(default_factory=dict)
    static: bool = False
    expr: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of time, in the words of ACES.

    An edge is null (the record's start or end), `trigger`, `start` or `end` of this window,
    `NAME.start` or `NAME.end` of another, one of these plus or minus a duration, or the next
    (`start -> PREDICATE`) or previous (`end <- PREDICATE`) event of a predicate.

    `has` bounds how often a predicate must occur: "(1, None)" is at least once. `label` names the
    predicate that must come true, `index_timestamp` the edge that is the prediction time.
    `because` says in plain words why a subject who breaks a bound is left out.
    """

    start: str | None
    end: str | None
    start_inclusive: bool = True
    end_inclusive: bool = True
    has: dict[str, str] = field(default_factory=dict)
    label: str | None = None
    index_timestamp: Literal["start", "end"] | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionTimes:
    """When a subject is asked about, beyond once at each trigger.

    `every` repeats the question from the trigger on, `each` asks at each event of a predicate
    after it; both until the first event of `until` or for `at_most`, without which `every` would
    never end. `keep` takes the first or last moment of each `per`, or all. `seen` is whether a
    moment waits until the event that made it could be seen (`known_at`), or is that of the event
    itself (`time`).
    """

    every: str | None = None
    each: str | None = None
    until: str | None = None
    at_most: str | None = None
    keep: Literal["all", "first", "last"] = "all"
    per: Literal["subject", "stay"] = "stay"
    seen: Literal["known_at", "time"] = "known_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAtRisk:
    """When after the prediction time the outcome counts (OHDSI: time-at-risk).

    The span is `start` to `end` after the prediction time, its start not included. A subject is
    followed until the first event of `censored_by`, and to the end of the data. After an event of
    `competing`, the outcome can no longer happen.
    """

    outcome: str
    end: str
    start: str = "0 min"
    censored_by: tuple[str, ...] = ()
    competing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Washout:
    """Who had an event of `predicate` in this span before the prediction time is left out.

    Without a span: ever before.
    """

    predicate: str
    span: str | None = None
    because: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who is asked about, when, and what must come true by when (ACES task syntax, and more).

    What is true is said either by a window with a `label`, or by `time_at_risk`.

    Args:
        ask: The question in plain words.
        predicates: By name.
        trigger: The predicate whose events anchor the windows.
        windows: By name; their edges hang together as a tree from the trigger.
        patient_demographics: Static predicates, by name.
        prediction_times: When a subject is asked about, beyond once at each trigger.
        time_at_risk: When the outcome counts, with censoring and competing events.
        washout: Who had this before is left out.
        settles_after: How long after the fact an outcome may still be written down; a label that
            the data end too early to know is unknown, not negative.
        data_end: When the data end (ISO 8601); without it, the latest `known_at` in them.
        outcome: What is predicted of the event that is asked for: by default whether it comes.
    """

    ask: str
    predicates: dict[str, Predicate]
    trigger: str
    windows: dict[str, Window] = field(default_factory=dict)
    patient_demographics: dict[str, Predicate] = field(default_factory=dict)
    prediction_times: PredictionTimes = field(default_factory=PredictionTimes)
    time_at_risk: TimeAtRisk | None = None
    washout: tuple[Washout, ...] = ()
    settles_after: str = "0 min"
    data_end: str | None = None
    outcome: Outcome = field(default_factory=Outcome)
