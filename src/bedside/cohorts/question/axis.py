"""Where values of many subjects lie among sorted ones: all subjects end to end in one search."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Axis", "Bools", "Ints"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_LONGEST = 2**63  # what an axis of 64 bits holds
_FEW = 16  # that many times fewer searched for than there are: then no axis is laid out for them
_MANY = 4  # that many times more searched for than there are: then these are searched for in those


@dataclass(slots=True)
class Axis:
    """Values in order of subject and value, to be searched.

    Args:
        subject: Shape (n,). Index of the subject, ascending, not negative.
        value: Shape (n,). Ascending within a subject.
    """

    subject: Ints
    value: Ints
    _key: Ints | None = field(init=False, default=None)
    _low: int = field(init=False, default=0)
    _width: int = field(init=False, default=0)  # 0: not yet known; else one more than the values

    def place(self, subject: Ints, value: Ints, side: Literal["left", "right"]) -> Ints:
        """The first of the subject's values that is not below the value (left), or above it.

        Where it has none, the place behind its last one.

        Args:
            subject: Shape (m,).
            value: Shape (m,).
            side: Whether an equal one is below (right) or not (left).

        Returns:
            Shape (m,).
        """
        if len(self.value) == 0:
            return np.zeros(len(subject), np.int64)
        if not self._width and len(subject) * _FEW >= len(self.value):
            self._lay_out()
        if self._key is None:
            return self._bisected(subject, value, side)
        least = self._low - 1
        sought = np.clip(value, least, self._low + self._width - 2)
        sought -= least
        sought += np.minimum(subject, int(self.subject[-1]) + 1) * self._width
        if len(sought) > _MANY * len(self._key) and bool((sought[1:] >= sought[:-1]).all()):
            other: Literal["left", "right"] = "right" if side == "left" else "left"
            after = np.searchsorted(sought, self._key, other)
            return np.cumsum(np.bincount(after, minlength=len(sought) + 1))[:-1]
        return np.searchsorted(self._key, sought, side)

    def _lay_out(self) -> None:
        """Lay the values of one subject after another, if 64 bits can tell them all apart."""
        least, most = int(self.value.min()), int(self.value.max())
        self._low, self._width = least, most - least + 3
        in_reach = least > -_LONGEST // 2 and most < _LONGEST // 2
        if in_reach and (int(self.subject[-1]) + 2) * self._width < _LONGEST:
            self._key = self.subject * self._width
            self._key += self.value
            self._key -= least - 1

    def _bisected(self, subject: Ints, value: Ints, side: Literal["left", "right"]) -> Ints:
        """The same where the values are too far apart for one axis: each subject by itself."""
        low = np.searchsorted(self.subject, subject, "left")
        high = np.searchsorted(self.subject, subject, "right")
        active = np.flatnonzero(low < high)
        while len(active):
            middle = (low[active] + high[active]) >> 1
            told, sought = self.value[middle], value[active]
            before = told < sought if side == "left" else told <= sought
            low[active] = np.where(before, middle + 1, low[active])
            high[active] = np.where(before, high[active], middle)
            active = active[low[active] < high[active]]
        return low
