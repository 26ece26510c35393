"""One cause and what it explains, before it is told; and the case that the search works on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bedside.core.clock import day_number
from bedside.core.records.watch import AlarmKind, Cause, Finding
from bedside.monitor.causes.evidence_of import Evidence, Move
from bedside.monitor.causes.units_seen import Conversion
from bedside.monitor.wording import per_cent

__all__ = [
    "INPUTS",
    "OF_PLACE",
    "Case",
    "Explanation",
    "aggregate_of",
    "level_of",
    "made",
    "onset_of",
    "plain",
    "share_words",
]

INPUTS = ("missing", "rank", "spread", "beyond", "tail", "level")
"""Families of streams about features."""

OF_PLACE = ("", "last", "first", "mean", "min", "max", "sum")
"""Aggregates that are in the unit of the values, and lie where they do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A cause, what it is about, and the findings that it explains.

    Args:
        cause: One of `CAUSES`.
        kind: Of the alarm.
        signals: That it is about.
        groups: That it is about.
        onset: Days since 1970-01-01.
        findings: That it explains.
        what: What happened, as a clause without a date.
    """

    cause: Cause
    kind: AlarmKind
    onset: int
    what: str
    signals: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def with_more(self, findings: Sequence[Finding]) -> "Explanation":
        """The same cause, which explains these as well."""
        return replace(self, findings=(*self.findings, *findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What the search for causes knows.

    Args:
        since: The evidence of the days from a day on.
        families: Of each stream, by id.
        units: Conversions by signal.
        titles: What a signal is called.
        codes: Of each signal, as they are declared.
    """

    since: Callable[[int], Evidence]
    families: Mapping[str, str]
    units: Mapping[str, Sequence[Conversion]]
    titles: Mapping[str, str]
    codes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def family(self, finding: Finding) -> str:
        """Of the finding's stream; '' of one that the baseline does not hold."""
        return self.families.get(finding.stream, "")

    def of(self, findings: Sequence[Finding], *families: str) -> list[Finding]:
        """Those whose stream is of one of the families."""
        return [finding for finding in findings if self.family(finding) in families]

    def name(self, signal: str) -> str:
        """What a signal is called."""
        return self.titles.get(signal) or plain(signal)


def plain(name: str) -> str:
    """A signal's name as words.

    >>> plain("heart_rate")
    'heart rate'
    """
    return name.replace("_", " ")


def onset_of(findings: Sequence[Finding]) -> int:
    """The day on which it probably began: of the surest findings, the middle one's.

    Weak evidence may have begun by chance long before, so only findings with half of the
    strongest evidence or more have a say.
    """
    most = max(finding.log_evidence for finding in findings)
    sure = sorted(day_number(one.since) for one in findings if one.log_evidence >= most / 2)
    return sure[(len(sure) - 1) // 2]


def aggregate_of(move: Move) -> str:
    """The aggregate of a move's feature, such as `last`; '' where the name tells none."""
    if move.feature is None or move.signal is None:
        return ""
    rest = move.feature.removeprefix(move.signal)
    return rest[1:].split(".")[0].split("=")[0] if rest.startswith(".") else ""


def made(
    cause: Cause, signals: tuple[str, ...], onset: int, findings: Sequence[Finding], what: str
) -> Explanation:
    """A cause that lies in inputs."""
    return Explanation(
        cause=cause, kind="input", signals=signals, onset=onset, findings=tuple(findings), what=what
    )


def level_of(move: Move) -> str:
    """The level of a stream of levels, in quotes."""
    return f"'{move.id.rsplit('=', 1)[-1]}'"


def share_words(move: Move) -> str:
    """How a share changed."""
    return f"went from {per_cent(move.then)} to {per_cent(move.now)} of patients"
