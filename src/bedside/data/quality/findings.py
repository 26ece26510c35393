"""All findings of a quality report, by how many patients they touch."""

from bedside.core.records.collection import Collection
from bedside.core.records.quality import Finding, QualityReport
from bedside.data.quality.completeness import completeness_of
from bedside.data.quality.conformance import conformance_of
from bedside.data.quality.plausibility import plausibility_of

__all__ = ["findings_of"]

_LAST = ("no_range", "rounded_by_hand")  # to know, but nothing is broken


def findings_of(report: QualityReport, source: Collection) -> tuple[Finding, ...]:
    """What a steward should look at: first what touches most patients.

    Where it is not known whose records a finding is about, it comes after those of which it is;
    what needs no repair comes last.
    """
    found = [
        *conformance_of(report, source),
        *completeness_of(report, source),
        *plausibility_of(report, source),
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                one.kind in _LAST,
                one.subjects is None,
                -(one.subjects or 0),
                -one.rows,
                one.kind,
                one.codes,
            ),
        )
    )
