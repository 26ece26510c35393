"""One row per subject: what makes rows independent before anything is counted or tested."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid

__all__ = ["one_row_each", "uniform"]


def one_row_each(subject_index: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Row numbers, ascending: one per subject, drawn by a digest of the subject and the seed.

    The rows of one patient resemble each other. Counted as if they were independent, they make
    chance look like drift; one row each does not. The draw depends on the subject, the seed and
    the order of the subject's own rows alone: adding other subjects never changes it.

    Args:
        subject_index: Shape (n,), integers.
        seed: Which draw.

    Raises:
        Invalid: it is not a list of integers.

    Source: the mixing function is splitmix64 (Steele, Lea & Flood, OOPSLA 2014).

    >>> one_row_each([7, 7, 9], seed=1).tolist() in ([0, 2], [1, 2])
    True
    """
    subjects = np.asarray(subject_index)
    if subjects.ndim != 1 or not (subjects.size == 0 or np.issubdtype(subjects.dtype, np.integer)):
        raise Invalid("The subject index is not a list of integers.", fix="give shape (n,).")
    if subjects.size == 0:
        return np.empty(0, dtype=np.int64)
    order = np.argsort(subjects, kind="stable")
    who, first, rows = np.unique(subjects[order], return_index=True, return_counts=True)
    place = np.floor(uniform(who.astype(np.int64), seed) * rows).astype(np.int64)
    return np.sort(order[first + place]).astype(np.int64)


def uniform(keys: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each key, shape (n,); the same for the same key and seed."""
    step = np.array([0x9E3779B97F4A7C15], dtype=np.uint64)
    mixed = keys.view(np.uint64) * step + np.array([seed % 2**64], dtype=np.uint64) * step + step
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.array([0xBF58476D1CE4E5B9], dtype=np.uint64)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.array([0x94D049BB133111EB], dtype=np.uint64)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(1 << 53)
