"""How the evidence behind an alarm grew, day by day, from what the monitor keeps of each day."""

from dataclasses import dataclass
from datetime import date, timedelta

from bedside.core.clock import day_text
from bedside.core.errors import BedsideError
from bedside.core.records.watch import Alarm
from bedside.lifecycle.baselines import baseline_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watch_judging import kept_tallies
from bedside.monitor.detectors.watching import evidence_by_day
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["BEFORE", "EvidencePath", "evidence_path"]

BEFORE = 28
"""Days before the onset from which evidence is counted for the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidencePath:
    """The evidence of the strongest finding of an alarm, by day.

    Args:
        text: What moved, in plain words.
        days: Days of the figures (ISO dates), in order.
        log_evidence: Natural log of the evidence after each day, counted from the first on, so
            that it may be less than the finding's own.
        bar: What raises an alarm.
        onset: The day on which it probably began.
    """

    text: str
    days: tuple[str, ...]
    log_evidence: tuple[float, ...]
    bar: float
    onset: str


def evidence_path(platform: Platform, alarm: Alarm) -> EvidencePath | None:
    """The path of the strongest finding; None: there is no finding, or nothing kept tells it.

    Only tallies are read, no answer and no outcome.
    """
    if not alarm.findings:
        return None
    first = alarm.findings[0]
    since = (date.fromisoformat(first.since) - timedelta(days=BEFORE)).isoformat()
    try:
        version = platform.registry.get(alarm.version)
        baseline = baseline_of(platform, version, open_bundle(platform, version))
        place = baseline.index(first.stream)
        kept = kept_tallies(platform, version.id, TallyMaker(baseline), since=since)
        tallies = [] if place is None else list(kept)
    except BedsideError:  # the picture is an aid; the findings tell the same in words
        return None
    if place is None or not tallies:
        return None
    side = 0 if first.side == "up" else 1
    path = evidence_by_day(baseline, tallies, place)[:, side].round(4).tolist()
    return EvidencePath(
        text=first.text,
        days=tuple(day_text(tally.day) for tally in tallies),
        log_evidence=tuple(path),
        bar=first.bar,
        onset=first.since,
    )
