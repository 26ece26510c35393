"""PhysioNet's own package for WFDB records, as an oracle; its pandas warnings are not ours."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import wfdb

__all__ = ["rdann", "rdrecord"]


def rdrecord(*arguments: Any, **options: Any) -> Any:
    """As `wfdb.rdrecord`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wfdb.rdrecord(*arguments, **options)


def rdann(*arguments: Any, **options: Any) -> Any:
    """As `wfdb.rdann`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wfdb.rdann(*arguments, **options)
