"""What a version is watched by: the streams, and the baseline whose means they should keep."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.core.ids import digest_of
from bedside.core.records.watch import AlarmKind
from bedside.monitor.stream.grids import Grid

__all__ = [
    "FORM",
    "OF_THE_DAY",
    "PERFORMANCE",
    "POOLED",
    "SHARES",
    "Baseline",
    "CodeBaseline",
    "Family",
    "FeatureBaseline",
    "Group",
    "Stream",
    "is_share",
]

Floats = npt.NDArray[np.float64]

FORM = "bedside.stream-baseline/1"

SPOT = "today:"
"""How the ids of streams begin that count every patient in the house, each day anew."""

OF_THE_DAY = ", of all patients of the day"
"""How their titles end."""

POOLED = "placement"
"""Id of the stream of placements of all judged subjects, whatever came true."""

Family = Literal[
    "missing",
    "rank",
    "spread",
    "beyond",
    "tail",
    "level",
    "codes",
    "score",
    "alert",
    "answering",
    "unlike",
    "calibration",
    "discrimination",
    "group calibration",
    "group discrimination",
    "delay",
]


PERFORMANCE: tuple[Family, ...] = (
    "calibration",
    "discrimination",
    "group calibration",
    "group discrimination",
)
"""Families that tell of outcomes."""


SHARES: frozenset[Family] = frozenset(
    {"missing", "codes", "beyond", "tail", "level", "alert", "answering", "unlike", "delay"}
)
"""Families whose values are 0 and 1, so that a mean and a number give counts away."""

_OF_SHARES = frozenset(
    {
        "missing", "code", "unknown_code", "beyond", "low", "high", "level", "alert", "abstention",
        "failure", "slow", "unlike", "label_delay",
    }
)  # fmt: skip
"""How the ids of their streams begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A sequence of values in [0, 1], one a subject, whose mean is known while all is as before.

    Args:
        id: Such as `missing:creatinine.last`.
        kind: What an alarm about it is about.
        family: Streams that share a part of the budget.
        feature: Name of the feature; None: of none.
        signal: The feature's signal; None: of none.
        group: Such as `sex: female`; None: everybody.
        title: What its mean is, in plain words.
        mean: Of the baseline.
        sd: Standard deviation of the baseline's values.
        n: Subjects of the baseline it rests on, but for `missing` rounded down to tens.
        least: A true mean from here on counts as before.
        most: A true mean up to here counts as before.
    """

    id: str
    kind: AlarmKind
    family: Family
    feature: str | None
    signal: str | None
    group: str | None
    title: str
    mean: float
    sd: float
    n: int
    least: float
    most: float

    @property
    def spot(self) -> bool:
        """Whether it is of the patients of one day, whose evidence is of that day alone."""
        return self.id.startswith(SPOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBaseline:
    """One feature as it was.

    Args:
        name: Its name.
        signal: Its signal; None: of none.
        title: In words.
        levels: The categories whose index is its value; none: it is a number.
        grid: Where its values lie; None: too few had it. Of levels: one cell each, then the rest.
        logs: Count, mean and variance of ln|value| where it is not 0; None: of few.
        gain: Mean of the absolute contribution to the log-odds; None: not computed.
    """

    name: str
    signal: str | None
    title: str
    levels: tuple[str, ...]
    grid: Grid | None
    logs: tuple[int, float, float] | None = None
    gain: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBaseline:
    """A code that more than ten patients of the baseline had.

    Args:
        signal: Its signal; '' where no signal has it.
        code: The code, or the text of a category.
        known: Whether the declaration knows it.
        text: Whether it is the text of a category that is known.
        share: Of the patients.
    """

    signal: str
    code: str
    known: bool
    text: bool
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A level of a subgroup that had enough subjects to be watched by itself."""

    dimension: str
    level: str
    n: int

    @property
    def name(self) -> str:
        """As findings give it."""
        return f"{self.dimension}: {self.level}"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """How answers were: of the held-out patients of a build, or of live days. No patient's value.

    Args:
        made_from: In words, such as `114 held-out patients of the build`.
        version: Id of the version, where it is known.
        streams: What is watched.
        unwatched: What is not, and why, in plain words.
        subjects: How many were drawn.
        seed: Of the draws.
        span_hours: A subject's target lies in [0, span); see `draws`.
        threshold: Risks of at least this alert; None: nothing does, or each row has its own.
        features: The k features, in the order of the matrix.
        risk: The grid of the risk; None: too few had one.
        calibrated: Per cell of `risk`, the recalibrated risk there; empty: no labels.
        cases: The grid of the risk with the shares of subjects with the event, as the calibration
            tells them; None: ten or fewer had it, or had it not.
        controls: The same of those without it.
        contributions: Mean contribution, k features and then what is expected; empty: not known.
        groups: Those that are watched by themselves.
        reasons: Reasons of abstention that are watched by themselves.
        event_share: Share of judged subjects with the event; None: no labels, or a small cell.
        usual_delay_days: Most labels came within so many days; None: not known.
        slow_ms: An answer is slow from here on; None: not known.
        per_day: Mean and standard deviation of the subjects of a day; None: of no live days.
        codes: Codes of signals that may come under several, and such as nobody knows; empty:
            there are none, or they were not counted.
    """

    made_from: str
    version: str = ""
    streams: tuple[Stream, ...]
    unwatched: tuple[str, ...] = ()
    subjects: int
    seed: int
    span_hours: float
    threshold: float | None
    features: tuple[FeatureBaseline, ...]
    risk: Grid | None
    calibrated: tuple[float, ...] = ()
    cases: Grid | None = None
    controls: Grid | None = None
    contributions: tuple[float, ...] = ()
    groups: tuple[Group, ...] = ()
    reasons: tuple[str, ...] = ()
    event_share: float | None = None
    usual_delay_days: int | None = None
    slow_ms: float | None = None
    per_day: tuple[float, float] | None = None
    codes: tuple[CodeBaseline, ...] = ()

    @cached_property
    def risk_edges(self) -> Floats:
        """Every edge of the three grids of the risk: the fine cells in which risks are counted."""
        grids = (self.risk, self.cases, self.controls)
        return np.array(sorted({edge for grid in grids if grid for edge in grid.edges}))

    @cached_property
    def digest(self) -> str:
        """Of everything in it: a tally of another baseline is refused by it."""
        told = asdict(self)
        if not self.codes:  # as it was before codes were counted
            del told["codes"]
        return digest_of(told)

    @cached_property
    def spotted(self) -> tuple[int, ...]:
        """Places of the features that streams of a day are about."""
        about = {stream.feature for stream in self.streams if stream.spot}
        return tuple(at for at, name in enumerate(self.names) if name in about)

    @cached_property
    def coded(self) -> tuple[str, ...]:
        """The signals whose codes are counted, sorted."""
        return tuple(sorted({one.signal for one in self.codes if one.signal}))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the features."""
        return tuple(feature.name for feature in self.features)

    def index(self, stream: str) -> int | None:
        """Place of the stream of this id; None: there is none."""
        return self._places.get(stream)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {stream.id: place for place, stream in enumerate(self.streams)}


def is_share(stream: str) -> bool:
    """Whether the mean of a stream is a share of patients, by its id.

    >>> is_share("today:missing:creatinine.last"), is_share("rank:creatinine.last")
    (True, False)
    """
    return stream.removeprefix(SPOT).partition(":")[0] in _OF_SHARES
