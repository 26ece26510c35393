"""The life of a version: which step may follow which, and what each step needs."""

from dataclasses import replace

from bedside.core.errors import Refused
from bedside.core.records.version import NEXT_STAGES, ModelVersion, Stage

__all__ = ["may_release", "moved"]


def may_release(version: ModelVersion) -> None:
    """Refuse a release without passed gates and a recorded approval.

    Raises:
        Refused: a gate failed (each is named), or nobody has approved the version.
    """
    failed = [gate.text for gate in version.gates if not gate.passed]
    if failed:
        raise Refused(
            f"{version.id} did not pass its gates: {'; '.join(failed)}.",
            fix="improve the model and build again.",
            code="gates_failed",
        )
    if version.approval is None:
        raise Refused(
            f"{version.id} has passed its gates, but nobody has approved it.",
            fix=f"run: bedside approve {version.id} --name '…' --meaning '…'.",
            code="not_approved",
        )


def moved(version: ModelVersion, stage: Stage) -> ModelVersion:
    """The version in its new stage.

    Raises:
        Refused: that step does not exist.
    """
    if stage not in NEXT_STAGES[version.stage]:
        allowed = ", ".join(sorted(NEXT_STAGES[version.stage])) or "none: it has ended"
        raise Refused(
            f"{version.id} is {version.stage} and cannot become {stage}.",
            fix=f"possible next: {allowed}.",
            code="wrong_stage",
        )
    return replace(version, stage=stage)
