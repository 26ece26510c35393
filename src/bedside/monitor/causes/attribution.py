"""Which signals moved the risks: the shift of the mean log-odds, taken apart without a rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Attribution", "attributed", "named_share"]

Floats = npt.NDArray[np.float64]


WHOLE = 0.995
LEAST_SHARE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The shift of the mean log-odds, and what each feature and signal adds to it.

    Args:
        shift: The mean now less that of the baseline.
        by_feature: What each adds; with `rest` they sum to `shift`.
        by_signal: The same for all features of a signal; a feature without one stands alone.
        rest: What the expected value adds: 0 unless the model's own offset changed.
        n: How many answers now it rests on.
    """

    shift: float
    by_feature: Mapping[str, float]
    by_signal: Mapping[str, float]
    rest: float
    n: int

    def share(self, signals: Sequence[str]) -> float | None:
        """What these signals add, as a share of the shift; None: there is no shift to share.

        Below 0 where they work against it, and above 1 where others do.
        """
        if self.shift == 0 or self.n == 0:
            return None
        return sum(self.by_signal.get(signal, 0.0) for signal in signals) / self.shift

    def ranked(self) -> list[tuple[str, float]]:
        """Signals and what they add, the largest effect first, whatever its direction."""
        return sorted(self.by_signal.items(), key=lambda item: (-abs(item[1]), item[0]))


def attributed(
    features: Sequence[str],
    signals: Mapping[str, str | None],
    then: Floats,
    total: Floats,
    n: float,
) -> Attribution | None:
    """Take the shift of the mean log-odds apart.

    A model's contributions sum to its log-odds for every patient, so the differences of their
    means sum to the difference of the means: nothing is approximated and nothing is left over.

    Args:
        features: The k names.
        signals: The signal of each; None: it has none.
        then: Shape (k + 1,), mean contributions in the baseline, the last what is expected.
        total: Shape (k + 1,), their sums now.
        n: Of how many answers.

    Returns:
        None where no answer has contributions.

    Source: additivity of Shapley values: Lundberg & Lee, NeurIPS 2017, property 1.

    >>> found = attributed(["a.last", "a.max", "b"], {"a.last": "a", "a.max": "a", "b": None},
    ...                    np.zeros(4), np.array([4.0, 2.0, 2.0, 0.0]), n=4)
    >>> found.shift, found.by_signal, found.share(["a"])
    (2.0, {'a': 1.5, 'b': 0.5}, 0.75)
    """
    if n <= 0 or then.shape != total.shape or not np.isfinite(total).all():
        return None
    moved = total / n - then
    by_signal: dict[str, float] = {}
    for name, change in zip(features, moved[:-1].tolist(), strict=True):
        signal = signals.get(name) or name
        by_signal[signal] = by_signal.get(signal, 0.0) + change
    return Attribution(
        shift=float(moved.sum()),
        by_feature=dict(zip(features, moved[:-1].tolist(), strict=True)),
        by_signal=by_signal,
        rest=float(moved[-1]),
        n=int(n),
    )


def named_share(share: float) -> str:
    """A share of the shift in words; '' where it is nearly nothing.

    >>> named_share(0.712), named_share(1.0), named_share(0.0)
    ('71 % of the score shift', 'all of the score shift', '')
    """
    if share >= WHOLE:
        return "all of the score shift"
    if share < LEAST_SHARE:
        return ""
    return f"{100 * share:.0f} % of the score shift"
