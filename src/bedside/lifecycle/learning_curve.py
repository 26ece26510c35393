"""The learning curve of a build: the same learner on fewer training patients, by the engine."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.learning_curve import SHARES, Point, curve_told, rows_of_share
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.learning import copies_of_rows, learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.tuning.fitting import single_threaded
from bedside.features.definition import FeatureSet, feature_set_from_json, feature_set_to_json
from bedside.interop.declaration import declaration_from_json
from bedside.lifecycle.judging import judged_rows
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.sides import Sides, sides_bytes
from bedside.models.form import ModelForm
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel

__all__ = ["SHARE_WORK", "form_of_share", "learning_curve"]

SHARE_WORK = "bedside.wiring.work:share"


def learning_curve(
    platform: Platform,
    declaration: Declaration,
    feature_set: FeatureSet,
    sides: Sides,
    form: bytes,
    held_out: tuple[pl.DataFrame, npt.NDArray[np.float64]],
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """The part `learning_curve` of the evidence.

    Every point has the same tuning and held-out patients, and the parameters that tuning chose on
    all training patients. A share that has too few patients to learn from is left out.

    Args:
        platform: Whose engine and store are used.
        declaration: With the chosen parameters.
        feature_set: k features.
        sides: What the version learnt from.
        form: The version's own model as JSON, which is the point of all patients.
        held_out: The rows to judge, and their features.
        advance: Is told of the points as they are done.
    """
    kept = platform.objects.put(sides_bytes(sides))
    learnt = replace(declaration, learner=single_threaded(declaration.learner))
    told = {
        "workspace": str(platform.folder),
        "rows": kept,
        "features": platform.objects.put(feature_set_to_json(feature_set)),
        "declaration": msgspec.json.encode(learnt).decode(),  # keeps the order of its keys
    }
    tasks = [canonical_json({**told, "share": share}) for share in SHARES if share < 1]
    forms: list[tuple[float, bytes]] = []
    for share, digest in zip(SHARES, platform.engine.map(SHARE_WORK, tasks), strict=False):
        if digest:
            forms.append((share, platform.objects.get(digest.decode())))
            platform.objects.remove(digest.decode())
        advance(1)
    platform.objects.remove(kept)
    points = [
        Point(
            share=share,
            subjects=_subjects(sides.train, share, declaration.learner.seed),
            rows=_judged(declaration, held_out, form_from_json(content)),
        )
        for share, content in [*forms, (1.0, form)]
    ]
    advance(1)
    return curve_told(points, declaration.evaluation, declaration.learner.seed)


def form_of_share(sides: Sides, features: bytes, told: dict[str, Any]) -> bytes:
    """The model of a share of the training patients as JSON, where an engine has it learnt.

    Empty where there are too few to learn from.

    Args:
        sides: All training and tuning rows.
        features: The feature set's JSON.
        told: The task.
    """
    declaration = declaration_from_json(told["declaration"].encode())
    assert sides.tuning is not None  # noqa: S101 - `learning_curve` always sends them
    some = rows_of_share(sides.train, told["share"], declaration.learner.seed)
    levels = sides.levels
    if levels is not None:
        levels = replace(levels, train=levels.train[some])
    try:
        form = learn(
            declaration,
            feature_set_from_json(features),
            sides.train.taken(some),
            sides.tuning,
            copies_of_rows(sides.train, sides.copies, some),
            levels=levels,
        ).form
    except Invalid:
        return b""
    return form_to_json(form)


def _judged(
    declaration: Declaration,
    held_out: tuple[pl.DataFrame, npt.NDArray[np.float64]],
    form: ModelForm,
) -> Rows:
    asked, matrix = held_out
    return judged_rows(declaration, asked, matrix, form=form, predictor=LearntModel(form))


def _subjects(train: Matrix, share: float, seed: int) -> int:
    some = rows_of_share(train, share, seed)
    return len(some) if train.subject is None else len(np.unique(train.subject[some]))
