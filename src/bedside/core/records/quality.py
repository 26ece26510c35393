"""What is checked about data before anything is learnt from them, and the gates on it."""

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["QualityGate", "QualityPlan", "Range"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Values outside are implausible: in `unit` (UCUM), with where the bounds are from."""

    low: float
    high: float
    unit: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityGate:
    """A bound that the data must keep; without a code it is about all of them.

    `check` is one of the checks of Kahn 2016: `conformance` (share of values in a unit and form
    that is understood), `completeness` (share of subjects who have the code at all, or of rows
    with a value), `plausibility` (share of values inside their range).
    """

    check: Literal["conformance", "completeness", "plausibility"]
    at_least: float
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityPlan:
    """Ranges for the codes of this source (they come before the built-in ones), and gates.

    `expected` are codes that every subject should have. `site_code` is the code of the static fact
    that names a subject's site, for comparison between sites.
    """

    ranges: dict[str, Range] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    gates: tuple[QualityGate, ...] = ()
    site_code: str | None = None
