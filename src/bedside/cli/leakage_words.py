"""What `bedside leakage` prints."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedside.core.records.declaration import Declaration
    from bedside.core.records.leakage import Finding, LeakageReport

__all__ = ["leakage_words"]


def leakage_words(declaration: "Declaration", report: "LeakageReport", page: Path) -> str:
    """What was checked, what was found, and what a build would say to it."""
    because = {one.finding: one.because for one in declaration.acknowledged}
    lines = [f"Checked: {len(report.checked)} detectors."]
    for finding in report.findings:
        lines += _finding(finding, because)
    if not report.findings:
        lines.append("Nothing was found.")
    leaks = sum(one.severity == "leak" and one.name not in because for one in report.findings)
    if leaks:
        lines.append(
            f"A build would be refused: {leaks} leak{'' if leaks == 1 else 's'} "
            "nobody has acknowledged."
        )
    return "\n".join([*lines, f"The report: {page}"])


def _finding(finding: "Finding", because: dict[str, str]) -> list[str]:
    word = "acknowledged" if finding.name in because else finding.severity
    lines = [f"  {word}: {finding.name}", f"    {finding.text}"]
    if finding.name in because:
        return [*lines, f"    Acknowledged: {because[finding.name]}"]
    return [*lines, f"    Fix: {finding.fix}"] if finding.fix else lines
