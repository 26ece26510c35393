"""The fit of a build: the model, how sure it is, its graph, and a baseline beside it."""

from typing import Any

from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.baseline import fit_baseline
from bedside.develop.train.imputation import fit_fills
from bedside.develop.train.learning import copies_of_rows, learn, plan_of
from bedside.develop.train.sample_size import sample_size
from bedside.features.definition import FeatureSet
from bedside.lifecycle.fairness import unmitigated
from bedside.lifecycle.sides import Sides
from bedside.models.form_json import form_to_json

__all__ = ["fitted", "patients_needed"]


def patients_needed(
    declaration: Declaration, feature_set: FeatureSet, sides: Sides
) -> dict[str, Any]:
    """Whether there are enough training patients, as `sample_size` says it."""
    fills = fit_fills(declaration, feature_set.features, sides.train.features)
    return sample_size(
        sides.train,
        plan_of(declaration, feature_set, fills),
        int(fills.indicator.sum()),
        learner=declaration.learner.kind,
    )


def fitted(declaration: Declaration, feature_set: FeatureSet, sides: Sides) -> dict[str, bytes]:
    """The parts of a build that come of its training and tuning rows.

    Args:
        declaration: With the parameters that tuning chose, where it has any.
        feature_set: k features.
        sides: The rows.

    Raises:
        Invalid: as `bedside.develop.train.learning.learn`.
    """
    real, tuning = sides.train, sides.tuning
    assert tuning is not None  # noqa: S101 - a build always has them
    copies = copies_of_rows(real, sides.copies)
    learnt = learn(declaration, feature_set, real, tuning, copies, levels=sides.levels)
    return {
        "learnt": form_to_json(learnt.form),
        "uncertainty": canonical_json(learnt.uncertainty),
        "onnx": onnx_of(learnt.form),
        "baseline": form_to_json(fit_baseline(real, plan_of(declaration, feature_set))),
        "training": canonical_json(learnt.told),
        "unmitigated": unmitigated(declaration, feature_set, real, tuning, copies),
    }
