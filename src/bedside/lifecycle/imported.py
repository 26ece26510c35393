"""A model that was learnt elsewhere, in place of what a build would learn."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.declaration import Declaration, Learner
from bedside.core.records.training import Imputation
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.baseline import fit_baseline
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.learning import plan_of
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.features.definition import FeatureSet
from bedside.lifecycle.sides import Sides
from bedside.models.additive import term_scores
from bedside.models.form import Additive, ModelForm
from bedside.models.form_json import form_from_json, form_to_json

__all__ = ["Imported", "imported_fit", "imported_from_json", "refuse_what_is_not_done"]

MOST_TOLD = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A model from elsewhere, as data.

    Args:
        form: Not calibrated here.
        names: Of the columns that it takes, in order.
        flavour: Of MLflow's.
        files: The SHA-256 of each file that it was read from.
    """

    form: ModelForm
    names: tuple[str, ...]
    flavour: str
    files: dict[str, str]

    def as_json(self) -> bytes:
        """What goes into the bundle, so that the version can be made again."""
        return canonical_json(
            {
                "form": json.loads(form_to_json(self.form)),
                "names": list(self.names),
                "flavour": self.flavour,
                "files": self.files,
            }
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What the facts of the bundle and the evidence say."""
        form = digest_bytes(form_to_json(self.form))
        return {"flavour": self.flavour, "files": dict(self.files), "form": form}


def imported_from_json(content: bytes) -> Imported:
    """The model again, from a bundle whose seal was checked."""
    told = json.loads(content)
    return Imported(
        form=form_from_json(canonical_json(told["form"])),
        names=tuple(told["names"]),
        flavour=told["flavour"],
        files=told["files"],
    )


def refuse_what_is_not_done(declaration: Declaration) -> None:
    """Refuse a declaration that asks for learning, of a model that is not learnt here.

    Raises:
        Refused: so it does; each part is named (code `not_learnt_here`).
    """
    learner, plain = declaration.learner, Learner()
    asked = [
        *(
            f"learner.{name}"
            for name in ("parameters", "monotone", "members", "tuning", "positive_weight")
            if getattr(learner, name) != getattr(plain, name)
        ),
        *(["imputation"] if declaration.imputation != Imputation() else []),
        *(["augmentation"] if declaration.augmentation else []),
        *(
            ["fairness.mitigation"]
            if declaration.fairness and declaration.fairness.mitigation != "none"
            else []
        ),
        *(["evaluation.folds"] if declaration.evaluation.folds else []),
        *(["evaluation.learning_curve"] if declaration.evaluation.learning_curve else []),
    ]
    if asked:
        raise Refused(
            f"The declaration asks for what an imported model cannot have: {', '.join(asked)}.",
            fix="remove it; of the learner, baseline, calibration, seed and threads remain.",
            code="not_learnt_here",
        )


def imported_fit(
    declaration: Declaration, feature_set: FeatureSet, sides: Sides, imported: Imported
) -> dict[str, bytes]:
    """The parts of a build that come of its training and tuning rows, without learning.

    The tuning rows calibrate it, where that is declared; the training rows give the baseline, how
    unlike a patient is, and the mean of each additive term.

    Raises:
        Invalid: its columns are not the declared features in their order (code `other_features`),
            or it predicts another kind of outcome (code `other_outcome`).
    """
    refuse_other_features(imported.names, feature_set.names)
    real, tuning = sides.train, sides.tuning
    assert tuning is not None  # noqa: S101 - a build always has them
    form = _for_outcome(declaration, imported.form)
    form = replace(form, members=tuple(_with_means(one, real.features) for one in form.members))
    form = with_calibration(form, tuning, declaration.learner.calibration)
    uncertainty = learn_uncertainty(
        form,
        real,
        tuning,
        declaration.uncertainty,
        categories=[len(feature.labels) for feature in feature_set.features],
    )
    told: dict[str, Any] = {"imputation": [], "augmentation": None, "imported": imported.facts}
    return {
        "learnt": form_to_json(form),
        "uncertainty": canonical_json(uncertainty),
        "onnx": onnx_of(form),
        "baseline": form_to_json(fit_baseline(real, plan_of(declaration, feature_set))),
        "training": canonical_json(told),
        "unmitigated": b"",
    }


def refuse_other_features(given: tuple[str, ...], declared: tuple[str, ...]) -> None:
    """Refuse a model whose columns are not the declared features, in their order.

    Raises:
        Invalid: so it is; the names that differ are told (code `other_features`).
    """
    if given == declared:
        return
    parts = []
    for what, names in (
        ("the declaration does not make", [one for one in given if one not in set(declared)]),
        ("the model does not take", [one for one in declared if one not in set(given)]),
    ):
        if names:
            more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
            parts.append(f"{what} {', '.join(repr(one) for one in names[:MOST_TOLD])}{more}")
    if not parts and len(given) == len(declared):
        at = next(at for at, one in enumerate(given) if one != declared[at])
        parts.append(
            f"their order differs from column {at + 1} on: {given[at]!r} in the model, "
            f"{declared[at]!r} in the declaration"
        )
    raise Invalid(
        f"The model's columns are not the declared features: {'; '.join(parts) or 'one is twice'}.",
        fix="declare the features that it was learnt on, in its order.",
        code="other_features",
    )


def _for_outcome(declaration: Declaration, form: ModelForm) -> ModelForm:
    outcome = declaration.question.outcome
    outputs = form.members[0].part.outputs
    fits = form.outcome == outcome.kind and (
        outcome.kind != "multiclass" or len(outcome.levels) == outputs
    )
    if not fits:
        raise Invalid(
            f"The model predicts an outcome that is {form.outcome} with {outputs} margin(s), and "
            f"the question asks for one that is {outcome.kind}.",
            fix="import a model of the declared outcome.",
            code="other_outcome",
        )
    return replace(form, levels=outcome.levels)


def _with_means(member: Any, rows: Any) -> Any:
    """A sum of terms knows what each gives on average; trees have counted it themselves."""
    if not isinstance(member.part, Additive):
        return member
    means = tuple(
        tuple(float(one) for one in np.asarray(term_scores(term, rows)).mean(axis=0))
        for term in member.part.terms
    )
    return replace(member, part=replace(member.part, expected=means))
