"""How counts and shares are shown: what is true of ten or fewer is hidden, and so is its rest."""

from collections.abc import Sequence

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.quality import Counted

__all__ = [
    "number",
    "per_cent",
    "share_shown",
    "small",
    "split_shown",
    "typical",
]


def small(count: int) -> bool:
    """Whether a count is hidden. None at all is no secret.

    >>> small(0), small(3), small(11)
    (False, True, False)
    """
    return 0 < count <= SUPPRESS_AT_OR_BELOW


def typical(counted: Counted) -> bool:
    """Whether a median may be told: more than ten subjects can lie on either side."""
    return counted.subjects > 2 * SUPPRESS_AT_OR_BELOW


def share_shown(part: int, whole: int) -> dict[str, float]:
    """A share of a whole, or the bound that it keeps where it, or its rest, is small.

    >>> share_shown(50, 100), share_shown(3, 100), share_shown(98, 100), share_shown(3, 12)
    ({'share': 0.5}, {'at_most': 0.1}, {'at_least': 0.9}, {})
    """
    if whole == 0 or (small(part) and small(whole - part)):
        return {}
    if small(part):
        return {"at_most": SUPPRESS_AT_OR_BELOW / whole} if whole > SUPPRESS_AT_OR_BELOW else {}
    if small(whole - part):
        return {"at_least": 1 - SUPPRESS_AT_OR_BELOW / whole}
    return {"share": part / whole}


def per_cent(shown: dict[str, float]) -> str:
    """A share from `share_shown` in words.

    >>> per_cent({"share": 0.5}), per_cent({"at_most": 0.01}), per_cent({})
    ('50 %', '1 % or less', '–')
    """
    if "share" in shown:
        share = shown["share"]
        tight = 0 < share < 0.001 or 0.999 < share < 1
        return f"{100 * share:.{2 if tight else 1}f}".rstrip("0").rstrip(".") + " %"
    if "at_most" in shown:
        return f"{100 * shown['at_most']:.2g} % or less"
    if "at_least" in shown:
        return f"{100 * shown['at_least']:.4g} % or more"
    return "–"


def split_shown(counts: Sequence[int]) -> list[int | None]:
    """Counts of a whole, None for one to ten; no hidden one can be found by subtraction.

    Where what is hidden adds up to ten or less, the greatest count takes it in.

    >>> split_shown([50, 3, 0])
    [53, None, 0]
    """
    shown: list[int | None] = [None if small(count) else count for count in counts]
    hidden = sum(count for count in counts if small(count))
    if 0 < hidden <= SUPPRESS_AT_OR_BELOW:
        greatest = max(range(len(counts)), key=lambda place: counts[place])
        if not small(counts[greatest]):
            shown[greatest] = counts[greatest] + hidden
    return shown


def number(value: float) -> str:
    """A figure in a few characters.

    >>> number(1234567.0), number(0.00012), number(37.2), number(120.0)
    ('1,234,567', '0.00012', '37.2', '120')
    """
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
