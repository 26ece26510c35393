"""A measured figure with its interval: never a bare number."""

from dataclasses import dataclass

__all__ = ["SUPPRESS_AT_OR_BELOW", "Estimate"]

SUPPRESS_AT_OR_BELOW = 10
"""Counts of subjects or events this small are not shown, so that nobody can be picked out."""


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
