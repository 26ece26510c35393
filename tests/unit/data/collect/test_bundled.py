"""The biopsies that scikit-learn ships, as scikit-learn itself gives them."""

import subprocess
import sys

from sklearn.datasets import load_breast_cancer

from bedside.data.collect.bundled import breast_cancer


def test_the_biopsies_are_those_of_scikit_learn_to_the_bit():
    given, table = load_breast_cancer(), breast_cancer()

    assert table.columns == ["case", *map(str, given.feature_names), "malignant"]
    assert (table.select(given.feature_names.tolist()).to_numpy() == given.data).all()
    assert table["malignant"].to_list() == (given.target == 0).astype(int).tolist()
    assert table["case"].to_list() == [f"{at:04d}" for at in range(569)]


def test_they_are_read_without_loading_it():
    program = (
        "import sys; from bedside.data.collect.bundled import breast_cancer; breast_cancer();"
        "print([name for name in ('sklearn', 'pandas', 'scipy.stats') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "[]"
