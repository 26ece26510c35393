"""The likeliest labels of a line, and how likely each one is, for many lines at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["best_labels", "chances"]

_TOGETHER = 20_000  # tokens, padding included

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def best_labels(states: Floats, lengths: Sequence[int], transitions: Floats) -> Ints:
    """The labels of the likeliest path through each line (Viterbi, IEEE Trans Inf Theory 1967).

    Args:
        states: Shape (n, m): each token's weight for each label, line after line.
        lengths: Of the lines, in tokens, none 0; they add up to n.
        transitions: Shape (m, m), from label to label.

    Returns:
        Shape (n,): a label's place for each token.
    """
    out = np.empty(states.shape[0], dtype=np.int64)
    into = np.ascontiguousarray(transitions.T)
    moves = transitions[:, None, :]
    for group in _groups(lengths):
        scores = np.empty((group.longest, group.count, states.shape[1]), dtype=states.dtype)
        scores[0] = states[group.starts]
        for step in range(1, group.longest):
            going = group.going(step)
            paths = scores[step - 1, :going].T[:, :, None] + moves  # from, line, to
            scores[step, :going] = paths.max(axis=0) + states[group.starts[:going] + step]
        ends = scores[group.lengths - 1, np.arange(group.count)]
        last = ends.argmax(axis=1)
        for step in range(group.longest - 1, -1, -1):
            going = group.going(step)
            out[group.starts[:going] + step] = last[:going]
            if step:
                last[:going] = (scores[step - 1, :going] + into[last[:going]]).argmax(axis=1)
    return out


def chances(states: Floats, lengths: Sequence[int], transitions: Floats) -> Floats:
    """How likely each label is at each token, whatever the others are (forward-backward).

    Args:
        states: As for `best_labels`.
        lengths: As for `best_labels`.
        transitions: As for `best_labels`.

    Returns:
        Shape (n, m); the rows add up to 1.

    Source: Rabiner, Proc IEEE 1989;77(2):257-286.
    """
    out = np.empty_like(states)
    moves = np.exp(transitions.astype(np.float64))
    weights = np.exp((states - states.max(axis=1, keepdims=True)).astype(np.float64))
    for group in _groups(lengths):
        forward = np.empty((group.longest, group.count, states.shape[1]))
        forward[0] = _shares(weights[group.starts])
        for step in range(1, group.longest):
            going = group.going(step)
            here = weights[group.starts[:going] + step]
            forward[step, :going] = _shares((forward[step - 1, :going] @ moves) * here)
        behind = np.ones((group.count, states.shape[1]))
        for step in range(group.longest - 1, -1, -1):
            going = group.going(step)
            at = group.starts[:going] + step
            out[at] = _shares(forward[step, :going] * behind[:going])
            behind[:going] = _shares((behind[:going] * weights[at]) @ moves.T)
    return out


@dataclass(frozen=True, slots=True)
class _Group:
    """Lines of about one length, the longest first: where each starts, and how long it is."""

    starts: Ints
    lengths: Ints

    @property
    def count(self) -> int:
        return int(self.starts.size)

    @property
    def longest(self) -> int:
        return int(self.lengths[0])

    def going(self, step: int) -> int:
        """How many lines have a token at this step."""
        return int(np.searchsorted(-self.lengths, -step, side="left"))


def _groups(lengths: Sequence[int]) -> Iterator[_Group]:
    sizes = np.asarray(lengths, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    order = np.argsort(-sizes, kind="stable")
    at = 0
    while at < order.size:
        many = max(1, _TOGETHER // max(1, int(sizes[order[at]])))
        chosen = order[at : at + many]
        yield _Group(starts[chosen], sizes[chosen])
        at += many


def _shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shares: npt.NDArray[np.float64] = values / values.sum(axis=1, keepdims=True)
    return shares
