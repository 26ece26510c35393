"""Real data that ship inside an installed package: no download, no server."""

import csv
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl

from bedside.core.errors import Unavailable
from bedside.data.collect.reading import Received, received

__all__ = ["breast_cancer", "bundled_file"]

_MEASURED = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave points", "symmetry", "fractal dimension",
)  # fmt: skip
_NAMES = (
    *(f"mean {one}" for one in _MEASURED),
    *(f"{one} error" for one in _MEASURED),
    *(f"worst {one}" for one in _MEASURED),
)


def bundled_file() -> Received:
    """The biopsies as a file that was received."""
    buffer = BytesIO()
    breast_cancer().write_parquet(buffer)
    return received(buffer.getvalue(), name="breast_cancer.parquet", subject="case")


def breast_cancer() -> pl.DataFrame:
    """Breast Cancer Wisconsin (Diagnostic): 569 cases, 30 measurements, `malignant` 0 or 1.

    The file is read as scikit-learn reads it, which takes far longer to load than the file.

    Source: Wolberg et al., UCI Machine Learning Repository, doi:10.24432/C5DW2B (CC BY 4.0), as
    shipped in scikit-learn, where target 0 is malignant.

    Raises:
        Unavailable: the installed scikit-learn does not hold it.
    """
    with _shipped().open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    values = np.array([row[:-1] for row in rows], dtype=np.float64)
    return pl.DataFrame(
        {
            "case": [f"{row:04d}" for row in range(len(rows))],
            **{name: values[:, column] for column, name in enumerate(_NAMES)},
            "malignant": np.array([row[-1] == "0" for row in rows], dtype=np.int64),
        }
    )


def _shipped() -> Path:
    found = find_spec("sklearn")
    for folder in () if found is None else found.submodule_search_locations or ():
        file = Path(folder) / "datasets" / "data" / "breast_cancer.csv"
        if file.is_file():
            return file
    raise Unavailable(
        "The biopsies that scikit-learn ships are not there.", fix="install scikit-learn anew."
    )
