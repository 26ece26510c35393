"""An alarm before it is raised: findings that have one likely cause, told in one sentence."""

from dataclasses import dataclass

from bedside.core.records.watch import AlarmKind, AlarmSeverity, Cause, Finding

__all__ = ["AlarmDraft"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmDraft:
    """What is to be raised, or to grow an alarm of the same key that is not resolved.

    Args:
        key: Cause, and what it is about; the caller adds the version.
        kind: What it is about.
        severity: How much it matters for patients; the rule stands in the manual (alarm causes).
        cause: What is most likely behind it.
        signals: Signals that it is about; what only follows from them is not named.
        groups: Subgroups, sites or wards that it is about; none: everybody.
        onset: The day on which it probably began (ISO date).
        text: One sentence: what, where, since when and how much.
        score_share: The share of the shift of the mean log-odds that its signals account for;
            None: it is not known, or the mean did not shift.
        findings: The evidence, the strongest first, with what follows from it.
        everywhere: Whether it is known to be in every place; False: in those of `groups`, or it
            cannot be told.
    """

    key: str
    kind: AlarmKind
    severity: AlarmSeverity
    cause: Cause
    onset: str
    text: str
    signals: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    score_share: float | None = None
    findings: tuple[Finding, ...] = ()
    everywhere: bool = False
