"""What came true of live predictions, in words for a terminal."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.monitor.judged.telling import (
    BURDEN,
    STATES,
    estimate_lines,
    follow_lines,
    main_metrics,
    treated_lines,
)

__all__ = ["performance_words"]

_FEW = "ten or fewer"
_EXPECTED = ("auroc", "observed_expected")
_OTHERS = {
    "not_acted": "Without patients on whom staff acted",
    "not_shown": "Patients about whom nobody was shown anything",
}


def performance_words(told: Mapping[str, Any]) -> str:
    """Coverage, figures, gates, alerts, and what was expected: each on a line of its own."""
    span = f"Predictions of {told['since']} to {told['until']}"
    if told.get("left_out"):
        return f"? {span}: {told['left_out']}"
    coverage = told["coverage"]
    if coverage["scores"] == 0:
        return f"? {span}: no score was given."
    judged = _FEW if coverage["share"] is None else f"{coverage['share']:.0%}"
    lines = [f"{span}: {judged} can be judged by what came true."]
    lines += [f"  {line}" for line in follow_lines(told)]
    lines += [f"  {row['title']}: {row['figures'][0]}" for row in main_metrics(told)]
    lines += list(_others(told))
    lines += [f"{STATES[one['state']]} Gate of the release: {one['text']}" for one in told["gates"]]
    figures = told["burden"]["figures"].items()
    of = " (nobody was shown them)" if told["burden"]["of"] == "not shown" else ""
    lines += [f"  {BURDEN[name].capitalize()}{of}: {figure_text(one)}" for name, one in figures]
    acceptance = told["feedback"]["acceptance"]
    if acceptance["estimate"] is not None:
        lines.append(f"  Followed, of those that staff answered: {figure_text(acceptance)}")
    lines += [f"  {line}" for line in treated_lines(told)]
    median = told["lead"]["median_hours"]
    if median is not None:
        seen = "; nobody was shown them" if told["lead"]["of"] == "not shown" else ""
        lines.append(
            f"  Hours from the first alert to the outcome (median{seen}): {figure_text(median)}"
        )
    lines += [f"  Expected before outcomes: {line}" for line in estimate_lines(told, _EXPECTED)]
    lines += [f"? Cannot be told of these days: {line}." for line in told["unknown"]]
    return "\n".join(lines)


def _others(told: Mapping[str, Any]) -> list[str]:
    """The same figure of the others whose outcomes the model changed less."""
    lines = []
    for name, words in _OTHERS.items():
        one = told["care"][name]
        figure = one["metrics"].get("auroc")
        if figure is not None:
            lines.append(f"  {words}: AUROC {figure_text(figure)}")
    return lines
