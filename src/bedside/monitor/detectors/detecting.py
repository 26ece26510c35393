"""The detectors of every watched stream: what they hold, a day further, and when they are heard."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bedside.core.clock import days_of
from bedside.core.errors import Invalid
from bedside.core.records.watch import Watch
from bedside.metrics.sequential import STAKES, advanced, evidence
from bedside.monitor.stream.families import rules_of
from bedside.monitor.stream.streams import PERFORMANCE, Baseline, Stream
from bedside.monitor.stream.tally import Tally

__all__ = [
    "NEVER",
    "Detectors",
    "bars",
    "counted_day",
    "one_day",
    "over_bar",
    "restarted",
    "shares_of",
    "stake_weights",
    "weights_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NEVER: Final = -1
"""Day of detectors that have counted none yet, and of an onset that there is none of."""

_FORM = 1

_FOR_SLOW: Final = (0.03, 0.12, 0.30, 0.35, 0.15, 0.05)
_FOR_SUDDEN: Final = (0.08, 0.08, 0.12, 0.17, 0.25, 0.30)
"""Weights of the stakes. A fall of the area by 0.05 or a rate that is off by a fifth is bet on best
with stakes of 13 to 27 %; a feed that is lost with the largest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectors:
    """The detectors of s streams: for each stream, both sides, and each of J stakes.

    Args:
        day: The last day that is counted; `NEVER`: none.
        state: Shape (s, 2, J), log(1 + R) of the Shiryaev-Roberts e-detectors: what is judged.
        run: Shape (s, 2, J), the CUSUMs beside them, which only say since when.
        began: Shape (s, 2, J), the day after which each CUSUM left 0; `NEVER`: it is at 0.
        n: Shape (s, 2, J), draws since then.
        total: Shape (s, 2, J), their sum.
    """

    day: int
    state: Floats
    run: Floats
    began: Ints
    n: Floats
    total: Floats

    def __post_init__(self) -> None:
        shape = (self.state.shape[0], 2, len(STAKES))
        for name in ("state", "run", "began", "n", "total"):
            if getattr(self, name).shape != shape:
                raise Invalid(
                    f"The detectors' {name} has another shape than {shape}.",
                    fix="start them anew: count the days again from their tallies.",
                )

    @classmethod
    def fresh(cls, streams: int) -> "Detectors":
        """Detectors that have seen nothing."""
        shape = (streams, 2, len(STAKES))
        return cls(
            day=NEVER,
            state=np.zeros(shape),
            run=np.zeros(shape),
            began=np.full(shape, NEVER, dtype=np.int64),
            n=np.zeros(shape),
            total=np.zeros(shape),
        )

    @property
    def streams(self) -> int:
        """How many streams there are."""
        return int(self.state.shape[0])

    @property
    def since(self) -> Ints:
        """Shape (s, 2), the day on which a change probably began; `NEVER`: none is seen."""
        return _of_best(self, self.began)

    @property
    def drawn_since(self) -> Ints:
        """Shape (s, 2), draws from `since` on."""
        return _of_best(self, self.n).astype(np.int64)

    @property
    def mean_since(self) -> Floats:
        """Shape (s, 2), the mean from `since` on; NaN without draws."""
        n, total = _of_best(self, self.n), _of_best(self, self.total)
        return np.asarray(np.divide(total, n, out=np.full(n.shape, np.nan), where=n > 0))

    def to_json(self) -> dict[str, Any]:
        """As JSON; `from_json` gives the same bits back."""
        return {
            "form": _FORM,
            "day": self.day,
            "streams": self.streams,
            "stakes": list(STAKES),
            **{name: _packed(getattr(self, name)) for name in _ARRAYS},
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Detectors":
        """What `to_json` wrote.

        Raises:
            Invalid: it is of another form or of other stakes, or broken.
        """
        try:
            if given["form"] != _FORM or tuple(given["stakes"]) != STAKES:
                raise ValueError
            shape = (int(given["streams"]), 2, len(STAKES))
            arrays = {name: _unpacked(given[name], kind, shape) for name, kind in _ARRAYS.items()}
            return cls(day=int(given["day"]), **arrays)
        except (KeyError, TypeError, ValueError):
            raise Invalid(
                "The state of the detectors cannot be read, or is of other stakes.",
                fix="start them anew: count the days again from their tallies.",
            ) from None


_ARRAYS: Final = {"state": "<f8", "run": "<f8", "began": "<i8", "n": "<f8", "total": "<f8"}


def bars(baseline: Baseline, watch: Watch) -> Floats:
    """What the log evidence of each stream has to reach, so that the budget is kept.

    With a budget of one false alarm in A days, a stream with the share w of it has the bar
    log(2 A / w), for its two sides. Shares are by the weights of the families that there are, split
    evenly over the streams of a family. How many questions come is watched of every version
    (`volume`), though no baseline tells of it. Those bars prove the budget; where it is to be kept
    as measured (`watch.budget`), each is lower by the log of its family's spare.

    Returns:
        Shape (s,).
    """
    families: list[str] = [stream.family for stream in baseline.streams]
    days = days_of(watch.per) / watch.false_alarms
    shares = shares_of(baseline)
    parts = _parts(baseline)
    each = [shares[family] * part for family, part in zip(families, parts, strict=True)]
    spare = [1.0 if watch.budget == "proved" else rules_of(family).spare for family in families]
    return np.array(
        [math.log(2 * days / share / more) for share, more in zip(each, spare, strict=True)]
    )


def weights_of(family: str) -> tuple[float, ...]:
    """How much each of the J stakes counts in the evidence of a stream of a family, 1 in all."""
    return _FOR_SLOW if family in PERFORMANCE else _FOR_SUDDEN


def stake_weights(baseline: Baseline) -> Floats:
    """The weights of the stakes of every stream, shape (s, J)."""
    weights = [weights_of(one.family) for one in baseline.streams]
    return np.array(weights, dtype=np.float64).reshape(-1, len(STAKES))


def _parts(baseline: Baseline) -> list[float]:
    """What each stream has of its family's part: half of it evenly, half by what inputs do.

    A stream about a feature has of the second half what the feature does to the log-odds, by
    `gain`. Where no gain is known, or a stream is about none, everything is split evenly.
    """
    gain: dict[tuple[str | None, bool], float] = {}
    for feature in baseline.features:
        for key in ((feature.name, False), (feature.signal, True)):
            gain[key] = gain.get(key, 0.0) + (feature.gain or 0.0)
    gains = [
        gain.get((one.signal, True) if _by_signal(one) else (one.feature, False), 0.0)
        for one in baseline.streams
    ]
    size: dict[str, int] = {}
    whole: dict[str, float] = {}
    for stream, does in zip(baseline.streams, gains, strict=True):
        size[stream.family] = size.get(stream.family, 0) + 1
        whole[stream.family] = whole.get(stream.family, 0.0) + does
    return [
        1 / size[stream.family]
        if whole[stream.family] <= 0
        else 0.5 / size[stream.family] + 0.5 * does / whole[stream.family]
        for stream, does in zip(baseline.streams, gains, strict=True)
    ]


def _by_signal(stream: Stream) -> bool:
    """Whether a stream stands for all features of its signal that are missing together."""
    return stream.family == "missing" and stream.signal is not None


def shares_of(baseline: Baseline) -> dict[str, float]:
    """The share of the budget of each family that there is, and of the volume; 1 in all."""
    families = dict.fromkeys([*(stream.family for stream in baseline.streams), "volume"])
    parts = {family: rules_of(family).weight for family in families}
    whole = sum(parts.values())
    return {family: part / whole for family, part in parts.items()}


def one_day(detectors: Detectors, tally: Tally) -> Detectors:
    """The detectors one day further; those of streams without draws stay as they are.

    Raises:
        Invalid: the day is counted already, or the tally is of other streams.
    """
    if tally.day <= detectors.day:
        raise Invalid(
            f"Day {tally.day} is not after day {detectors.day}, the last that is counted.",
            fix="count each day once, in order.",
        )
    if tally.wealth.shape != detectors.state.shape:
        raise Invalid(
            f"The tally is of {tally.wealth.shape[0]} streams, the detectors are of "
            f"{detectors.streams}.",
            fix="count the days again with the present baseline, and start the detectors anew.",
        )
    won = np.where(tally.n[:, None, None] > 0, tally.wealth, 0.0)
    return counted_day(detectors, tally.day, n=tally.n, total=tally.total, won=won)


def counted_day(
    detectors: Detectors, day: int, *, n: Floats, total: Floats, won: Floats
) -> Detectors:
    """The detectors after a day on which each stream had so many values, and won so much.

    Args:
        detectors: Of s streams.
        day: After the last that is counted.
        n: Shape (s,), values of the day.
        total: Shape (s,), their sum.
        won: Shape (s, 2, J), the day's wealth; 0 without values.
    """
    leaving = (detectors.run <= 0) & (won != 0)
    run = np.maximum(detectors.run, 0.0) + won
    above = run > 0
    drawn = np.broadcast_to(n[:, None, None], run.shape)
    summed = np.broadcast_to(total[:, None, None], run.shape)
    began = np.where(leaving, day, detectors.began)
    n_since = np.where(leaving, 0.0, detectors.n) + drawn
    total_since = np.where(leaving, 0.0, detectors.total) + summed
    return Detectors(
        day=day,
        state=advanced(detectors.state, won),
        run=np.where(above, run, 0.0),
        began=np.where(above, began, NEVER),
        n=np.where(above, n_since, 0.0),
        total=np.where(above, total_since, 0.0),
    )


def over_bar(
    detectors: Detectors, bar: Floats, weights: Floats | None = None
) -> list[tuple[int, int, float]]:
    """Stream, side (0 up, 1 down) and log evidence of those at or over their bar.

    The one furthest over its bar comes first.

    Args:
        detectors: Of s streams.
        bar: Shape (s,).
        weights: Shape (s, J), of the stakes; None: all alike.
    """
    found = evidence(detectors.state, None if weights is None else weights[:, None, :])
    streams, sides = np.nonzero(found >= bar[:, None])
    over = found[streams, sides] - bar[streams]
    order = np.argsort(-over, kind="stable")
    return [(int(streams[i]), int(sides[i]), float(found[streams[i], sides[i]])) for i in order]


def restarted(detectors: Detectors, streams: npt.NDArray[np.bool_]) -> Detectors:
    """The detectors, with those of the marked streams (shape (s,)) as fresh ones."""
    gone = streams[:, None, None]
    return replace(
        detectors,
        state=np.where(gone, 0.0, detectors.state),
        run=np.where(gone, 0.0, detectors.run),
        began=np.where(gone, NEVER, detectors.began),
        n=np.where(gone, 0.0, detectors.n),
        total=np.where(gone, 0.0, detectors.total),
    )


def _of_best(detectors: Detectors, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of each stream and side, the value of the stake whose CUSUM is highest."""
    best = detectors.run.argmax(axis=-1)[..., None]
    return np.asarray(np.take_along_axis(values, best, axis=-1)[..., 0])


def _packed(values: npt.NDArray[Any]) -> str:
    kind = "<i8" if values.dtype.kind == "i" else "<f8"
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()


def _unpacked(text: str, kind: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    flat = np.frombuffer(base64.b64decode(text, validate=True), dtype=kind)
    if not np.isfinite(flat).all():
        raise ValueError
    return flat.reshape(shape).astype(np.int64 if kind == "<i8" else np.float64)
