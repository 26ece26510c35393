"""Real data that ship inside an installed package: no download, no server."""

import polars as pl

__all__ = ["breast_cancer"]


def breast_cancer() -> pl.DataFrame:
    """Breast Cancer Wisconsin (Diagnostic): 569 cases, 30 measurements, `malignant` 0 or 1.

    Source: Wolberg et al., UCI Machine Learning Repository, doi:10.24432/C5DW2B (CC BY 4.0), as
    shipped in scikit-learn, where target 0 is malignant.
    """
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    found = load_breast_cancer()
    table = {str(name): found.data[:, column] for column, name in enumerate(found.feature_names)}
    return pl.DataFrame(
        {
            "case": [f"{row:04d}" for row in range(len(found.target))],
            **table,
            "malignant": (found.target == 0).astype("int64"),
        }
    )
