"""A measured figure with its interval: never a bare number."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["JOINT", "SUPPRESS_AT_OR_BELOW", "Estimate", "figure_text"]

SUPPRESS_AT_OR_BELOW = 10
"""Counts of subjects or events this small are not shown, so that nobody can be picked out."""

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
    """
    if figure["estimate"] is None:
        return f"not shown: {figure['why']}"
    text = f"{figure['estimate']:.3f}"
    if figure["low"] is None:
        return text
    return f"{text} ({figure['low']:.3f} to {figure['high']:.3f})"
