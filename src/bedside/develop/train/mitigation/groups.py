"""The level of each row in the subgroup between whose levels errors must not differ."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Levels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The level of the training and tuning rows, shape (n,) each; "" where it is not known."""

    train: npt.NDArray[np.str_]
    tuning: npt.NDArray[np.str_]
