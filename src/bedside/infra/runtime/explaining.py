"""The Explainer port over the forms of `bedside.models`."""

from typing import Any

from bedside.models.form_json import form_from_json
from bedside.models.learnt import LearntModel

__all__ = ["FormExplainer"]


class FormExplainer:
    """Explains scores with the model as it was learnt.

    Args:
        content: The form of the model, as JSON.

    Raises:
        Refused: the bytes are no form.

    Source: Lundberg et al., Nat Mach Intell 2020;2:56-67 (path-dependent tree SHAP).
    """

    def __init__(self, content: bytes) -> None:
        self._model = LearntModel(form_from_json(content))

    def contributions(self, matrix: Any) -> Any:
        """Before calibration, shape (n, k + 1); the last column is the expected margin."""
        return self._model.contributions(matrix)

    def margin(self, matrix: Any) -> Any:
        """Before calibration, shape (n,): what the contributions add up to."""
        return self._model.margin(matrix)
