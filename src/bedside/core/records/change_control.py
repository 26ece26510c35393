"""Which changes of a model are planned beforehand: the three parts of FDA's plan, as records.

Source: FDA, Marketing Submission Recommendations for a Predetermined Change Control Plan for
AI-Enabled Device Software Functions, final guidance (December 2024, re-issued August 2025):
description of modifications, modification protocol, impact assessment.
"""

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "PARTS_THAT_CHANGE",
    "ChangeBounds",
    "ChangeEvaluation",
    "ChangeImpact",
    "ChangeKind",
    "ChangeLimit",
    "ChangePart",
    "ChangePlan",
    "ChangeProtocol",
    "ChangeUpdate",
    "Modification",
]

ChangeKind = Literal["refit", "recalibrate", "threshold", "features", "learner"]
ChangePart = Literal["data", "model", "calibration", "threshold", "features", "learner", "software"]

PARTS_THAT_CHANGE: dict[ChangeKind, frozenset[ChangePart]] = {
    "refit": frozenset({"data", "model", "calibration", "threshold"}),
    "recalibrate": frozenset({"data", "calibration", "threshold"}),
    "threshold": frozenset({"threshold"}),
    "features": frozenset({"data", "model", "calibration", "threshold", "features"}),
    "learner": frozenset({"data", "model", "calibration", "threshold", "learner"}),
}
"""What a modification of each kind may change at all, and what follows from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLimit:
    """What a metric of the new version must keep; at least one bound.

    `falls_at_most` and `rises_at_most` compare the estimate with the parent's. `bound` says which
    end of the interval must keep `at_least` and `at_most`. With a `subgroup`, every level of it
    that is shown must keep all of them, and a level that is not shown any more breaks them.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    falls_at_most: float | None = None
    rises_at_most: float | None = None
    bound: Literal["estimate", "low", "high"] = "estimate"
    subgroup: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBounds:
    """How far one modification may go.

    Args:
        metrics: The range of performance that is expected after it.
        subjects_at_least: Fewest subjects of the new data.
        threshold: Lowest and highest alert threshold.
        parameters: For the kind `learner`: lowest and highest value of each that may change.
        add_features: For the kind `features`: how many may be added.
        remove_features: For the kind `features`: how many may be taken away.
        other_software: Whether it may be made with another Bedside, or other libraries.
    """

    metrics: tuple[ChangeLimit, ...] = ()
    subjects_at_least: int | None = None
    threshold: tuple[float, float] | None = None
    parameters: dict[str, tuple[float, float]] = field(default_factory=dict)
    add_features: int = 0
    remove_features: int = 0
    other_software: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvaluation:
    """The acceptance criteria of a modification.

    Args:
        gates: Metrics of gates of this declaration that must pass.
        compare: What must hold against the parent beside the bounds.
        plan: The statistical plan: on whom, with which intervals.
        failure: What follows when a criterion is not met.
    """

    gates: tuple[str, ...]
    plan: str
    failure: str
    compare: tuple[ChangeLimit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeUpdate:
    """How the new version comes to its patients.

    Args:
        silent_for: How long it first answers in silence, such as `7 d`.
        told: Who is told, before it is shown.
        rollback: Metrics of guards of this declaration that take it back.
    """

    silent_for: str
    told: tuple[str, ...]
    rollback: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeProtocol:
    """How a modification is made (FDA's modification protocol)."""

    data_management: str
    retraining: str
    evaluation: ChangeEvaluation
    update: ChangeUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """One planned change (FDA's description of modifications) with its protocol.

    Args:
        id: Short and stable.
        description: What changes.
        rationale: Why.
        kind: Which parts change; see `PARTS_THAT_CHANGE`.
        made: By people, or by itself.
        reach: For all sites, or for one.
        every_at_least: The least time between two of them, such as `30 d`.
        bounds: How far it may go.
        protocol: How it is made and judged.
        benefits: Of this change.
        risks: Of this change, bias included.
        hazards: Ids of the hazards of this declaration that it touches.
    """

    id: str
    description: str
    rationale: str
    kind: ChangeKind
    made: Literal["manual", "automatic"]
    reach: Literal["global", "local"]
    every_at_least: str
    bounds: ChangeBounds
    protocol: ChangeProtocol
    benefits: str
    risks: tuple[str, ...]
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeImpact:
    """What the modifications come to together (FDA's impact assessment).

    Args:
        verification: Why the protocols keep each modification safe and effective.
        interaction: How they act on one another.
        cumulative: What all of them come to over time.
    """

    verification: str
    interaction: str
    cumulative: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePlan:
    """What `bedside.yaml` says under `change_control`, where it is more than sentences."""

    modifications: tuple[Modification, ...]
    impact: ChangeImpact
