"""The rows that a model is learnt from, together, and as one object of the sealed store."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels
from bedside.lifecycle.fairness import levels_of_sides
from bedside.lifecycle.judging import matrix_of

__all__ = ["Sides", "sides_bytes", "sides_from", "sides_of"]

Floats = npt.NDArray[np.float64]
_BY_ROW = ("features", "label", "target", "weight", "subject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Training rows, and what else a fit may see.

    Args:
        train: n training rows.
        copies: From each declared jitter or time warp, shape (c * n, k).
        tuning: Tuning rows; None where a task must not see them.
        levels: Of the fairness subgroup, where there is one.
    """

    train: Matrix
    copies: tuple[Floats, ...] = ()
    tuning: Matrix | None = None
    levels: Levels | None = None


def sides_of(
    declaration: Declaration,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    matrix: Floats,
    names: tuple[str, ...],
    copies: Sequence[Floats],
) -> Sides:
    """The training and tuning rows among all asked rows of known label.

    Args:
        declaration: Its fairness.
        snapshot: Of prepared events.
        asked: Every row, with its side; shape (n,).
        matrix: Shape (n, k).
        names: Of the k features.
        copies: Of the training rows.
    """

    def side(name: str) -> Matrix:
        inside = asked["side"] == name
        return matrix_of(asked.filter(inside), matrix[inside.to_numpy()], names)

    return Sides(
        train=side("train"),
        copies=tuple(copies),
        tuning=side("tuning"),
        levels=levels_of_sides(declaration, snapshot, asked),
    )


def sides_bytes(sides: Sides) -> bytes:
    """NumPy's own archive of arrays, without pickled objects; the same bytes for the same rows."""
    arrays: dict[str, npt.NDArray[Any]] = {"names": np.array(sides.train.names, dtype=np.str_)}
    for name, rows in (("train", sides.train), ("tuning", sides.tuning)):
        if rows is not None:
            for part in _BY_ROW:
                if (values := getattr(rows, part)) is not None:
                    arrays[f"{name}.{part}"] = values
    for number, copy in enumerate(sides.copies):
        arrays[f"copies.{number}"] = copy
    if sides.levels is not None:
        arrays["levels.train"], arrays["levels.tuning"] = sides.levels.train, sides.levels.tuning
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def sides_from(content: bytes) -> Sides:
    """The rows again."""
    with np.load(BytesIO(content), allow_pickle=False) as told:
        arrays = {name: told[name] for name in told.files}
    names = tuple(arrays["names"].tolist())

    def rows(side: str) -> Matrix | None:
        if f"{side}.features" not in arrays:
            return None
        return Matrix(names=names, **{part: arrays.get(f"{side}.{part}") for part in _BY_ROW})  # type: ignore[arg-type]

    train, levels = rows("train"), None
    assert train is not None  # noqa: S101 - `sides_bytes` always writes them
    if "levels.train" in arrays:
        levels = Levels(train=arrays["levels.train"], tuning=arrays["levels.tuning"])
    copies = [name for name in arrays if name.startswith("copies.")]
    return Sides(
        train=train,
        copies=tuple(arrays[f"copies.{number}"] for number in range(len(copies))),
        tuning=rows("tuning"),
        levels=levels,
    )
