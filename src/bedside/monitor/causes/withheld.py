"""What answers say of a signal themselves: that it was missing, set aside, or of no category."""

from collections.abc import Sequence
from dataclasses import dataclass

from bedside.core.records.watch import Cause, Finding
from bedside.monitor.causes.codes_moved import recoded_words
from bedside.monitor.causes.evidence_of import Evidence
from bedside.monitor.causes.explained import Case, Explanation, made, onset_of
from bedside.monitor.causes.lost_feeds import feed_lost_words
from bedside.monitor.wording import per_cent

__all__ = ["explained_by_abstentions", "is_set_aside", "set_aside_words"]

GONE = ("missing", "stale")
"""Reasons of a signal that does not come."""

IMPOSSIBLE = "out_of_range"
"""The reason of a signal whose newest value is outside what is possible, or of no category."""

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
    """More abstentions because of one signal: it is lost, or comes in another unit or code.

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
    cause, words = _cause(case, evidence, first)
    return [made(cause, (first.signal,), onset, [*mine, *own], words)]


def _cause(case: Case, evidence: Evidence, withheld: _Withheld) -> tuple[Cause, str]:
    """What is behind it, and in words."""
    signal = withheld.signal
    if withheld.impossible > withheld.gone:
        other = _of_no_category(case, evidence, signal)
        if other is not None:
            return "coding_change", other
        return "unit_change", set_aside_words(case, signal, withheld.impossible)
    recoded = recoded_words(case, evidence.codes, signal, withheld.gone)
    if recoded is not None:
        return "coding_change", f"{recoded}, and no score is given without it"
    return "feed_lost", f"{feed_lost_words(case, (signal,))}, and no score is given without it"


def _of_no_category(case: Case, evidence: Evidence, signal: str) -> str | None:
    """That a category came that the declaration does not know, in words; None: none did."""
    if not any(one.seen.signal == signal and not one.seen.known for one in evidence.codes):
        return None
    told = recoded_words(case, evidence.codes, signal, 0.0)
    if told is None:  # many texts, each of few
        told = f"{case.name(signal)} comes with codes that the declaration does not know"
    return f"{told}, and no score is given with it"


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
