"""Signals that do not come any more, for all patients or for a share of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.records.watch import Finding
from bedside.monitor.causes.evidence_of import Evidence, Move
from bedside.monitor.causes.explained import INPUTS, OF_PLACE, Case, Explanation, aggregate_of, made
from bedside.monitor.wording import per_cent

__all__ = ["Feed", "feed_lost", "feed_lost_words", "lost", "lost_feeds", "moved_signals"]

NEARLY_ALL = 0.9  # of those who had it
HALF_LOST = 0.5
SOME_LOST = 0.1
DOMINANT = 3.0  # times the next signal's
_NEAR = 3  # days between the onsets of signals of one feed
_SEVERAL = 3  # signals


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A signal that may have been lost: since when, for which share of those who had it."""

    onset: int
    signal: str
    share: float
    findings: tuple[Finding, ...]


def lost_feeds(case: Case, feeds: Sequence[Feed]) -> list[Explanation]:
    """Those that were lost; those that went at about the same time are one feed.

    A signal that hardly anybody has any more is lost. One that half have, only where no more than
    two other signals moved, for another place may measure other things; one that is lost for
    fewer, only where nothing else went missing so surely.
    """
    sure = [
        feed
        for feed in feeds
        if feed.share >= NEARLY_ALL
        or (feed.share >= SOME_LOST and _alone(case.since(feed.onset), feed.signal))
    ]
    half = [feed for feed in feeds if feed not in sure and feed.share >= HALF_LOST]
    if half and not _others(case, [*sure, *half]):
        sure += half
    heaps: list[list[Feed]] = []
    for feed in sorted(sure, key=lambda one: (one.onset, one.signal)):
        if heaps and feed.onset - heaps[-1][-1].onset <= _NEAR:
            heaps[-1].append(feed)
        else:
            heaps.append([feed])
    return [feed_lost(case, heap) for heap in heaps]


def feed_lost(case: Case, feeds: Sequence[Feed]) -> Explanation:
    """These signals do not come any more."""
    signals = tuple(sorted(feed.signal for feed in feeds))
    share = max(feed.share for feed in feeds)
    what = feed_lost_words(case, signals)
    if share < NEARLY_ALL:
        them = "it" if len(signals) == 1 else "them"
        what += f" for {per_cent(share)} of the patients who had {them} before"
    findings = [finding for feed in feeds for finding in feed.findings]
    return made("feed_lost", signals, min(feed.onset for feed in feeds), findings, what)


def feed_lost_words(case: Case, signals: Sequence[str]) -> str:
    """That these signals do not come any more."""
    names = [case.name(signal) for signal in signals]
    said = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{said} {'does' if len(names) == 1 else 'do'} not come any more"


def lost(evidence: Evidence, signal: str) -> float:
    """The share of patients who had it that has it no more; 0 where it is not surely so."""
    shares = [
        move.change / max(1 - move.then, 0.01)
        for move in evidence.of("missing", signal=signal)
        if move.strong and move.change > 0
    ]
    if not shares:
        counts = [
            move
            for move in evidence.of("rank", signal=signal)
            if aggregate_of(move) == "count" and move.strong and move.change < 0
        ]
        others = [
            move
            for move in evidence.of("rank", signal=signal)
            if aggregate_of(move) in OF_PLACE and move.strong
        ]
        return min(2 * max(-move.change for move in counts), 1.0) if counts and not others else 0.0
    return max(shares)


def moved_signals(evidence: Evidence) -> dict[str, Move]:
    """Each signal of which a feature surely moved, with its strongest move."""
    found: dict[str, Move] = {}
    for move in evidence.of(*INPUTS):
        if move.strong and move.signal is not None and move.group is None:
            found.setdefault(move.signal, move)
    return found


def _others(case: Case, feeds: Sequence[Feed]) -> bool:
    """Whether several other signals moved as well, so that it is more than lost feeds."""
    moved = moved_signals(case.since(min(feed.onset for feed in feeds)))
    return len(set(moved) - {feed.signal for feed in feeds}) >= _SEVERAL


def _alone(evidence: Evidence, signal: str) -> bool:
    """Whether this signal's missing share moved far more than that of any other."""
    by: dict[str, float] = {}
    for move in evidence.of("missing"):
        if move.signal is not None:
            by[move.signal] = max(by.get(move.signal, 0.0), abs(move.z))
    mine = by.pop(signal, 0.0)
    return mine >= DOMINANT * max(by.values(), default=0.0)
