"""Values that are far too frequent, and numbers that were rounded by hand."""

import numpy as np
import polars as pl

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.quality import Counted, Spike
from bedside.data.quality.sketch import EXACT

__all__ = ["share_ending_in_zero", "spikes_of"]

# Numbers that stand for "not measured" in one data set or another.
SENTINELS = (-9999, -999, -99, -9, -1, 0, 99, 999, 9999, 99999, 999999, 9999999)
_SHARE_OF_SENTINEL = 0.002
_SHARE_OF_SPIKE = 0.05
_TIMES_THE_NEXT = 5
_DISTINCT = 20  # with fewer values a code is a scale, where a frequent answer is no surprise
_ROUNDED_FROM = 100  # values, and a spread of 30, before their last digit tells anything


def spikes_of(raw: pl.DataFrame) -> tuple[Spike, ...]:
    """Values of a code that are far too frequent, within one unit.

    A number that often stands for "not measured" counts when it lies apart from all others; any
    other when it is a twentieth of all and five times as frequent as the next. A count that is
    mostly nought, then one, then two is not surprising.

    Args:
        raw: Of one code: `unit`, `value`, `n`, `s`, `bits`.
    """
    found: list[Spike] = []
    for (unit,), part in raw.partition_by("unit", as_dict=True).items():
        if part.height < _DISTINCT or int(part["bits"].min() or 0) < EXACT:  # type: ignore[arg-type]
            continue
        rows = part.sort("value")
        value, n, s = (rows[name].to_numpy() for name in ("value", "n", "s"))
        for place in np.argsort(-n, kind="stable")[:50]:
            why = _why(value, n, int(place))
            if why is not None and s[place] > SUPPRESS_AT_OR_BELOW:
                found.append(
                    Spike(
                        value=float(value[place]),
                        unit=None if unit is None else str(unit),
                        counted=Counted(rows=int(n[place]), subjects=int(s[place])),
                        why=why,
                    )
                )
    return tuple(sorted(found, key=lambda spike: -spike.counted.rows)[:5])


def _why(value: np.ndarray, n: np.ndarray, place: int) -> str | None:
    """`apart`, `frequent`, or None where the value is no surprise."""
    share = n[place] / n.sum()
    if _counts_from_zero(value, n):
        return None
    if value[place] in SENTINELS and share >= _SHARE_OF_SENTINEL and _apart(value, n, place):
        return "apart"
    others = np.delete(n, place)
    frequent = share >= _SHARE_OF_SPIKE and n[place] >= _TIMES_THE_NEXT * others.max()
    return "frequent" if frequent else None


def _apart(value: np.ndarray, n: np.ndarray, place: int) -> bool:
    """Whether it is the first or last, and further from the next than half the middle half."""
    if place not in (0, len(value) - 1):
        return False
    rest, weight = np.delete(value, place), np.delete(n, place)
    reached = np.cumsum(weight) / weight.sum()
    quarter, three = (rest[int(np.searchsorted(reached, share))] for share in (0.25, 0.75))
    gap = float(np.abs(rest - value[place]).min())
    return gap > max(0.5 * float(three - quarter), 0.0) and gap > 0


def _counts_from_zero(value: np.ndarray, n: np.ndarray) -> bool:
    whole = bool((value == np.round(value)).all()) and value[0] == 0 and len(value) > 1
    return whole and value[1] == 1 and int(n.argmax()) == 0 and n[1] == np.sort(n)[-2]


def share_ending_in_zero(raw: pl.DataFrame) -> float | None:
    """The share of whole numbers that end in 0, one tenth where nobody rounds.

    None where there are fewer than a hundred, where they spread over less than 30, or where most
    are not whole.
    """
    if int(raw["bits"].min() or 0) < EXACT:  # type: ignore[arg-type]
        return None
    value, n = raw["value"].to_numpy(), raw["n"].to_numpy()
    whole = value == np.round(value)
    count = int(n[whole].sum())
    if count < _ROUNDED_FROM or count < 0.9 * int(n.sum()):
        return None
    order = np.argsort(value[whole])
    reached = np.cumsum(n[whole][order]) / count
    low, high = (value[whole][order][int(np.searchsorted(reached, q))] for q in (0.05, 0.95))
    if high - low < 30:
        return None
    return float(n[whole][np.mod(value[whole], 10) == 0].sum() / count)
