"""How one metric is titled, written and read."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Metric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one metric is titled, written and read.

    `style` is `share` (0 to 1, shown in per cent), `number` or `rate`. `better` says which way
    is good; `nearest` is the ideal value where neither end is. `meaning` completes the sentence
    "This figure is …" for a clinician. `undefined` says when there is none.
    """

    title: str
    style: Literal["share", "number", "rate"]
    meaning: str
    better: Literal["high", "low"] | None = None
    nearest: float | None = None
    undefined: str | None = None
