"""The table of docs/results.md, from what the builds told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.metrics.names import METRICS
from results.tasks import Figure, Task

__all__ = ["Result", "page_of", "told_figures"]

OPENING = """\
# Our results beside the published ones

Written by `make results`, which builds each use case as it ships, with its default declaration, on
the public data that its README names. Do not edit this page by hand.

Every figure has its 95 % interval in brackets, resampled by patient. "Out of fold" is over all
patients, each judged by a model that never saw them; thresholds were chosen, and parameters where
any are tuned, on patients of the other folds. "Held out" is on patients, or a hospital, kept apart
from the start. A published figure stands as its authors reported it, on the patients they name.
Where these are not the same patients, the two columns do not compare to the second digit.

"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a task came to: the words of its figures, and of its peers, run beside it."""

    task: Task
    ours: tuple[str, ...]
    peers: tuple[str, ...]
    report: str
    version: str


def told_figures(task: Task, told: Mapping[str, Any]) -> tuple[str, ...]:
    """Our figures in words, from what `bedside build --json` printed."""
    return tuple(_told(figure, told) for figure in task.figures)


def _told(figure: Figure, told: Mapping[str, Any]) -> str:
    title = METRICS[figure.metric].title
    if figure.crossed:
        crossed = told["cross_validation"]
        text = figure_text(crossed["metrics"][figure.metric]["pooled"])
        mean = crossed["metrics"][figure.metric]["by_fold"]["mean"]
        beside = "" if mean is None else f", mean of the folds {mean:.3f}"
        return f"{title} **{text}** out of fold{beside}"
    return f"{title} **{figure_text(told['metrics'][figure.metric])}** held out"


def page_of(results: Sequence[Result], made_by: str) -> str:
    """The page in Markdown."""
    rows = ["| task | published, as reported | ours | report |", "|---|---|---|---|"]
    notes = []
    for one in results:
        published = [f"{each.text} [{each.source}]" for each in one.task.published]
        cells = (
            f"{one.task.title}<br>`bedside build {one.task.use_case}`",
            "<br>".join((*published, *one.peers)) or "none known to us",
            "<br>".join(one.ours),
            f"[report]({one.report})",
        )
        rows.append(f"| {' | '.join(cells)} |")
        if one.task.note:
            notes.append(f"- **{one.task.title}.** {one.task.note}")
    versions = ", ".join(f"`{one.version}`" for one in results)
    return (
        f"{OPENING}{chr(10).join(rows)}\n\n## What to know when comparing\n\n"
        f"{chr(10).join(notes)}\n\nMade by {made_by}. Versions: {versions}.\n"
    )
