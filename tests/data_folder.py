"""Where the public test data lie: the one place that tests ask for them."""

import os
from pathlib import Path

import pytest

__all__ = ["data_folder"]

_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_folder(name: str) -> Path:
    """The folder of one public data set, such as `physionet-2019-sepsis`.

    It is looked for under `BEDSIDE_TEST_DATA`, or else in `shared/data` beside the repository.
    Where it is absent the test is skipped; where `BEDSIDE_REQUIRE_DATA` is 1, as in CI, it fails.
    """
    root = Path(os.environ.get("BEDSIDE_TEST_DATA") or _BESIDE_THE_REPOSITORY)
    folder = root / name
    if folder.is_dir():
        return folder

    reason = (
        f"The public data set '{name}' is not in {root}. Fix: put its folder there, or name the "
        "folder that holds it: BEDSIDE_TEST_DATA=/path/to/data."
    )
    if os.environ.get("BEDSIDE_REQUIRE_DATA") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
