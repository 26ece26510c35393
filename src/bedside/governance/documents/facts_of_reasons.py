"""What the model relies on, how steady its reasons are, and whether they passed their checks."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.governance.documents.case import Case
from bedside.governance.documents.document import Line, Path
from bedside.metrics.names import METRICS

__all__ = ["checks", "reasons"]

_MOST = 5


def reasons(case: Case) -> list[Line]:
    """The signals that it relies on most, and what is known of its reasons."""
    by_signal = case.found("explanations", "by_signal")
    shown = case.evidence["importance"] if by_signal is None else by_signal
    path: Path = ("importance",) if by_signal is None else ("explanations", "by_signal")
    return [
        *(
            case.seen(one["text"], _share(one), (*path, at), section="reasons")
            for at, one in enumerate(shown[:_MOST])
        ),
        *_steadiness(case),
        *checks(case),
    ]


def _share(one: Mapping[str, Any]) -> str:
    text = f"{100 * one['share']:.1f} %"
    if one.get("low") is not None:
        text += f" ({100 * one['low']:.1f} to {100 * one['high']:.1f})"
    loss = one.get("loss")
    if loss is not None and loss["estimate"] is not None:
        text += f"; loss when exchanged, in {METRICS[loss['metric']].title}: {figure_text(loss)}"
    return text


def _steadiness(case: Case) -> list[Line]:
    told = case.found("explanations", "stability")
    if not told:
        return []
    path: Path = ("explanations", "stability")
    if "why" in told or told.get("jaccard") is None:
        text = f"not measured: {told.get('why', 'no row had a reason')}"
        return [case.seen("Steadiness", text, path, section="reasons")]
    same, first = told["jaccard"], told["first"]
    text = (
        f"of {told['refits']} models of resampled patients, two share {same['mean']:.3f} of their "
        f"{told['top']} strongest signals (by chance {told['jaccard_by_chance']:.3f}), and the "
        f"first in {first['mean']:.3f} of the rows"
    )
    return [case.seen("Steadiness", text, path, section="reasons")]


def checks(case: Case) -> list[Line]:
    """Whether the reasons passed their counter-checks."""
    passed = case.found("explanations", "checks", "passed")
    if passed is None:
        return []
    text = "passed" if passed else "NOT passed: do not trust the reasons"
    path = ("explanations", "checks", "passed")
    return [case.seen("Counter-checks of the reasons", text, path, section="reasons")]
