"""What it is where one signal alone moved: its feed, its codes, or its assay."""

import math
from collections.abc import Sequence

from bedside.core.records.watch import Finding
from bedside.monitor.causes.evidence_of import Evidence, Move
from bedside.monitor.causes.explained import (
    OF_PLACE,
    Case,
    Explanation,
    aggregate_of,
    level_of,
    made,
    share_words,
)
from bedside.monitor.causes.lost_feeds import Feed, feed_lost, lost
from bedside.monitor.stream.streams import SPOT
from bedside.monitor.wording import number, per_cent

__all__ = ["of_one_signal"]

_TOLD = 0.005  # of the value: a smaller factor is not told


def of_one_signal(case: Case, signal: str, findings: Sequence[Finding], onset: int) -> Explanation:
    """The cause where one signal alone moved, and not as in another unit."""
    evidence = case.since(onset)
    share = lost(evidence, signal)
    families = {case.family(one) for one in findings if one.signal == signal}
    if share > 0 or families == {"missing"}:
        return _comes_or_not(case, evidence, signal, share, findings, onset)
    late = _later(case, evidence, signal)
    if late is not None:
        return made("feed_lost", (signal,), onset, findings, late)
    codes = [move for move in evidence.of("codes", signal=signal) if move.strong]
    if codes or families == {"codes"}:
        what = f"{case.name(signal)} comes under other codes than before"
        return made("coding_change", (signal,), onset, findings, what)
    levels = [move for move in evidence.of("level", signal=signal) if move.strong]
    if levels:
        what = f"{case.name(signal)}: {level_of(levels[0])} {share_words(levels[0])}"
        return made("coding_change", (signal,), onset, findings, what)
    return _assay_bias(case, evidence, signal, findings, onset)


def _comes_or_not(
    case: Case,
    evidence: Evidence,
    signal: str,
    share: float,
    findings: Sequence[Finding],
    onset: int,
) -> Explanation:
    gaps = evidence.of("missing", signal=signal)
    if share > 0 or not gaps or gaps[0].change > 0:
        found = share or max((move.change for move in gaps), default=1.0)
        feed = Feed(onset=onset, signal=signal, share=found, findings=tuple(findings))
        return feed_lost(case, [feed])
    what = (
        f"{case.name(signal)} is known of {per_cent(1 - gaps[0].now)} of patients, where it was of "
        f"{per_cent(1 - gaps[0].then)}"
    )
    return made("unknown", (signal,), onset, findings, what)


def _later(case: Case, evidence: Evidence, signal: str) -> str | None:
    """That the newest value is older than it was, in words; None: values moved more surely."""
    ranks = [move for move in evidence.of("rank", signal=signal) if move.strong]
    if not ranks or aggregate_of(ranks[0]) != "hours_since" or ranks[0].change <= 0:
        return None
    return (
        f"{case.name(signal)} comes later or less often than before: the newest value is on "
        f"average older than that of {per_cent(ranks[0].now)} of the patients before"
    )


def _assay_bias(
    case: Case, evidence: Evidence, signal: str, findings: Sequence[Finding], onset: int
) -> Explanation:
    """Values that moved while they come as often as before, and by no unit's factor."""
    moves = [
        move
        for move in evidence.of("rank", "beyond", "tail", "spread", signal=signal)
        if move.strong
    ]
    place = next((move for move in moves if move.family == "rank"), None)
    if place is None:
        end = next((move for move in moves if move.family == "tail"), None)
        way = "otherwise" if end is None else _way(end)
        what = f"the values of {case.name(signal)} lie {way} than before"
        return made("assay_bias", (signal,), onset, findings, what)
    what = f"{case.name(signal)} comes {'higher' if place.change > 0 else 'lower'} than before"
    sizes = evidence.sizes.get(place.feature or "")
    if sizes is not None and aggregate_of(place) in OF_PLACE:
        times = math.exp(sizes[1].mean - sizes[0].mean)
        if abs(times - 1) >= _TOLD:
            what += f", about {number(times)} times what it was"
    else:
        what += f" (on average above {per_cent(place.now)} of the values before)"
    return made("assay_bias", (signal,), onset, findings, what)


def _way(end: Move) -> str:
    """Which way values moved that left one end, or fell into it."""
    return "lower" if end.id.removeprefix(SPOT).startswith("low:") == (end.change > 0) else "higher"
