"""The life of a version: which step may follow which, and what each step needs."""

from dataclasses import replace

from bedside.core.errors import Refused
from bedside.core.records.version import NEXT_STAGES, ModelVersion, Stage

__all__ = ["SERVED", "may_release", "moved"]

SERVED = (Stage.SILENT, Stage.CANARY, Stage.LIVE, Stage.SUPERSEDED)
"""The stages in which a server loads a version; a superseded one only waits to be called back."""
_REACHES_PATIENTS = frozenset(SERVED)


def may_release(version: ModelVersion, stage: Stage = Stage.LIVE) -> None:
    """Refuse a release without passed gates and a recorded approval.

    The gates come first: nobody should be asked to approve what did not pass. Taking a version out
    of use needs neither.

    Raises:
        Refused: a gate failed, each is named (code `gates_failed`); or nobody has approved the
            version (`not_approved`).
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
            f"{version.id} has passed its gates, but nobody has approved it.",
            fix=_how_to_approve(version),
            code="not_approved",
        )


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
    return replace(version, stage=stage)


def _what_comes_first(version: ModelVersion, stage: Stage) -> str:
    if version.stage is Stage.RETIRED:
        return "a retired version stays retired: build a new one."
    if version.stage is stage:
        return f"nothing needs to be done: it is {stage} already."
    if version.stage is Stage.BUILT and stage in _REACHES_PATIENTS:
        return _how_to_approve(version)
    ways = sorted(NEXT_STAGES[version.stage])
    return f"from {version.stage} it can become {' or '.join(ways)}."


def _how_to_approve(version: ModelVersion) -> str:
    return f"run: bedside approve {version.id} --name 'YOUR NAME' --meaning 'WHAT YOU CONFIRM'."
