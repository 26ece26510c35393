"""A model version and its life: built, approved, silent, canary, live, superseded, retired."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NEXT_STAGES", "SHOWN", "Approval", "GateResult", "ModelVersion", "Stage"]


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

SHOWN = (Stage.CANARY, Stage.LIVE)
"""The stages in which clinicians see a version; each needs an approval of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """One gate and whether the evidence passes it; `text` says both in words."""

    metric: str
    passed: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's signed yes to one step: who, when, and what it means (21 CFR 11.50).

    It is bound to the `bundle` (a digest; the registry fills it in) and, for canary and live, to
    the `evidence`: the digest of the live evidence that the person was shown.
    """

    version: str
    name: str
    actor: str
    meaning: str
    approved_at: str
    step: Stage = Stage.SILENT
    bundle: str = ""
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One build of one declared model.

    `id` is `NAME@` and the first twelve digits of the bundle digest. `approval` is the first, by
    which it may answer in silence; `step_approvals` are those for canary and live that count now:
    a version that moves leaves them behind.
    """

    id: str
    name: str
    bundle: str
    stage: Stage
    built_at: str
    gates: tuple[GateResult, ...]
    approval: Approval | None = None
    step_approvals: tuple[Approval, ...] = ()

    def approved_for(self, stage: Stage) -> Approval | None:
        """The newest approval that counts now for a step; None: nobody has approved it."""
        if stage not in SHOWN:
            return self.approval
        given = [one for one in self.step_approvals if one.step is stage]
        return given[-1] if given else None

    @property
    def gates_passed(self) -> bool:
        """Whether every gate passed; so too where none is declared, and nothing is said then."""
        return all(gate.passed for gate in self.gates)

    @property
    def gates_in_words(self) -> str:
        """What the gates say, for a person: none that is declared has passed nothing."""
        if not self.gates:
            return "no gates declared"
        return "gates passed" if self.gates_passed else "gates FAILED"
