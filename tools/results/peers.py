"""scikit-survival on the same data in the same run: a forest and a Cox model, five folds."""

from typing import Any

import numpy as np

__all__ = ["peer_text"]

FOLDS = 5
SEED = 20190101


def peer_text(name: str) -> str:
    """Harrell's C out of fold, of a random survival forest and a Cox model with their defaults.

    Subjects with a follow-up of zero are left out, as ours leaves them out. Categories are one-hot,
    gaps take the median of the training folds.
    """
    import sksurv  # noqa: PLC0415
    from sksurv.ensemble import RandomSurvivalForest  # noqa: PLC0415
    from sksurv.linear_model import CoxPHSurvivalAnalysis  # noqa: PLC0415

    features, outcome = _data(name)
    forest = _crossed(RandomSurvivalForest(random_state=SEED), features, outcome)
    cox = _crossed(CoxPHSurvivalAnalysis(alpha=1.0), features, outcome)
    return (
        f"C, mean of {FOLDS} folds in this run: random survival forest {forest:.3f}, "
        f"Cox {cox:.3f} (scikit-survival {sksurv.__version__}, defaults, Cox with a ridge of 1)"
    )


def _data(name: str) -> tuple[Any, Any]:
    from sksurv import datasets  # noqa: PLC0415
    from sksurv.column import encode_categorical  # noqa: PLC0415

    load = {
        "whas500": datasets.load_whas500,
        "flchain": datasets.load_flchain,
        "veteran": datasets.load_veterans_lung_cancer,
    }[name]
    features, outcome = load()
    features = features.drop(columns=["chapter"], errors="ignore")  # known of the dead alone
    followed = outcome[outcome.dtype.names[1]] > 0
    coded = encode_categorical(features)
    return coded.to_numpy(dtype=np.float64)[followed], outcome[followed]


def _crossed(model: Any, features: Any, outcome: Any) -> float:
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415
    from sksurv.metrics import concordance_index_censored  # noqa: PLC0415

    fold = np.random.default_rng(SEED).permutation(len(outcome)) % FOLDS
    event, days = outcome.dtype.names
    reached = []
    for number in range(FOLDS):
        inside = fold == number
        steps = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)
        steps.fit(features[~inside], outcome[~inside])
        judged = outcome[inside]
        risk = steps.predict(features[inside])
        reached.append(concordance_index_censored(judged[event], judged[days], risk)[0])
    return float(np.mean(reached))
