"""The figures of a quality report for showing, as JSON: what is true of ten or fewer is hidden."""

from collections.abc import Sequence
from typing import Any

from bedside.core.records.evidence import FEW, SUPPRESS_AT_OR_BELOW, count_shown
from bedside.core.records.quality import (
    CodeQuality,
    Counted,
    Finding,
    QualityGate,
    QualityReport,
    SiteQuality,
)
from bedside.core.records.version import GateResult
from bedside.data.quality.gates import share_of
from bedside.data.quality.shown import share_shown, small, split_shown, typical

__all__ = ["figures_of"]

_BEYOND = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.25, "p95": 0.05}


def figures_of(report: QualityReport, gates: Sequence[GateResult] = ()) -> dict[str, Any]:
    """Everything that the HTML page shows, as plain JSON.

    A count of one to ten is "10 or fewer". A share is `{"share": x}`, or the bound that it keeps
    where ten or fewer are meant, or are left over. A quantile, a median or an edge of a column
    stands only where more than ten subjects lie at or beyond it, a text or a spike only where more
    than ten have it.
    """
    return {
        "name": report.name,
        "title": report.title,
        "events": report.events,
        "replaced": count_shown(report.replaced),
        "subjects": count_shown(report.subjects),
        "first": _day(report.first) if report.subjects > SUPPRESS_AT_OR_BELOW else None,
        "last": _day(report.last) if report.subjects > SUPPRESS_AT_OR_BELOW else None,
        "every": report.every,
        "checks": {
            check: share_shown(*share_of(report, QualityGate(check=check, at_least=1.0)))
            for check in ("conformance", "completeness", "plausibility")
        },
        "gates": [
            {"check": gate.metric, "passed": gate.passed, "text": gate.text} for gate in gates
        ],
        "sites": {site: count_shown(subjects) for site, subjects in report.sites.items()},
        "conversion": {
            name: {
                key: count_shown(count)
                for key, count in sorted(
                    getattr(report.conversion, name).items(), key=lambda item: (-item[1], item[0])
                )
            }
            for name in (
                "rows_in", "events_out", "dropped", "quarantined", "codes_unknown", "units_unknown"
            )
        },
        "codes": [_code(report, code) for code in report.codes],
        "what_to_do_next": [_finding(finding) for finding in report.findings],
    }  # fmt: skip


def _day(time: str | None) -> str | None:
    return None if time is None else time[:7]


def _counted(counted: Counted) -> dict[str, int | str]:
    return {"rows": count_shown(counted.rows), "subjects": count_shown(counted.subjects)}


def _code(report: QualityReport, code: CodeQuality) -> dict[str, Any]:
    return {
        "code": code.code,
        "name": code.name,
        **_counted(code.counted),
        "values": count_shown(code.values),
        "texts": count_shown(code.texts),
        "conformance": {
            "unit": code.unit,
            "unit_from": code.unit_from,
            "understood": share_shown(code.understood, code.values),
            "convertible": share_shown(code.convertible, code.values),
            "not_finite": count_shown(code.not_finite),
            "units": [
                {"unit": unit.unit if not small(unit.counted.subjects) else None,
                 "state": unit.state, **_counted(unit.counted)}
                for unit in code.units
            ],
        },
        "completeness": {
            "of_subjects": share_shown(code.answered.subjects, report.subjects),
            "of_rows": share_shown(code.answered.rows, code.counted.rows),
            "expected": code.code in report.expected,
            "rows_without_answer": count_shown(code.silent),
            "texts": _texts(code),
        },
        "plausibility": {
            "range": None
            if code.range is None
            else {"low": code.range.low, "high": code.range.high, "source": code.range.source},
            "inside": share_shown(code.plausible, code.judged),
            "outside": _counted(code.implausible),
            "temporal": {name: _counted(counted) for name, counted in code.temporal.items()},
            "repeated": _counted(code.duplicates),
            "contradictions": _counted(code.conflicts),
            "spikes": [
                {"value": spike.value, "unit": spike.unit, "why": spike.why,
                 **_counted(spike.counted)}
                for spike in code.spikes
                if not small(spike.counted.subjects)
            ],
            "end_in_zero": code.rounded,
            "quantiles": {
                name: value
                for name, value in code.quantiles.items()
                if code.counted.subjects * _BEYOND[name] > SUPPRESS_AT_OR_BELOW
                and _may_be_shown(value, code)
            },
            "histogram": _histogram(code),
        },
        "trend": [
            {"start": period.start, **_counted(period.counted),
             "median": _median(period.median, period.counted, code)}
            for period in code.periods
        ],
        "sites": [_site(site, code) for site in code.sites],
    }  # fmt: skip


def _may_be_shown(value: float, code: CodeQuality) -> bool:
    return bool(code.shown_between) and code.shown_between[0] <= value <= code.shown_between[1]


def _median(median: float | None, counted: Counted, code: CodeQuality) -> float | None:
    shown = median is not None and typical(counted) and _may_be_shown(median, code)
    return median if shown else None


def _texts(code: CodeQuality) -> list[dict[str, Any]]:
    return [
        {"text": use.text, "share": share_shown(use.counted.rows, code.counted.rows),
         **_counted(use.counted)}
        for use in code.texts_met[:12]
        if not small(use.counted.subjects)
    ]  # fmt: skip


def _histogram(code: CodeQuality) -> dict[str, Any] | None:
    edges, counts = code.histogram
    if not typical(code.counted) or not counts:
        return None
    return {"edges": [float(f"{edge:.3g}") for edge in edges], "counts": split_shown(counts)}


def _site(site: SiteQuality, code: CodeQuality) -> dict[str, Any]:
    if small(site.subjects):
        return {"site": site.site, "subjects": FEW}
    return {
        "site": site.site,
        "subjects": site.subjects,
        "have_it": share_shown(site.answered.subjects, site.subjects),
        "inside": share_shown(site.plausible, site.judged),
        "median": _median(site.median, site.answered, code),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "kind": finding.kind,
        "codes": list(finding.codes),
        "rows": count_shown(finding.rows),
        "subjects": None if finding.subjects is None else count_shown(finding.subjects),
        "seen": finding.seen,
        "why": finding.why,
        "do": finding.do,
        "declare": finding.declare,
    }
