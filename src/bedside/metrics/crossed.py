"""Two yes-or-no calls about the same rows, counted against each other without small cells."""

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW

__all__ = ["crossed_counts"]

Bools = npt.NDArray[np.bool_]


def crossed_counts(
    first: Bools, second: Bools, *, only: tuple[str, str] = ("first_only", "second_only")
) -> dict[str, int | None]:
    """How many rows both call, either alone, or neither; None for a count of one to ten.

    A single hidden count could be found by subtraction from the whole, so then the smallest of the
    others is hidden too.

    Args:
        first: Shape (n,).
        second: Shape (n,).
        only: What the counts of one alone are named.

    >>> import numpy as np
    >>> yes = np.arange(100) < 40
    >>> crossed_counts(yes, np.arange(100) < 35)
    {'both': None, 'first_only': None, 'second_only': 0, 'neither': 60}
    """
    counts = {
        "both": int((first & second).sum()),
        only[0]: int((first & ~second).sum()),
        only[1]: int((~first & second).sum()),
        "neither": int((~first & ~second).sum()),
    }
    small = [name for name, count in counts.items() if 0 < count <= SUPPRESS_AT_OR_BELOW]
    if len(small) == 1:
        rest = {name: count for name, count in counts.items() if name not in small and count}
        small += [min(rest, key=lambda name: rest[name])] if rest else []
    return {name: None if name in small else count for name, count in counts.items()}
