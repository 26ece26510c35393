"""What a leakage audit looked at, what it found, and what each suspect is worth to a model."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["DELAY_HOURS", "Checked", "CodeDelays", "Finding", "LeakageReport", "Score", "Severity"]

Severity = Literal["leak", "warning"]

DELAY_HOURS = (0.0, 0.25, 1.0, 4.0, 12.0, 24.0, 72.0)
"""Upper edges, each included, of the bands in which delays are counted; a last band is above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a model sees what it could not know, or what gives the label away.

    Args:
        name: What an acknowledgement must name: `kind:what`, or the kind alone.
        kind: Which rule found it.
        text: What was found, in plain words.
        fix: What to do about it.
        severity: A `leak` fails a build until it is acknowledged; a `warning` is reported.
        features: The columns of the matrix that it touches.
        evidence: The figures behind it, by name.
    """

    name: str
    kind: str
    text: str
    fix: str = ""
    severity: Severity = "leak"
    features: tuple[str, ...] = ()
    evidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What one detector looked at, as it is when nothing was found.

    Args:
        detector: Its name.
        what: What it looked at, and what is true of it when it found nothing.
        number: How many of them; 0 says that there was nothing to look at.
        kinds: The kinds of finding that it can make.
    """

    detector: str
    what: str
    number: int
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well a quick model ranks without the features of one suspect.

    `without` is the finding's name: empty when nothing was left out, `*` for every suspect at once.
    """

    without: str
    features: tuple[str, ...]
    figures: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDelays:
    """How long after they happened the events of a code could first be seen.

    `counts` has one count for each band of `DELAY_HOURS`, and one for what is above.
    """

    code: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakageReport:
    """The audit of one build."""

    findings: tuple[Finding, ...] = ()
    checked: tuple[Checked, ...] = ()
    scores: tuple[Score, ...] = ()
    delays: tuple[CodeDelays, ...] = ()

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The findings that fail a build unless they are acknowledged."""
        return tuple(finding for finding in self.findings if finding.severity == "leak")
