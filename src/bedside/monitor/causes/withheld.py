"""What answers say of a signal themselves: that it was missing, or a value of it set aside."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.records.watch import Finding
from bedside.monitor.causes.codes_moved import recoded_words
from bedside.monitor.causes.evidence_of import Evidence
from bedside.monitor.causes.explained import Case, Explanation, made, onset_of
from bedside.monitor.causes.lost_feeds import feed_lost_words
from bedside.monitor.wording import per_cent

__all__ = ["explained_by_abstentions", "is_set_aside", "set_aside_words"]

GONE = ("missing", "stale")
"""Reasons of a signal that does not come."""

IMPOSSIBLE = "out_of_range"
"""The reason of a signal whose newest value is outside what is possible."""

MOST = 0.5
"""Of what is to be explained, so much is enough."""


@dataclass(frozen=True, slots=True)
class _Withheld:
    """By how much the answers rose that are withheld because of a signal."""

    signal: str
    gone: float
    impossible: float

    @property
    def more(self) -> float:
        return self.gone + self.impossible


def explained_by_abstentions(case: Case, findings: Sequence[Finding]) -> list[Explanation]:
    """More abstentions because of one signal: it is lost, or comes in another unit.

    Without a signal that is required there is no score, and so no feature on record: the abstention
    alone names it. A signal counts where it explains half of the rise of all abstentions.
    """
    mine = [
        one
        for one in case.of(findings, "answering")
        if one.stream.startswith("abstention") and one.side == "up"
    ]
    if not mine:
        return []
    onset = onset_of(mine)
    evidence = case.since(onset)
    signals = {name.split(":", 1)[1] for name in evidence.about if not name.startswith("aside:")}
    told = [
        _Withheld(
            signal,
            evidence.more(*(f"{reason}:{signal}" for reason in GONE)),
            evidence.more(f"{IMPOSSIBLE}:{signal}"),
        )
        for signal in sorted(signals)
    ]
    rise = [move.change for move in evidence.of("answering") if move.id == "abstention"]
    if not told or not rise:
        return []
    first = max(told, key=lambda one: one.more)
    if first.more <= 0 or first.more < MOST * rise[0]:
        return []
    own = [one for one in findings if one.signal == first.signal and one.group is None]
    if first.impossible > first.gone:
        words = set_aside_words(case, first.signal, first.impossible)
        return [made("unit_change", (first.signal,), onset, [*mine, *own], words)]
    recoded = recoded_words(case, evidence.codes, first.signal, first.gone)
    if recoded is not None:
        words = f"{recoded}, and no score is given without it"
        return [made("coding_change", (first.signal,), onset, [*mine, *own], words)]
    words = f"{feed_lost_words(case, (first.signal,))}, and no score is given without it"
    return [made("feed_lost", (first.signal,), onset, [*mine, *own], words)]


def is_set_aside(evidence: Evidence, signal: str, share: float) -> float:
    """In which share of the answers more a value of the signal was set aside, if that explains it.

    Args:
        evidence: Since it began.
        signal: That seems to be lost.
        share: Of the patients who had it, who have it no more.

    Returns:
        0 where it does not explain most of what is lost.
    """
    more = evidence.more(f"aside:{signal}", f"{IMPOSSIBLE}:{signal}")
    moved = [one.change for one in evidence.of("missing", signal=signal) if one.change > 0]
    lost = max(moved, default=share)
    return more if more > 0 and more >= MOST * min(lost, share) else 0.0


def set_aside_words(case: Case, signal: str, share: float) -> str:
    """That its values are set aside, which another unit would explain, in words."""
    return (
        f"values of {case.name(signal)} outside what is possible are set aside in "
        f"{per_cent(share)} more of the answers, as where it comes in another unit"
    )
