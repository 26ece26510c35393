"""Whether a version fits a new site: what clashes, what is missing, what to expect, what to do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import Estimate
from bedside.core.records.leakage import DELAY_HOURS
from bedside.core.units import display
from bedside.develop.evaluate.likely_units import LooksLike
from bedside.metrics.bootstrap import estimate_from, replicate_counts
from bedside.metrics.calibration import log_odds
from bedside.metrics.expected import expected_auroc
from bedside.metrics.intervals import Z
from bedside.models.links import logistic

__all__ = ["Feed", "Found", "UnitMet", "delay_words", "expected_performance", "findings_of"]

Floats = npt.NDArray[np.float64]

LOST, KNOWN = 0.9, 0.5
"""A feed is lost where so many here have no value, and at the build half or more had one."""
THIN = 0.25  # this much more is missing than at the build
WEIGHTY = 0.02  # of what the model relies on: less is no reason to stop
DELAYED = 0.3  # distance between the delays there and here
_DRAWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMet:
    """The values of a signal in one unit, as they came.

    `state` is `as declared`, `converted`, `without a unit`, or `clash`: it does not convert.
    `median` and `usual` (at the build) are in the declared unit; `looks` is what the values seem
    to be in.
    """

    unit: str | None
    values: int
    state: Literal["as declared", "converted", "without a unit", "clash"] | str
    median: float | None
    usual: float | None
    looks: LooksLike | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A signal as the site has it, and as the build had it.

    Args:
        signal, label, codes, unit, required: As declared.
        importance: The share of what the model relies on.
        missing_then, missing_here: Share of the questions without a value; None: not known.
        subjects: Who has the code at all, of `whole`.
        units: Each unit that was met, before anything was set aside.
        delays_then, delays_here: Events in the bands of `DELAY_HOURS`; None: not known.
        dated: Whether its events have a time of their own.
    """

    signal: str
    label: str
    codes: tuple[str, ...]
    unit: str | None
    required: bool
    importance: float
    missing_then: float | None
    missing_here: float
    subjects: int
    whole: int
    units: tuple[UnitMet, ...]
    delays_then: tuple[int, ...] | None
    delays_here: tuple[int, ...] | None
    dated: bool

    @property
    def clashes(self) -> bool:
        """Whether a unit does not convert, or values look like another one."""
        return any(one.state == "clash" or one.looks is not None for one in self.units)

    @property
    def is_lost(self) -> bool:
        """Whether hardly anybody here has a value, though most had one at the build."""
        then = 0.0 if self.missing_then is None else self.missing_then
        return self.missing_here >= LOST and then <= KNOWN

    @property
    def matters(self) -> bool:
        """Whether the model relies on it, or cannot do without."""
        return self.required or self.importance >= WEIGHTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Something about a site: what it is, what to do, and whether the model waits for it."""

    kind: Literal["unit", "feed", "delay"]
    signal: str
    text: str
    do: str
    stops: bool


def findings_of(feeds: Sequence[Feed]) -> list[Found]:
    """What is wrong with the feeds, the gravest first."""
    found = [one for feed in feeds for one in _of_feed(feed)]
    weight = {feed.signal: feed.importance for feed in feeds}
    return sorted(found, key=lambda one: (not one.stops, -weight[one.signal]))


def _of_feed(feed: Feed) -> Iterator[Found]:
    for one in feed.units:
        if one.state == "clash":
            yield Found(
                kind="unit",
                signal=feed.signal,
                text=f"{_first(feed.label)} comes in {_unit(one.unit)}, which does not convert to "
                f"{_unit(feed.unit)}.",
                do="declare the conversion in the site's source.yaml (the molar mass of the "
                "substance, or what the unit means), and collect again.",
                stops=feed.matters,
            )
        elif one.looks is not None:
            yield _look_alike(feed, one, one.looks)
    if feed.is_lost and not feed.clashes:
        yield Found(
            kind="feed",
            signal=feed.signal,
            text=f"{_first(feed.label)} is missing: {_per_cent(feed.missing_here)} of the "
            f"questions have no value here, {_per_cent(feed.missing_then)} had none at the build.",
            do=f"connect the feed that brings {' or '.join(feed.codes)}, or map the local code to "
            "it in source.yaml.",
            stops=feed.matters,
        )
    elif not feed.clashes and feed.missing_here - (feed.missing_then or 0.0) >= THIN:
        yield Found(
            kind="feed",
            signal=feed.signal,
            text=f"{_first(feed.label)} is told more seldom: {_per_cent(feed.missing_here)} of the "
            f"questions have no value here, {_per_cent(feed.missing_then)} had none at the build.",
            do="ask whether it is measured more seldom here, or whether a part of the feed is "
            "missing.",
            stops=False,
        )
    yield from _of_delays(feed)


def _look_alike(feed: Feed, one: UnitMet, looks: LooksLike) -> Found:
    part = "All" if looks.share > 0.99 else _per_cent(looks.share)
    return Found(
        kind="unit",
        signal=feed.signal,
        text=f"{part} of the values of {feed.label} look like {_unit(looks.unit)}, though they "
        f"come as {_unit(one.unit or feed.unit)}: the median here is {one.median:.3g}, at the "
        f"build it was {one.usual:.3g} {_unit(feed.unit)}.",
        do=f"ask the laboratory; if it is so, say unit: {looks.unit} in the site's source.yaml and "
        "collect again.",
        stops=feed.matters,
    )


def _of_delays(feed: Feed) -> Iterator[Found]:
    if not feed.dated or feed.delays_then is None or feed.delays_here is None:
        return
    if not sum(feed.delays_then) or not sum(feed.delays_here):
        return
    then, here = (np.cumsum(one) / sum(one) for one in (feed.delays_then, feed.delays_here))
    later = float((then - here).max())
    sooner = float((here - then).max())
    if max(later, sooner) < DELAYED:
        return
    word = "later" if later >= sooner else "sooner"
    do = (
        "the model was built to see it sooner than it can be seen here; ask when a clinician here "
        "first sees the result, and expect it to be missing or old more often."
        if word == "later"
        else "check that known_at is when a clinician could first see the result, not when the "
        "specimen was taken: a silent zero lets the model see into the future."
    )
    yield Found(
        kind="delay",
        signal=feed.signal,
        text=f"{_first(feed.label)} can be seen {word} here than at the build: half of it "
        f"{delay_words(feed.delays_here)}, at the build {delay_words(feed.delays_then)}.",
        do=do,
        stops=False,
    )


def delay_words(counts: Sequence[int]) -> str:
    """Within which time half of the events can be seen.

    >>> delay_words([0, 0, 9, 1, 0, 0, 0, 0]), delay_words([5, 0, 0, 0, 0, 0, 0, 0])
    ('within 1 h', 'at once')
    """
    half = int(np.searchsorted(np.cumsum(counts), sum(counts) / 2))
    if half == 0:
        return "at once"
    if half >= len(DELAY_HOURS):
        return f"after more than {DELAY_HOURS[-1]:g} h"
    hours = DELAY_HOURS[half]
    return f"within {60 * hours:g} min" if hours < 1 else f"within {hours:g} h"


def _first(label: str) -> str:
    """The label as a sentence begins."""
    return f"{label[:1].upper()}{label[1:]}"


def _unit(unit: str | None) -> str:
    return display(unit) or unit or "no unit"


def _per_cent(share: float | None) -> str:
    if share is None:
        return "an unknown share"
    return f"{100 * share:.0f} %"


def expected_performance(
    outcome: str, risk: Floats, subject: npt.NDArray[np.int64], built: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """The AUROC to expect of these patients, before any outcome is known here.

    It is that of the build, weighted to be like these patients: each counts by its risk as one with
    the outcome, after the calibration that was measured at the build. The interval holds the chance
    in who came and how surely that calibration is known; it does not hold that the outcome may
    depend on the features in another way here, which only measuring can tell.

    Args:
        outcome: What kind of thing is predicted.
        risk: Shape (n,).
        subject: Shape (n,), counts from 0 without gaps.
        built: The evidence of the build.
        seed: Of the resampling.

    Source: van Klaveren et al., Stat Med 2016;35:4136-4152.
    """
    figures = built["metrics"]
    slope, shift = figures.get("calibration_slope", {}), figures.get("calibration_intercept", {})
    centre = built.get("case_mix", {}).get("linear_predictor", {}).get("mean")
    if outcome != "binary" or slope.get("low") is None or shift.get("low") is None:
        why = "only for yes or no outcomes whose calibration was measured at the build"
        return Estimate(estimate=None, low=None, high=None, n=None, why=why).as_json()
    odds, middle = log_odds(risk), 0.0 if centre is None else float(centre)

    def recalibrated(by: float, up: float) -> Floats:
        return np.asarray(logistic(middle + up + by * (odds - middle)))

    random = np.random.default_rng(seed)
    point = expected_auroc(recalibrated(slope["estimate"], shift["estimate"]))
    draws = np.empty(_DRAWS)
    counts = replicate_counts(int(subject[-1]) + 1, _DRAWS, seed)
    for number, drawn in enumerate(counts):
        by, up = (random.normal(one["estimate"], _error(one)) for one in (slope, shift))
        draws[number] = expected_auroc(recalibrated(max(by, 0.0), up), drawn[subject])
    return estimate_from(point, draws, len(risk)).as_json()


def _error(figure: Mapping[str, Any]) -> float:
    return (float(figure["high"]) - float(figure["low"])) / (2 * Z)
