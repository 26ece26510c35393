"""Real data that ship inside an installed package: no download, no server."""

from io import BytesIO

import polars as pl

from bedside.data.collect.reading import Received, received

__all__ = ["breast_cancer", "bundled_file"]


def bundled_file() -> Received:
    """The biopsies as a file that was received."""
    buffer = BytesIO()
    breast_cancer().write_parquet(buffer)
    return received(buffer.getvalue(), name="breast_cancer.parquet", subject="case")


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
