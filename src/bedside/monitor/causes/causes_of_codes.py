"""Causes that the codes of a signal tell: it comes under another, or one of them comes no more."""

from collections.abc import Sequence

from bedside.core.records.watch import Finding
from bedside.monitor.causes.codes_moved import recoded_words, replaced_by
from bedside.monitor.causes.evidence_of import Evidence
from bedside.monitor.causes.explained import Case, Explanation, made
from bedside.monitor.causes.lost_feeds import NEARLY_ALL, lost
from bedside.monitor.stream.codes import UNKNOWN
from bedside.monitor.wording import per_cent

__all__ = ["by_codes"]


def by_codes(
    case: Case, evidence: Evidence, signal: str, findings: Sequence[Finding], onset: int
) -> Explanation | None:
    """What the codes say of a signal of which something moved; None: nothing.

    Args:
        case: What is known.
        evidence: Since the onset.
        signal: The signal.
        findings: About it.
        onset: Days since 1970-01-01.
    """
    words = recoded_words(case, evidence.codes, signal, _drop(evidence, signal))
    if words is None and any(
        one.stream == f"{UNKNOWN}:{signal}" and one.side == "up" for one in findings
    ):
        words = f"{case.name(signal)} comes with codes that the declaration does not know"
    if words is not None:
        return made("coding_change", (signal,), onset, findings, words)
    went, _ = replaced_by(evidence.codes, signal, 0.0)
    if went is None or went.now > (1 - NEARLY_ALL) * went.then or lost(evidence, signal) > 0:
        return None
    words = (
        f"{case.name(signal)}: {went.told} does not come any more, where {per_cent(went.then)} of "
        "the answers had it, and no other code came in its place"
    )
    return made("feed_lost", (signal,), onset, findings, words)


def _drop(evidence: Evidence, signal: str) -> float:
    """The share of patients who had the signal and have it no more; 0 where it is not sure."""
    share = lost(evidence, signal)
    moved = [one.change for one in evidence.of("missing", signal=signal) if one.strong]
    return max(moved, default=share) if share > 0 else 0.0
