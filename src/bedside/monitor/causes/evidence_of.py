"""What moved since a day, of every stream: what the search for a cause looks at."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from bedside.core.records.watch import AlarmKind
from bedside.monitor.causes.attribution import Attribution, attributed
from bedside.monitor.causes.codes_moved import CodeMove, codes_moved
from bedside.monitor.causes.units_seen import Spread
from bedside.monitor.stream.streams import Baseline, Stream
from bedside.monitor.stream.tally import Tally, summed

__all__ = ["FEW", "FEWEST", "Evidence", "Move", "evidence_of"]

Floats = npt.NDArray[np.float64]

STRONG = 4.0
"""Standard errors: over hundreds of streams, by chance about once in a hundred looks."""

CARE = ("not alerted", "not shown", "shown", "acted")
"""What staff saw and did, in the order of a tally's `by_care`."""

_WEEK = 7
FEWEST = 11
"""Patients behind a mean that is looked at."""

FEW = 5
"""Patients who tell a unit that is known, or a new place; figures are told of eleven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One stream: its mean in the baseline and since a day, and how far apart they are.

    Args:
        id: Of the stream.
        kind: What it is about.
        family: Such as `missing` or `rank`.
        feature: Or None.
        signal: Or None.
        group: Or None.
        title: In plain words.
        then: Mean of the baseline.
        now: Mean since the day.
        n: How many values since.
        error: Standard error of the difference.
        matters: The smallest difference that matters.
    """

    id: str
    kind: AlarmKind
    family: str
    feature: str | None
    signal: str | None
    group: str | None
    title: str
    then: float
    now: float
    n: int
    error: float
    matters: float

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return self.change / self.error if self.error > 0 else 0.0

    @property
    def change(self) -> float:
        """The mean now less that of the baseline."""
        return self.now - self.then

    @property
    def strong(self) -> bool:
        """Whether it is more than chance, and matters."""
        return abs(self.z) >= STRONG and abs(self.change) >= self.matters


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that is known of the days since a day, against the baseline.

    Args:
        moves: By id of the stream, those with enough values since.
        sizes: Of a feature whose values are numbers: where the logarithms lay, and lie.
        typical: Quantiles of a feature's values in the baseline.
        attribution: The shift of the mean log-odds by signal; None: no contributions.
        volume: Answers a day since, divided by those before; None: no days before are known.
        volume_z: How sure that is, in standard errors, days being more unlike than chance.
        treated: Outcome less risk, summed over `not alerted`, `not shown`, `shown`, `acted`:
            number, sum, and variance.
        places: Share of the answers of each site and ward, before and since, and how many since;
            of five or more.
        about: Share of the first answers of a day that were withheld because of a signal, or with
            which a value of it was set aside, by `REASON:SIGNAL` and `aside:SIGNAL`: before, where
            days before are known, else 0, and since.
        codes: Of each code that is counted, its share before and since.
        days: How many.
    """

    moves: Mapping[str, Move]
    sizes: Mapping[str, tuple[Spread, Spread]]
    typical: Mapping[str, Floats]
    attribution: Attribution | None
    volume: float | None
    volume_z: float
    treated: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    places: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    about: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    codes: tuple[CodeMove, ...] = ()
    days: int = 0

    def of(self, *families: str, signal: str | None = None) -> list[Move]:
        """The moves of these families, of one signal if it is named, the strongest first."""
        found = [
            move
            for move in self.moves.values()
            if move.family in families and (signal is None or move.signal == signal)
        ]
        return sorted(found, key=lambda move: (-abs(move.z), move.id))

    def more(self, *names: str) -> float:
        """By how much these shares of `about` rose together."""
        pairs = [self.about[name] for name in names if name in self.about]
        return sum(now - then for then, now in pairs)

    def signals(self) -> list[str]:
        """Every signal of a stream."""
        return sorted({move.signal for move in self.moves.values() if move.signal})


def evidence_of(baseline: Baseline, tallies: Sequence[Tally], since: int) -> Evidence:
    """Add up the days from `since` on, and compare them with the baseline.

    Args:
        baseline: Of the version.
        tallies: In order of days; those before `since` tell how many answers were usual.
        since: Days since 1970-01-01.
    """
    days = [tally for tally in tallies if tally.day >= since]
    before = [tally for tally in tallies if tally.day < since]
    if not days:
        return Evidence(moves={}, sizes={}, typical={}, attribution=None, volume=None, volume_z=0.0)
    whole = summed(days)
    volume, volume_z = _volume(baseline, before, days)
    return Evidence(
        moves=_moves(baseline, whole, len(days)),
        sizes=_sizes(baseline, whole),
        typical={
            feature.name: np.array(feature.grid.edges)
            for feature in baseline.features
            if feature.grid is not None and feature.grid.edges
        },
        attribution=attributed(
            baseline.names,
            {feature.name: feature.signal for feature in baseline.features},
            np.array(baseline.contributions),
            whole.contributions,
            whole.contributed,
        ),
        volume=volume,
        volume_z=volume_z,
        treated={
            name: (float(n), float(residual), float(variance))
            for name, (n, residual, variance) in zip(CARE, whole.by_care, strict=True)
        },
        places=_places(_long_before(before), whole),
        about=_about(_long_before(before), whole),
        codes=codes_moved(baseline, _long_before(before), whole),
        days=days[-1].day - since + 1,
    )


def _moves(baseline: Baseline, whole: Tally, days: int) -> dict[str, Move]:
    found = {}
    for place, stream in enumerate(baseline.streams):
        n = int(whole.n[place])
        if n < FEWEST:
            continue
        now = float(whole.total[place]) / n
        squares = float(whole.squares[place]) / n
        if stream.spot:  # the same patients on each day
            n = max(n // days, 1)
        variance = max(squares - now * now, 0.0, stream.sd**2)
        variance = max(variance, 1 / (4 * n))  # of a share that was 0 or 1 all along
        move = Move(
            id=stream.id, kind=stream.kind, family=stream.family, feature=stream.feature,
            signal=stream.signal, group=stream.group, title=stream.title, then=stream.mean,
            now=now, n=n, error=math.sqrt(variance * (1 / n + 1 / max(stream.n, 1))),
            matters=(stream.most - stream.least) / 2,
        )  # fmt: skip
        found[stream.id] = _as_level(baseline, stream, move) or move
    return found


def _as_level(baseline: Baseline, stream: Stream, move: Move) -> Move | None:
    """A feature that is 1 for one level and else 0, told as the share of that level.

    The mid-rank of a 0 or 1 moves by half of what the share moves by.
    """
    if stream.family != "rank" or ".is_" not in (stream.feature or ""):
        return None
    grid = next(one.grid for one in baseline.features if one.name == stream.feature)
    if grid is None or grid.cells != 2:
        return None
    signal, level = str(stream.feature).split(".is_", 1)
    then = grid.shares[1]
    return replace(
        move,
        id=f"level:{signal}={level}",
        family="level",
        then=then,
        now=min(max(then + 2 * move.change, 0.0), 1.0),
        error=2 * move.error,
        matters=2 * move.matters,
    )


def _sizes(baseline: Baseline, whole: Tally) -> dict[str, tuple[Spread, Spread]]:
    found = {}
    for place, feature in enumerate(baseline.features):
        now = Spread.of_sums(*(float(one) for one in whole.logs[place]))
        if feature.logs is not None and now is not None and not feature.levels:
            n, mean, variance = feature.logs
            found[feature.name] = (Spread(n=n, mean=mean, variance=variance), now)
    return found


def _volume(
    baseline: Baseline, before: Sequence[Tally], days: Sequence[Tally]
) -> tuple[float | None, float]:
    """Patients a day, as times those before, and how sure that is; days without any count."""
    now = sum(tally.subjects for tally in days)
    length = days[-1].day - days[0].day + 1
    if before and before[-1].day - before[0].day + 1 >= _WEEK:
        span = days[0].day - before[0].day
        counts = np.zeros(span)
        for tally in before:
            counts[tally.day - before[0].day] = tally.subjects
        usual, variance = float(counts.mean()), float(counts.var())
    elif baseline.per_day is not None:
        (usual, spread), span = baseline.per_day, _WEEK * 4
        variance = spread**2
    else:
        return None, 0.0
    if usual <= 0:
        return None, 0.0
    error = math.sqrt(max(variance, usual) * (1 / length + 1 / span))
    return now / length / usual, (now / length - usual) / error


def _long_before(before: Sequence[Tally]) -> Sequence[Tally]:
    """Without the week before the onset, which is known to a few days only, where more is known."""
    earlier = [tally for tally in before if tally.day <= before[-1].day - _WEEK]
    return earlier if len(earlier) >= _WEEK else before


def _places(before: Sequence[Tally], whole: Tally) -> dict[str, tuple[float, float, int]]:
    """Share of the answers of each site and ward, before and since, where both are known."""
    earlier = summed(before).groups if before else {}
    found = {}
    for dimension in ("site", "ward"):
        then = {name: int(of[0]) for name, of in earlier.items() if _is_of(name, dimension)}
        now = {name: int(of[0]) for name, of in whole.groups.items() if _is_of(name, dimension)}
        if sum(then.values()) < FEWEST or sum(now.values()) < FEWEST:
            continue
        for name in sorted({*then, *now}):
            count = now.get(name, 0)
            if count >= FEW:
                shares = then.get(name, 0) / sum(then.values()), count / sum(now.values())
                found[name] = (*shares, count)
    return found


def _about(before: Sequence[Tally], whole: Tally) -> dict[str, tuple[float, float]]:
    """The shares of `Tally.about`, before and since, of more than ten answers."""
    asked, earlier = whole.subjects, summed(before) if before else None
    told = {} if earlier is None or not earlier.subjects else earlier.about
    count = 1 if earlier is None else max(earlier.subjects, 1)
    return {
        name: (told.get(name, 0) / count, times / asked)
        for name, times in whole.about.items()
        if times >= FEWEST
    }


def _is_of(name: str, dimension: str) -> bool:
    return name.startswith(f"{dimension}: ")
