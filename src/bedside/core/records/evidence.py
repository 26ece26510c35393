"""A measured figure with its interval: never a bare number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FEW", "JOINT", "SUPPRESS_AT_OR_BELOW", "Estimate", "count_shown", "figure_text"]

SUPPRESS_AT_OR_BELOW = 10
"""Counts of subjects or events this small are not shown, so that nobody can be picked out."""

FEW = f"{SUPPRESS_AT_OR_BELOW} or fewer"
"""What stands for such a count."""

MANY = 10.0
"""From here on a figure is written with one digit after the point, below it with three."""

JOINT = " × "
"""Between the names, and the levels, of subgroups that are judged together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A point estimate, its 95 % interval and the number of rows behind it.

    All three figures are None where the cell is suppressed or the metric is undefined; `why`
    then says so.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int | None
    why: str | None = None

    def as_json(self) -> dict[str, float | int | str | None]:
        """`{"estimate": …, "low": …, "high": …, "n": …}`, with `why` where there is no figure."""
        out: dict[str, float | int | str | None] = {
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "n": self.n,
        }
        if self.why is not None:
            out["why"] = self.why
        return out


def figure_text(figure: Mapping[str, Any]) -> str:
    """A figure, as `Estimate.as_json` gives it, in words.

    >>> figure_text({"estimate": 0.9, "low": 0.85, "high": 0.95, "n": 100})
    '0.900 (0.850 to 0.950)'
    >>> figure_text({"estimate": 245.349, "low": 212.695, "high": 280.314, "n": 100})
    '245.3 (212.7 to 280.3)'
    """
    if figure["estimate"] is None:
        return f"not shown: {figure['why']}"
    digits = 3 if abs(figure["estimate"]) < MANY else 1
    text = f"{figure['estimate']:,.{digits}f}"
    if figure["low"] is None:
        return text
    return f"{text} ({figure['low']:,.{digits}f} to {figure['high']:,.{digits}f})"


def count_shown(count: int) -> int | str:
    """A count as it may be shown; that there is none is no secret.

    >>> count_shown(4), count_shown(0), count_shown(40)
    ('10 or fewer', 0, 40)
    """
    return FEW if 0 < count <= SUPPRESS_AT_OR_BELOW else count
