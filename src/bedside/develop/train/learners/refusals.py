"""What no learner can learn from."""

import numpy as np

from bedside.core.errors import Invalid
from bedside.develop.train.matrix import Matrix

__all__ = ["refuse_nothing_to_learn"]


def refuse_nothing_to_learn(train: Matrix, outcome: str) -> None:
    """Refuse rows with an empty class or without any measured feature.

    Raises:
        Invalid: so it is (codes `empty_class`, `never_measured`).
    """
    if outcome == "binary":
        for label, word in ((1, "positive"), (0, "negative")):
            if not (train.label == label).any():
                raise Invalid(
                    f"The training rows have no {word} case.",
                    fix="bring more subjects or widen the question.",
                    code="empty_class",
                )
    if np.isnan(train.features).all():
        raise Invalid(
            "No feature is ever measured.",
            fix="check the codes of the signals.",
            code="never_measured",
        )
