"""The life of a version: which step may follow which, and what each step needs."""

from collections.abc import Sequence
from dataclasses import replace

from bedside.core.errors import Refused
from bedside.core.records.version import NEXT_STAGES, SHOWN, Approval, ModelVersion, Stage

__all__ = ["SERVED", "may_approve_step", "may_release", "may_suspend", "moved", "rolled_back"]

SERVED = (Stage.SILENT, Stage.CANARY, Stage.LIVE, Stage.SUPERSEDED)
"""The stages in which a server loads a version; a superseded one only waits to be called back."""
_REACHES_PATIENTS = frozenset(SERVED)


def may_release(version: ModelVersion, stage: Stage = Stage.LIVE) -> None:
    """Refuse a release without passed gates and a recorded approval for this very step.

    The gates come first: nobody should be asked to approve what did not pass. Taking a version out
    of use needs neither.

    Raises:
        Refused: a gate failed, each is named (code `gates_failed`); nobody has approved the
            version (`not_approved`), or not this step from where it stands (`step_not_approved`).
    """
    if stage not in _REACHES_PATIENTS:
        return
    failed = [
        f"gate '{gate.metric}' failed: {gate.text}" for gate in version.gates if not gate.passed
    ]
    if failed:
        raise Refused(
            f"{version.id} cannot be released: {'; '.join(failed)}.",
            fix="improve the model and build again.",
            code="gates_failed",
        )
    if version.approval is None:
        raise Refused(
            f"{version.id} {_by_its_gates(version)}, but nobody has approved it.",
            fix=_how_to_approve(version),
            code="not_approved",
        )
    if stage in SHOWN and stage in NEXT_STAGES[version.stage] and not version.approved_for(stage):
        raise Refused(
            f"Nobody has approved {version.id} for {stage} since it is {version.stage}.",
            fix=_how_to_approve(version, stage),
            code="step_not_approved",
        )


def may_approve_step(version: ModelVersion, approval: Approval) -> None:
    """Refuse an approval for canary or live that would not be of this version where it stands.

    Raises:
        Refused: the version is not approved at all, cannot take that step, is of another bundle
            (code `other_bundle`), or the person was shown no evidence (`no_evidence`).
    """
    if version.stage in (Stage.BUILT, Stage.RETIRED) or version.approval is None:
        may_release(version)
    moved(version, approval.step)
    if approval.bundle and approval.bundle != version.bundle:
        raise Refused(
            f"This approval is of another bundle than that of {version.id}.",
            fix="look at the version as it is, and approve it again.",
            code="other_bundle",
        )
    if not approval.evidence:
        raise Refused(
            "An approval for this step names no live evidence.",
            fix="approve with: bedside approve VERSION --for, which shows it.",
            code="no_evidence",
        )


def may_suspend(version: ModelVersion) -> None:
    """Refuse to suspend or resume what no server runs.

    Raises:
        Refused: so (code `not_released`).
    """
    if version.stage not in SERVED:
        raise Refused(
            f"{version.id} is {version.stage}, so it answers nobody.",
            fix=f"look at what answers now: bedside rollout {version.name}.",
            code="not_released",
        )


def rolled_back(version: ModelVersion, others: Sequence[ModelVersion]) -> list[ModelVersion]:
    """What changes when a version that is seen is taken back: it is silent from now on.

    If it was live, the version that it superseded is live again; without one, nobody is shown
    anything. Whoever was in canary stays there.

    Args:
        version: What is taken back.
        others: The other versions of the model.

    Returns:
        In the order in which the stages are to be changed.

    Raises:
        Refused: the version is not seen, or no longer (code `not_shown`).
    """
    if version.stage not in SHOWN:
        raise Refused(
            f"{version.id} is {version.stage}, so nobody is shown it and nothing is taken back.",
            fix=f"look at what is shown now: bedside rollout {version.name}.",
            code="not_shown",
        )
    back = [one for one in others if one.stage is Stage.SUPERSEDED]
    returns = back if version.stage is Stage.LIVE else []
    return [moved(version, Stage.SILENT), *(moved(one, Stage.LIVE) for one in returns)]


def moved(version: ModelVersion, stage: Stage) -> ModelVersion:
    """The version in its new stage.

    Raises:
        Refused: `NEXT_STAGES` has no such step (code `wrong_stage`); the fix says what comes first.
    """
    if stage not in NEXT_STAGES[version.stage]:
        raise Refused(
            f"{version.id} is {version.stage} and cannot become {stage}.",
            fix=_what_comes_first(version, stage),
            code="wrong_stage",
        )
    return replace(version, stage=stage, step_approvals=())


def _what_comes_first(version: ModelVersion, stage: Stage) -> str:
    if version.stage is Stage.RETIRED:
        return "a retired version stays retired: build a new one."
    if version.stage is stage:
        return f"nothing needs to be done: it is {stage} already."
    if version.stage is Stage.BUILT and stage in _REACHES_PATIENTS:
        return _how_to_approve(version)
    ways = sorted(NEXT_STAGES[version.stage])
    return f"from {version.stage} it can become {' or '.join(ways)}."


def _how_to_approve(version: ModelVersion, step: Stage = Stage.SILENT) -> str:
    what = f"{version.id} --for {step}" if step in SHOWN else version.id
    return f"run: bedside approve {what} --name 'YOUR NAME' --meaning 'WHAT YOU CONFIRM'."


def _by_its_gates(version: ModelVersion) -> str:
    return "has passed its gates" if version.gates else "has no gates to pass"
