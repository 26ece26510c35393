"""The model that any other must beat: a regularised logistic regression."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.refusals import refuse_nothing_to_learn
from bedside.develop.train.matrix import Matrix

__all__ = ["fit_baseline"]

Floats = npt.NDArray[np.float64]


def fit_baseline(train: Matrix, judged: Floats, seed: int) -> Floats:
    """Risks of a regularised logistic regression, shape (n,).

    Missing values take the training median; features are standardised.
    """
    refuse_nothing_to_learn(train, "binary")
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    measured = ~np.isnan(train.features).all(axis=0)
    steps = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, random_state=seed, solver="newton-cholesky"),
    )
    steps.fit(train.features[:, measured], train.label)
    return np.asarray(steps.predict_proba(judged[:, measured])[:, 1])
