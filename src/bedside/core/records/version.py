"""A model version and its life: built, approved, silent, canary, live, superseded, retired."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NEXT_STAGES", "Approval", "GateResult", "ModelVersion", "Stage"]


class Stage(StrEnum):
    """Where a version is in its life."""

    BUILT = "built"
    APPROVED = "approved"
    SILENT = "silent"
    """Scores what comes, and shows nobody."""
    CANARY = "canary"
    """Is shown for a share of the patients; for the others it goes on in silence."""
    LIVE = "live"
    SUPERSEDED = "superseded"
    """Was live until another took its place; kept ready, so that it can come back at once."""
    RETIRED = "retired"


NEXT_STAGES: dict[Stage, frozenset[Stage]] = {
    Stage.BUILT: frozenset({Stage.APPROVED, Stage.RETIRED}),
    Stage.APPROVED: frozenset({Stage.SILENT, Stage.CANARY, Stage.LIVE, Stage.RETIRED}),
    Stage.SILENT: frozenset({Stage.CANARY, Stage.LIVE, Stage.RETIRED}),
    Stage.CANARY: frozenset({Stage.SILENT, Stage.LIVE, Stage.RETIRED}),
    Stage.LIVE: frozenset({Stage.SILENT, Stage.SUPERSEDED, Stage.RETIRED}),
    Stage.SUPERSEDED: frozenset({Stage.LIVE, Stage.RETIRED}),
    Stage.RETIRED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate and whether the evidence passes it; `text` says both in words."""

    metric: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's signed yes: who, when, and what it means (21 CFR 11.50)."""

    version: str
    name: str
    actor: str
    meaning: str
    approved_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One build of one declared model.

    `id` is `NAME@` and the first twelve digits of the bundle digest.
    """

    id: str
    name: str
    bundle: str
    stage: Stage
    built_at: str
    gates: tuple[GateResult, ...]
    approval: Approval | None = None

    @property
    def gates_passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)
