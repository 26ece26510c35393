"""Counter-checks: explanations must rank a planted driver first, and a planted irrelevance low."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.training import Fill
from bedside.develop.explain.refitting import ROWS, drawn_rows, refitted
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import Feature, FeatureSet
from bedside.features.wording import title

__all__ = ["counter_checks", "driver_of"]

Floats = npt.NDArray[np.float64]
NOISE = 0.25  # standard deviation of what is added to the label, where the label's steps are 1
NUMBER_NOISE = 0.01  # the same of a number, as a share of its own standard deviation
AT_MOST = 0.5  # of its original's share may an irrelevant copy have


def counter_checks(
    declaration: Declaration,
    feature_set: FeatureSet,
    train: Matrix,
    tuning: Matrix,
    held_out: Matrix,
    *,
    copied: int,
) -> dict[str, Any]:
    """Two refits of the declared learner, each with one more column, judged on held-out rows.

    One has the leading feature once more with its values shuffled between rows: as this says
    nothing, its share of the reasons must be at most half of the original's. The other has the
    label with noise: it must come first.

    Args:
        declaration: With the chosen parameters.
        feature_set: k features.
        train: Training rows; about 20,000 of them at most are used.
        tuning: Tuning rows.
        held_out: At least one row.
        copied: The leading feature.

    Returns:
        `irrelevant` and `driver`: each its `share`, `rank` and `of` how many features; `passed`;
        or `why` nothing could be checked.
    """
    seed = declaration.learner.seed
    subject = np.arange(len(train.label)) if train.subject is None else train.subject
    train = train.taken(drawn_rows(subject, ROWS, seed, again=False))
    original = feature_set.features[copied]
    copy = replace(original, name=_PLANTED.name)
    fill = declaration.imputation.fill_of(original.name, original.aggregate, original.signal)
    sides = (train, tuning, held_out)
    generator = np.random.Generator(np.random.PCG64(seed))
    shuffled = [generator.permutation(one.features[:, copied]) for one in sides]
    outcome = declaration.question.outcome.kind
    drivers = [driver_of(outcome, one, generator) for one in sides]
    try:
        noise = _shares(declaration, feature_set, sides, copy, shuffled, fill)
        cause = _shares(declaration, feature_set, sides, _PLANTED, drivers, Fill())
    except Invalid:
        return {"why": "the training rows had nothing to learn from"}
    irrelevant, driver = _placed(noise), _placed(cause)
    low = bool(noise[-1] <= AT_MOST * noise[copied])
    return {
        "irrelevant": {
            **irrelevant,
            "copy_of": title(original),
            "original_share": _six(noise[copied]),
            "passed": low,
        },
        "driver": {**driver, "passed": driver["rank"] == 1},
        "passed": low and driver["rank"] == 1,
    }


def driver_of(outcome: str, rows: Matrix, generator: np.random.Generator) -> Floats:
    """What came true, with noise: a feature that any learner must find; shape (n,).

    Of survival, the martingale residual of a model without features: the event (0 or 1) less the
    hazard that the row was exposed to.

    Source: Therneau, Grambsch & Fleming, Biometrika 1990;77(1):147-160 (martingale residuals).
    """
    drawn = generator.normal(size=len(rows.label))
    if outcome == "regression":
        assert rows.target is not None  # noqa: S101 - a number has a target
        return np.asarray(rows.target + NUMBER_NOISE * rows.target.std() * drawn)
    noise = NOISE * drawn
    if outcome != "survival":
        return np.asarray(rows.label + noise)
    assert rows.target is not None  # noqa: S101 - survival has times
    event = (rows.label == 1).astype(np.float64)
    return np.asarray(event - _hazard(rows.target, event) + noise)


def _hazard(days: Floats, event: Floats) -> Floats:
    """Nelson and Aalen's cumulative hazard at each row's own time."""
    when, place = np.unique(days, return_inverse=True)
    events = np.bincount(place, weights=event)
    free = len(days) - np.concatenate([[0], np.cumsum(np.bincount(place))[:-1]])
    return np.asarray(np.cumsum(events / free)[place]) if len(when) else np.zeros(0)


_PLANTED = Feature(
    name="planted", signal="", codes=(), label="planted", aggregate="last", window_hours=None,
    unit=None,
)  # fmt: skip


def _shares(
    declaration: Declaration,
    feature_set: FeatureSet,
    sides: tuple[Matrix, ...],
    planted: Feature,
    column: list[Floats],
    fill: Fill,
) -> Floats:
    """The shares of k features and of the planted one, which comes last, in the reasons."""
    more = FeatureSet(features=(*feature_set.features, planted))
    train, tuning, held_out = (
        one.with_features(np.column_stack([one.features, values]), more.names)
        for one, values in zip(sides, column, strict=True)
    )
    fills = {**declaration.imputation.features, planted.name: fill}
    filled = replace(declaration, imputation=replace(declaration.imputation, features=fills))
    model = refitted(filled, more, train, tuning)
    size = np.abs(model.contributions(held_out.features)[:, :-1]).mean(axis=0)
    return np.asarray(size / size.sum() if size.sum() else size)


def _placed(share: Floats) -> dict[str, Any]:
    return {"share": _six(share[-1]), "rank": int((share > share[-1]).sum()) + 1, "of": len(share)}


def _six(value: float) -> float:
    return float(f"{value:.6g}")
