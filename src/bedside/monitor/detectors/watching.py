"""A watched version some days further: detectors advanced day by day, and what they found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from bedside.core.clock import day_text
from bedside.core.errors import Invalid
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.watch import Finding, Watch
from bedside.metrics.sequential import STAKES, advanced, evidence
from bedside.monitor.detectors.detecting import (
    NEVER,
    Detectors,
    Floats,
    bars,
    one_day,
    over_bar,
    restarted,
    stake_weights,
)
from bedside.monitor.disclosure import told_share
from bedside.monitor.stream.streams import SHARES, Baseline, Stream
from bedside.monitor.stream.tally import Tally

__all__ = ["Seen", "evidence_by_day", "findings_of", "watch_days"]

_SIDES: Final[tuple[Literal["up", "down"], ...]] = ("up", "down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How far the detectors are, and what they found.

    Args:
        detectors: After the last day.
        findings: What is over its bar after the last day, the furthest over first; also with no
            new day.
        by_day: Of each day with findings: the day, and its findings.
    """

    detectors: Detectors
    findings: tuple[Finding, ...]
    by_day: tuple[tuple[int, tuple[Finding, ...]], ...] = ()


def watch_days(
    baseline: Baseline,
    watch: Watch,
    detectors: Detectors | None,
    tallies: Sequence[Tally],
    *,
    resolved: frozenset[str] = frozenset(),
) -> Seen:
    """Advance the detectors over these days, one by one.

    A day that is not among them had no answers: it moves nothing. Streams of the patients of a day
    start anew each day, so that who lies for several days is no evidence twice.

    Args:
        baseline: What the streams looked like before.
        watch: The budget of false alarms.
        detectors: As they were after the last day that was counted; None: none was.
        tallies: Of later days, in order.
        resolved: Ids of the streams whose alarm was resolved since: their detectors start anew
            before the first of these days. Ids that the baseline does not know are passed over.

    Raises:
        Invalid: a day is counted already or not in order, or the detectors or a tally are of
            another baseline's streams.
    """
    now = Detectors.fresh(len(baseline.streams)) if detectors is None else detectors
    if now.streams != len(baseline.streams):
        raise Invalid(
            f"The detectors are of {now.streams} streams, the baseline of {len(baseline.streams)}.",
            fix="start them anew: count the days again from their answers.",
        )
    if resolved:
        now = restarted(now, np.array([one.id in resolved for one in baseline.streams], bool))
    bar = bars(baseline, watch)
    spots = np.array([one.spot for one in baseline.streams], bool)
    by_day = []
    for tally in tallies:
        now = one_day(restarted(now, spots) if spots.any() else now, tally)
        found = findings_of(baseline, now, bar)
        if found:
            by_day.append((tally.day, found))
    return Seen(detectors=now, findings=findings_of(baseline, now, bar), by_day=tuple(by_day))


def findings_of(baseline: Baseline, detectors: Detectors, bar: Floats) -> tuple[Finding, ...]:
    """What is over its bar, the furthest over first.

    Args:
        baseline: Of s streams.
        detectors: Of the same streams.
        bar: Shape (s,), of `bars`.
    """
    over = over_bar(detectors, bar, stake_weights(baseline))
    if not over:
        return ()
    since, drawn, mean = detectors.since, detectors.drawn_since, detectors.mean_since
    return tuple(
        _finding(
            baseline.streams[stream],
            side=_SIDES[side],
            since=int(since[stream, side]) if since[stream, side] != NEVER else detectors.day,
            n=int(drawn[stream, side]),
            now=float(mean[stream, side]),
            log_evidence=log_evidence,
            bar=float(bar[stream]),
        )
        for stream, side, log_evidence in over
    )


def evidence_by_day(baseline: Baseline, tallies: Sequence[Tally], place: int) -> Floats:
    """The log evidence about one stream after each of these days, counted from the first on.

    Args:
        baseline: Of s streams.
        tallies: Of its days, in order.
        place: Of the stream, 0 to s - 1.

    Returns:
        Shape (days, 2), up and down; at least 0.
    """
    weights = stake_weights(baseline)[place]
    state, found = np.zeros((2, len(STAKES))), np.zeros((len(tallies), 2))
    for at, tally in enumerate(tallies):
        state = advanced(state, tally.wealth[place])
        found[at] = np.maximum(evidence(state, weights), 0.0)
    return found


def _finding(
    stream: Stream,
    *,
    side: Literal["up", "down"],
    since: int,
    n: int,
    now: float,
    log_evidence: float,
    bar: float,
) -> Finding:
    shown = n > SUPPRESS_AT_OR_BELOW
    if shown and stream.family in SHARES:
        now = told_share(now, n)
    where = f" ({stream.group})" if stream.group else ""
    moved = f"from {stream.mean:.3g} to {now:.3g}" if shown else f"{side} from {stream.mean:.3g}"
    patients = f"over {n} patients" if shown else "over ten patients or fewer"
    return Finding(
        stream=stream.id,
        kind=stream.kind,
        side=side,
        signal=stream.signal,
        group=stream.group,
        since=day_text(since),
        log_evidence=log_evidence,
        bar=bar,
        then=stream.mean,
        now=now if shown else None,
        n=n if shown else None,
        text=f"{stream.title}{where}: {moved} since {day_text(since)}, {patients}",
    )
