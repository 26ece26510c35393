"""The changes that a declaration plans: what may change, by which protocol, with which impact.

A declaration says them as sentences, or as a plan in the three parts of FDA's guidance.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line, Path

__all__ = [
    "cumulative",
    "data",
    "evaluation",
    "expected",
    "failure",
    "frequency",
    "impact",
    "interactions",
    "modifications",
    "rationale",
    "retraining",
    "scope",
    "told",
    "traceability",
    "update",
    "verification",
]

_Modification = Mapping[str, Any]


def _plan(case: Case) -> Mapping[str, Any]:
    told = case.declared["change_control"]
    return told if isinstance(told, Mapping) else {}


def _each(case: Case, words: Callable[[_Modification], str], *path: str) -> list[Line]:
    """One line for each modification of which there is something to say."""
    made = []
    for at, one in enumerate(_plan(case).get("modifications", ())):
        text = words(one)
        if text:
            where: Path = ("change_control", "modifications", at, *path)
            made.append(case.said(one["id"], text, where))
    return made


def _impact(case: Case, name: str, label: str) -> list[Line]:
    text = _plan(case).get("impact", {}).get(name, "")
    return [case.said(label, text, ("change_control", "impact", name))] if text else []


def modifications(case: Case) -> list[Line]:
    """Each planned change, as a modification of a plan or as a sentence."""
    told = case.declared["change_control"] or ()
    if not isinstance(told, Mapping):
        return [
            case.said(f"Modification {at + 1}", one, ("change_control", at))
            for at, one in enumerate(told)
        ]
    return _each(case, lambda one: f"{one['kind']}: {one['description']}")


def rationale(case: Case) -> list[Line]:
    """Why each is made."""
    return _each(case, lambda one: str(one["rationale"]), "rationale")


def scope(case: Case) -> list[Line]:
    """Whether by people or by itself, for all sites or for one."""
    return _each(case, lambda one: f"{one['made']}, {one['reach']}")


def frequency(case: Case) -> list[Line]:
    """The least time between two of them."""
    return _each(case, lambda one: f"at least {one['every_at_least']} apart", "every_at_least")


def expected(case: Case) -> list[Line]:
    """The range of performance that is expected after each, and its other bounds."""
    return _each(case, lambda one: _bounds(one["bounds"]), "bounds")


def _bounds(bounds: Mapping[str, Any]) -> str:
    parts = [limit_text(one) for one in bounds["metrics"]]
    if bounds["subjects_at_least"] is not None:
        parts.append(f"at least {bounds['subjects_at_least']:,} subjects of new data")
    if bounds["threshold"] is not None:
        low, high = bounds["threshold"]
        parts.append(f"alert threshold from {low:g} to {high:g}")
    parts += [f"{name} from {low:g} to {high:g}" for name, (low, high) in
              bounds["parameters"].items()]  # fmt: skip
    for key, words in (("add_features", "features added"), ("remove_features", "features removed")):
        if bounds[key]:
            parts.append(f"at most {bounds[key]} {words}")
    return "; ".join(parts)


def limit_text(limit: Mapping[str, Any]) -> str:
    """What a metric must keep.

    >>> limit_text({"metric": "auroc", "at_least": 0.8, "bound": "low", "subgroup": "sex"})
    'auroc at least 0.8 (low end of the interval), in every level of sex'
    """
    words = {
        "at_least": "at least",
        "at_most": "at most",
        "falls_at_most": "falls at most by",
        "rises_at_most": "rises at most by",
    }
    bounds = [f"{told} {limit[key]:g}" for key, told in words.items() if limit.get(key) is not None]
    end = "" if limit["bound"] == "estimate" else f" ({limit['bound']} end of the interval)"
    group = f", in every level of {limit['subgroup']}" if limit.get("subgroup") else ""
    return f"{limit['metric']} {' and '.join(bounds)}{end}{group}"


def data(case: Case) -> list[Line]:
    """How new data are managed."""
    return _each(
        case, lambda one: str(one["protocol"]["data_management"]), "protocol", "data_management"
    )


def retraining(case: Case) -> list[Line]:
    """What is learnt again."""
    return _each(case, lambda one: str(one["protocol"]["retraining"]), "protocol", "retraining")


def evaluation(case: Case) -> list[Line]:
    """The acceptance criteria and the statistical plan of each."""
    return _each(case, lambda one: _criteria(one["protocol"]["evaluation"]), *_EVALUATION)


_EVALUATION = ("protocol", "evaluation")


def _criteria(told: Mapping[str, Any]) -> str:
    parts = [f"gates that must pass: {', '.join(told['gates'])}"] if told["gates"] else []
    parts += [f"against its parent: {limit_text(one)}" for one in told["compare"]]
    return "; ".join([*parts, f"plan: {told['plan']}"])


def failure(case: Case) -> list[Line]:
    """What follows when a criterion is not met."""
    path = (*_EVALUATION, "failure")
    return _each(case, lambda one: str(one["protocol"]["evaluation"]["failure"]), *path)


def update(case: Case) -> list[Line]:
    """How the new version comes to its patients, and what takes it back."""
    return _each(case, lambda one: _update(one["protocol"]["update"]), "protocol", "update")


def _update(told: Mapping[str, Any]) -> str:
    back = f"; taken back by: {', '.join(told['rollback'])}" if told["rollback"] else ""
    return f"first answers in silence for {told['silent_for']}{back}"


def told(case: Case) -> list[Line]:
    """Who is told before it is shown."""
    path = ("protocol", "update", "told")
    return _each(case, lambda one: ", ".join(one["protocol"]["update"]["told"]), *path)


def traceability(case: Case) -> list[Line]:
    """Each modification with the parts of the protocol that hold for it: its own."""
    parts = "data management, re-training, evaluation, update: as told of this modification"
    return _each(case, lambda _: parts, "protocol")


def impact(case: Case) -> list[Line]:
    """Benefits and risks of each modification, and the hazards that it touches."""
    return _each(case, _weighed)


def _weighed(one: _Modification) -> str:
    risks: Sequence[str] = one["risks"]
    hazards = f"; hazards: {', '.join(one['hazards'])}" if one["hazards"] else ""
    return f"benefits: {one['benefits']}; risks: {', '.join(risks)}{hazards}"


def verification(case: Case) -> list[Line]:
    """Why the protocols keep each modification safe and effective."""
    return _impact(case, "verification", "Verification and validation")


def interactions(case: Case) -> list[Line]:
    """How modifications act on one another."""
    return _impact(case, "interaction", "Interaction")


def cumulative(case: Case) -> list[Line]:
    """What all of them come to over time."""
    return _impact(case, "cumulative", "Together")
