"""The gate of the leakage audit: a leak that nobody has acknowledged by name ends the build."""

from bedside.core.errors import Refused
from bedside.core.records.declaration import Declaration
from bedside.core.records.leakage import Finding, LeakageReport
from bedside.lifecycle.platform import Platform

__all__ = ["refuse_leaks", "unacknowledged"]

TOLD = 5  # leaks that are told in full


def unacknowledged(declaration: Declaration, report: LeakageReport) -> list[Finding]:
    """The leaks that the declaration does not acknowledge by name; warnings are none."""
    accepted = {one.finding for one in declaration.acknowledged}
    return [
        finding
        for finding in report.findings
        if finding.severity == "leak" and finding.name not in accepted
    ]


def refuse_leaks(platform: Platform, declaration: Declaration, report: LeakageReport) -> None:
    """Let a build go on, or end it; the ledger keeps why.

    Raises:
        Refused: a leak is not acknowledged (code `leakage`).
    """
    leaks = unacknowledged(declaration, report)
    if not leaks:
        return
    platform.ledger.append(
        platform.actor,
        "build.refused",
        {"model": declaration.name, "findings": [leak.name for leak in leaks][:20]},
    )
    page = platform.folder / "reports" / declaration.name / "leakage.html"
    raise Refused(
        "The leakage audit found: "
        + " ".join(leak.text for leak in leaks[:TOLD])
        + (f" And {len(leaks) - TOLD} more." if len(leaks) > TOLD else ""),
        fix=f"read {page}; remove the feature, or acknowledge the finding by name "
        f"({leaks[0].name}) with a reason under 'acknowledged'.",
        code="leakage",
    )
