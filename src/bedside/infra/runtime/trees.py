"""LightGBM behind the Explainer port: exact contributions of each feature to the log-odds."""

from typing import Any

import numpy as np

__all__ = ["TreeExplainer"]


class TreeExplainer:
    """Explains scores with the trees as they were fitted.

    Args:
        content: LightGBM's text form of the trees.

    Source: Lundberg et al., Nat Mach Intell 2020;2:56-67 (path-dependent tree SHAP).
    """

    def __init__(self, content: bytes) -> None:
        import lightgbm  # noqa: PLC0415  (slow to import)

        self._booster = lightgbm.Booster(model_str=content.decode())

    def contributions(self, matrix: Any) -> Any:
        """Log-odds before calibration, shape (n, k + 1); the last column is the expected value."""
        return np.asarray(self._booster.predict(matrix, pred_contrib=True, num_threads=1))

    def margins(self, matrix: Any) -> Any:
        """Log-odds before calibration, shape (n,)."""
        return np.asarray(self._booster.predict(matrix, raw_score=True))
