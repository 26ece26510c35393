"""What keeps a version from clinicians beside its gates: an unaccepted risk, a grave incident."""

from bedside.core.errors import Refused
from bedside.core.records.bundle import Bundle
from bedside.core.records.hazard import acceptability, is_accepted
from bedside.core.records.version import SHOWN, ModelVersion, Stage
from bedside.lifecycle.platform import Platform

__all__ = ["may_be_shown"]


def may_be_shown(platform: Platform, version: ModelVersion, bundle: Bundle, stage: Stage) -> None:
    """Refuse a step towards clinicians that the hazard log or an incident forbids.

    Neither keeps a version from being taken back: a rollback does not come here.

    Args:
        platform: The workspace.
        version: What is to be released.
        bundle: Its bundle.
        stage: Where to.

    Raises:
        Refused: a residual risk is not accepted (code `risk_not_accepted`), or a serious incident
            of the model is open (`incident_open`).
    """
    if stage not in SHOWN:
        return
    declaration = bundle.declaration
    matrix = declaration.risk_matrix
    grave = [one for one in declaration.hazards if not is_accepted(one, matrix)]
    if grave:
        told = "; ".join(
            f"{one.id} ({one.severity}, {one.after}: "
            f"{acceptability(one.severity, one.after, matrix)})"
            for one in grave
        )
        raise Refused(
            f"The residual risk of {version.id} is not accepted: {told}.",
            fix="control it further, or say under benefit_risk why the benefit outweighs it; "
            "then build again.",
            code="risk_not_accepted",
        )
    held = [one.id for one in platform.incidents.all(version.name) if one.blocks]
    if held:
        raise Refused(
            f"No version of '{version.name}' goes further while {', '.join(held)} is open.",
            fix=f"find the cause, then: bedside incident close {held[0]} --cause '…' --action '…'.",
            code="incident_open",
        )
