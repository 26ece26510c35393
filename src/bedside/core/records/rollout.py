"""How a version comes to its patients, step by step: who sees it, what it must show on the way."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.version import Stage

__all__ = ["Canary", "Guard", "LiveGate", "Release", "Rollout"]
__all__ += ["HORIZON_COUNTS", "LIVE_COUNTS", "LIVE_LATENCIES", "LIVE_RATES", "OF_FOLLOW_UP"]
__all__ += ["horizon_of", "is_live_count", "keeps"]

LIVE_COUNTS = ("answers", "subjects", "judged")
LIVE_RATES = ("failure_rate", "abstention_rate", "alert_rate")
LIVE_LATENCIES = ("latency_p50_ms", "latency_p99_ms")
"""What live evidence tells beside the metrics of the evaluation."""

HORIZON_COUNTS = ("judged", "at_risk")
"""What it counts at each horizon of a time until an event: answers of which it is known by then
whether the event came, and those that were followed past it without one. Of the last horizon they
bear these names, of an earlier one such as `judged_at_365_days`, as the metrics do."""

OF_FOLLOW_UP = frozenset(
    {"auroc", "brier", "expected_observed_ratio", "ici", "net_benefit", "sensitivity",
     "specificity", "ppv", "npv", "nne"}
)  # fmt: skip
"""Metrics of a time until an event for which somebody must have been followed to a horizon. The
others are of the order or the pace in which events come (the concordances, the calibration slope),
or of alerts alone."""


def horizon_of(metric: str, horizons: Sequence[float]) -> float | None:
    """To which day somebody must have been followed for a metric to be told; None: to none.

    Args:
        metric: Of a time until an event.
        horizons: The model's, in days, ascending; of another outcome there are none.

    >>> horizon_of("brier_at_365_days", (365.0, 1096.0)), horizon_of("brier", (365.0, 1096.0))
    (365.0, 1096.0)
    >>> horizon_of("uno_c", (365.0, 1096.0)) is None
    True
    """
    plain, _, when = metric.partition("_at_")
    if not horizons or plain not in OF_FOLLOW_UP:
        return None
    return float(when.removesuffix("_days")) if when else horizons[-1]


def is_live_count(metric: str) -> bool:
    """Whether a live figure is a whole number.

    >>> is_live_count("judged_at_365_days"), is_live_count("auroc_at_365_days")
    (True, False)
    """
    return metric.partition("_at_")[0] in (*LIVE_COUNTS, *HORIZON_COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Who sees a version in canary: a stable `share` of the patients, or everybody in `wards`."""

    share: float = 0.1
    wards: tuple[str, ...] = ()

    def sees(self, *, key: bytes, model: str, subject: int | None, ward: str | None) -> bool:
        """Whether this patient is among those who are shown the version in canary.

        The same patients always are, on every server that has the key, and with a greater share
        they still are. Who is not named is not: nobody could say tomorrow what they were shown.

        Args:
            key: Of this workspace, so that nobody can choose who is in.
            model: Another model shows itself to other patients.
            subject: The patient's pseudonym.
            ward: Where the patient lies.
        """
        if subject is None:
            return False
        if ward is not None and ward in self.wards:
            return True
        drawn = hmac.digest(key, f"{model}\n{subject}".encode(), "sha256")
        return int.from_bytes(drawn[:8]) < self.share * 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version as servers run it now.

    `number` grows with every change of any release, so that a server sees at once that something
    has changed. `canary` says who sees it; None where the stage says it already. `since` is when
    it came to this stage (ISO 8601), or was resumed there; None: before Bedside kept that. While it
    is `suspended`, each of its answers is an abstention.
    """

    number: int
    version: str
    name: str
    bundle: str
    stage: Stage
    canary: Canary | None = None
    since: str | None = None
    suspended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveGate:
    """A bound on live evidence that a version must keep before it may go one step further.

    `metric` is one of `LIVE_COUNTS` (`judged` are answers whose outcome is known; of a time until
    an event also `HORIZON_COUNTS` at each horizon), of `LIVE_RATES` or of `LIVE_LATENCIES`, or any
    metric of the evaluation, which is computed over what is judged.
    `bound` says which end of an interval must keep it. With a `subgroup`, every level of it must.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    bound: Literal["estimate", "low", "high"] = "estimate"
    subgroup: str | None = None
    stages: tuple[Stage, ...] = (Stage.CANARY, Stage.LIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A bound that is watched while a version is seen; what happens at once when it is broken.

    `over` is how far back is looked, `minimum` how many answers there must be before it is judged
    (of a metric of the evaluation: judged answers; of one at a horizon: those that are judged by
    it, so that `over` must be longer than the horizon). `hold` sends the version into silence;
    `rollback` also brings back the live version before it.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    over: str = "1 h"
    minimum: int = 50
    then: Literal["hold", "rollback"] = "rollback"


def keeps(bound: LiveGate | Guard, value: float) -> bool:
    """Whether a figure is within a bound.

    >>> keeps(Guard(metric="failure_rate", at_most=0.1), 0.1)
    True
    """
    return (bound.at_least is None or value >= bound.at_least) and (
        bound.at_most is None or value <= bound.at_most
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """What `bedside.yaml` says under `rollout`."""

    canary: Canary = field(default_factory=Canary)
    gates: tuple[LiveGate, ...] = (
        LiveGate(metric="answers", at_least=100),
        LiveGate(metric="failure_rate", at_most=0.01),
        LiveGate(metric="abstention_rate", at_most=0.5),
        LiveGate(metric="latency_p99_ms", at_most=1000),
    )
    guards: tuple[Guard, ...] = (Guard(metric="failure_rate", at_most=0.05),)
