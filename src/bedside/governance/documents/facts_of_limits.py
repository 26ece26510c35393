"""What the evidence itself warns of."""

from collections.abc import Iterator

from bedside.governance.documents import facts_of_data as data
from bedside.governance.documents import facts_of_performance as performance
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line

__all__ = ["limits"]


def limits(case: Case) -> list[Line]:
    """Too few patients, predictions that are off, groups that differ, leakage, no gain."""
    return list(_limits(case))


def _limits(case: Case) -> Iterator[Line]:
    """What the evidence itself warns of."""
    if case.found("training", "imported") is not None:
        words = (
            "it is not known which patients it was learnt from; the figures are too good if some "
            "of them are held out here"
        )
        yield case.seen("Learnt elsewhere", words, ("training", "imported"), section="training")
    if case.found("training", "sample_size", "enough") is False:
        path = ("training", "sample_size", "needed")
        words = f"fewer patients to learn from than the {case.found(*path):,} that are needed"
        yield case.seen("Sample size", words, path, section="training")
    for name, low, high in (
        ("calibration_slope", "predictions too extreme", "predictions not extreme enough"),
        ("expected_observed_ratio", "predictions too low", "predictions too high"),
    ):
        told = case.found("metrics", name)
        if told is None or told["low"] is None or told["low"] <= 1 <= told["high"]:
            continue
        words = low if told["high"] < 1 else high
        line = performance.figures(case, [name])[0]
        yield case.seen("Calibration", f"{words}: {line.text}", ("metrics", name))
    yield from _no_better(case)
    for line in performance.subgroups(case):
        if "; differs from all others" in line.text:
            yield line
    for finding, line in zip(case.evidence["leakage"], data.leakage(case), strict=False):
        if finding.get("because") or finding.get("severity") == "warning":
            yield line


def _no_better(case: Case) -> Iterator[Line]:
    """That a plain regression comes as far, by the leading figure."""
    name = performance.main_metric(case)
    own, other = case.found("metrics", name, "estimate"), case.found("baseline", name, "estimate")
    if own is None or other is None:
        return
    better = own < other if case.outcome == "regression" else own > other
    if not better:
        text = f"{performance.title_of(name)} {own:.3f}; a plain regression {other:.3f}"
        paths = (("metrics", name), ("baseline", name))
        yield case.seen("No better than a plain regression", text, *paths)
