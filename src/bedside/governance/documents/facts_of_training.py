"""What is known of the training: learner, tuning, gaps, made rows, calibration, sample size."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.training import augmentation_text, imputation_text, step_text
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line, Path

__all__ = [
    "augmentation",
    "baseline",
    "calibration",
    "foundation",
    "imbalance",
    "imputation",
    "learner",
    "mitigation",
    "recalibration",
    "sample_size",
    "tuning",
]

_LEARNERS = {
    "lightgbm": "boosted decision trees",
    "logistic": "logistic regression with an elastic net",
    "linear": "linear regression with an elastic net",
    "ebm": "explainable boosting: a step function for each feature, and for a few pairs",
    "ensemble": "the mean of the margins of its members",
    "cox": "proportional hazards with a penalty",
    "additive_cox": "proportional hazards with a curve for each number",
    "boosted_cox": "proportional hazards by boosted decision trees",
    "competing_risks": "proportional hazards of the event and of what competes with it",
}
_CALIBRATIONS = {
    "none": "none: what the learner says is taken as it is",
    "platt": "Platt scaling on the tuning subjects",
    "beta": "a beta map on the tuning subjects",
    "isotonic": "an isotonic map on the tuning subjects",
    "venn_abers": "a Venn-Abers map on the tuning subjects",
}


def learner(case: Case) -> list[Line]:
    """What was fitted, with its own parameters."""
    given = case.found("training", "imported", "flavour")
    if given is not None:
        text = f"none here: the model was learnt elsewhere and taken in from MLflow ({given})"
        path: Path = ("training", "imported", "flavour")
        return [case.seen("Learner", text, path, section="training")]
    told = case.declared["learner"]
    made = [_one(case, "Learner", told, ("learner",))]
    made += [
        _one(case, "Member", member, ("learner", "members", at))
        for at, member in enumerate(told["members"])
    ]
    if told["monotone"]:
        text = ", ".join(f"{name} {way}" for name, way in told["monotone"].items())
        made.append(case.said("Held to a direction", text, ("learner", "monotone")))
    return made


def _one(case: Case, label: str, told: Mapping[str, Any], path: Path) -> Line:
    kind = told["kind"]
    text = f"{kind}: {_LEARNERS[kind]}" if kind in _LEARNERS else str(kind)
    parameters = ", ".join(f"{name} {value}" for name, value in told["parameters"].items())
    return case.said(label, text + (f" ({parameters})" if parameters else ""), path)


def tuning(case: Case) -> list[Line]:
    """What was tried, and what was chosen."""
    plan, told = case.declared["learner"]["tuning"], case.found("training", "tuning")
    if told is None or plan is None:
        return [case.said("Tuning", "none", ("learner", "tuning"))] if plan is None else []
    text = f"{plan['trials']:,} trials, each in {plan['folds']:,} folds of the training subjects"
    made = [case.said("Tuning", text, ("learner", "tuning"))]
    parts = told.get("members")
    for at, part in enumerate([told] if parts is None else parts):
        where: Path = ("training", "tuning", *(() if parts is None else ("members", at)))
        best = part["best"]
        chosen = ", ".join(f"{name} {_number(v)}" for name, v in best["parameters"].items())
        text = (
            f"{chosen or 'the learner as it is declared'}; loss {best['value']:.4g}, as declared "
            f"{part['declared']:.4g}"
        )
        paths = ((*where, "best"), (*where, "declared"))
        made.append(case.seen("Chosen", text, *paths, section="training"))
    return made


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def imputation(case: Case) -> list[Line]:
    """What became of gaps."""
    told = case.evidence["training"]
    if told["imputation"] is None:
        return []
    path = ("training", "imputation")
    return [case.seen("Missing values", imputation_text(told), path, section="training")]


def augmentation(case: Case) -> list[Line]:
    """Which training rows were made."""
    told = case.evidence["training"]
    path = ("training", "augmentation")
    made = [case.seen("Augmentation", augmentation_text(told), path, section="training")]
    steps = [] if told["augmentation"] is None else told["augmentation"]["steps"]
    for at, step in enumerate(steps):
        text = step_text(step)
        made.append(case.seen("Made rows", text, (*path, "steps", at), section="training"))
    return made


def imbalance(case: Case) -> list[Line]:
    """Whether the rarer outcome was given more weight, and how risks were put right."""
    weight = case.declared["learner"]["positive_weight"]
    text = "none" if weight == 1 else f"rows with the outcome count {weight:g} times"
    made = [case.said("Weight of the outcome", text, ("learner", "positive_weight"))]
    return [*made, *augmentation(case)[:1], *calibration(case)]


def calibration(case: Case) -> list[Line]:
    """How risks were put right."""
    method = case.declared["learner"]["calibration"]
    return [case.said("Calibration", _CALIBRATIONS[method], ("learner", "calibration"))]


def mitigation(case: Case) -> list[Line]:
    """What was done so that errors do not differ between groups."""
    told = case.declared["fairness"]
    if told is None:
        return [case.said("Means against unequal errors", "none", ("fairness",))]
    text = f"{told['mitigation'].replace('_', ' ')}, between levels of {told['subgroup']}"
    return [case.said("Means against unequal errors", text, ("fairness",))]


def sample_size(case: Case) -> list[Line]:
    """Whether there were enough patients to learn from."""
    path = ("training", "sample_size", "text")
    text = case.found(*path)
    return [] if text is None else [case.seen("Sample size", text, path, section="training")]


def baseline(case: Case) -> list[Line]:
    """The plain model beside it."""
    kind = case.declared["learner"]["baseline"]
    text = f"a {kind} regression (or the like for this outcome) on the same features"
    return [case.said("Compared with", text, ("learner", "baseline"))]


def recalibration(case: Case) -> list[Line]:
    """Of a version that was made from another by recalibration: how."""
    told = case.found("recalibration")
    if told is None:
        return []
    method = told["method"].replace("_", " ")
    paths = (("recalibration", "method"), ("recalibration", "parent"))
    return [case.seen("Recalibrated", f"{method}, of {told['parent']}", *paths, section="")]


def foundation(case: Case) -> list[Line]:
    """That it rests on no pretrained model, where its learner is one of ours."""
    known = case.declared["learner"]["kind"] in _LEARNERS
    if not known or case.found("training", "imported") is not None:
        return []
    text = "none: it was learnt from the data of this version alone"
    return [case.said("Foundation model", text, ("learner", "kind"))]
