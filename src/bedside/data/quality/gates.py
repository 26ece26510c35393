"""Whether the data keep the declared gates, and in which words."""

from bedside.core.records.quality import CodeQuality, QualityGate, QualityPlan, QualityReport
from bedside.core.records.version import GateResult
from bedside.data.quality.shown import per_cent, share_shown

__all__ = ["judge_quality", "share_of"]


def judge_quality(report: QualityReport, plan: QualityPlan) -> tuple[GateResult, ...]:
    """One result for each gate of the plan; a figure that is not there does not pass.

    Judged by the exact counts; the text shows a bound where ten or fewer break it.
    """
    return tuple(_judged(report, gate) for gate in plan.gates)


def _judged(report: QualityReport, gate: QualityGate) -> GateResult:
    what = f"{gate.check} of {gate.code or 'all codes'}"
    part, whole = share_of(report, gate)
    if whole == 0:
        return GateResult(
            metric=gate.check, passed=False, text=f"{what}: no figure (there is nothing to judge)"
        )
    passed = part >= gate.at_least * whole
    return GateResult(
        metric=gate.check,
        passed=passed,
        text=f"{what}: {per_cent(share_shown(part, whole))} is {'' if passed else 'not '}at least "
        f"{100 * gate.at_least:g} %",
    )


def share_of(report: QualityReport, gate: QualityGate) -> tuple[int, int]:
    """What conforms, is there, or is plausible, and of how many."""
    codes = [code for code in report.codes if gate.code in (None, code.code)]
    if gate.check == "conformance":
        return sum(code.convertible for code in codes), sum(code.values for code in codes)
    if gate.check == "plausibility":
        return sum(code.plausible for code in codes), sum(code.judged for code in codes)
    return _there(report, gate, codes)


def _there(report: QualityReport, gate: QualityGate, codes: list[CodeQuality]) -> tuple[int, int]:
    if gate.code is not None:
        return sum(code.answered.subjects for code in codes), report.subjects
    if report.expected:
        have = sum(code.answered.subjects for code in codes if code.code in report.expected)
        return have, report.subjects * len(report.expected)
    return sum(code.answered.rows for code in codes), sum(code.counted.rows for code in codes)
