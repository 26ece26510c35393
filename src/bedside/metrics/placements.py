"""Where each case stands among the controls, and each control among the cases."""

import numpy as np

from bedside.metrics.arrays import Floats

__all__ = ["placements"]


def placements(cases: Floats, controls: Floats) -> tuple[Floats, Floats]:
    """The share of controls below each case, and of cases above each control; a tie is half.

    The mean of either is the AUROC; their variances are those of DeLong.

    Args:
        cases: Shape (m,), values of those with the outcome; at least one.
        controls: Shape (n,), of those without it; at least one.

    Source: DeLong et al., Biometrics 1988;44:837-845; by ranks as in Sun & Xu, IEEE Signal Process
        Lett 2014;21:1389-1393.

    >>> of_cases, of_controls = placements(np.array([0.8, 0.4]), np.array([0.4, 0.1]))
    >>> of_cases.tolist(), of_controls.tolist()
    ([1.0, 0.75], [0.75, 1.0])
    """
    return _below(controls, cases) / controls.size, 1 - _below(cases, controls) / cases.size


def _below(values: Floats, at: Floats) -> Floats:
    """How many values are below each of `at`; those that equal it count half."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, at, side="left")
    return np.asarray((below + np.searchsorted(ordered, at, side="right")) / 2)
