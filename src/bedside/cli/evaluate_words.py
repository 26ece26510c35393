"""What `bedside evaluate` and `bedside recalibrate` print."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bedside.cli.words import gates_lines
from bedside.core.records.evidence import figure_text
from bedside.develop.evaluate.external_page import difference_text, summary_of, ways_of
from bedside.lifecycle.evaluating import Evaluated
from bedside.lifecycle.package import Built

__all__ = ["evaluated_json", "evaluated_words", "recalibrated_words"]

WIDE = 26


def evaluated_json(done: Evaluated) -> dict[str, Any]:
    """The evidence as one JSON document, with where its page lies; curves are in the file alone."""
    told = {name: part for name, part in done.evidence.items() if name != "curves"}
    return {**told, "page": str(done.page), "figures": str(done.figures)}


def evaluated_words(done: Evaluated) -> str:
    """The figures here, at the build, and what to worry about."""
    evidence = done.evidence
    counts = evidence["counts"]
    came = f", the outcome in {counts['with_outcome']}" if "with_outcome" in counts else ""
    whose = "other patients" if evidence["familiar"].get("held_out", "0") == "0" else "patients"
    lines = [
        f"{done.version.id} on {counts['subjects']} {whose}, {counts['rows']} predictions{came}:"
    ]
    if "metrics" in evidence:
        lines += _figures(evidence)
    if "recalibration" in evidence:
        lines += _recalibration(evidence["recalibration"], dict(ways_of(evidence)))
    lines += [f"{'!' if one['warn'] else ' '} {one['text']}" for one in summary_of(evidence)]
    return "\n".join([*lines, f"Page: {done.page}"])


def _figures(evidence: Mapping[str, Any]) -> Iterator[str]:
    wide = _width(evidence["metrics"])
    yield f"  {'':<{wide}} {'here':<26} {'at the build':<26} difference"
    for name, figure in evidence["metrics"].items():
        built = evidence["internal"].get(name)
        if built is None:
            yield f"  {name:<{wide}} {figure_text(figure)}"
            continue
        yield (
            f"  {name:<{wide}} {figure_text(figure):<26} {figure_text(built):<26} "
            f"{difference_text(evidence['difference'][name])}"
        )


def _recalibration(told: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    yield (
        f"  Recalibration alone, each patient by a fit on others ({told['folds']} folds, "
        f"{told['events']} patients tell of it):"
    )
    shown = [way for way in words if "why" not in told[way]]
    wide = _width(told["as_it_is"])
    yield f"  {'':<{wide}} " + "".join(f"{words[way]:<26} " for way in shown)
    for name in told["as_it_is"]:
        yield f"  {name:<{wide}} " + "".join(
            f"{figure_text(told[way][name]):<26} " for way in shown
        )
    yield from (f"  {words[way]}: {told[way]['why']}" for way in words if "why" in told[way])


def _width(names: Iterable[str]) -> int:
    return max(WIDE, *(len(name) for name in names))


def recalibrated_words(built: Built) -> str:
    """What the new version says of these patients, beside what its parent said."""
    told = built.evidence["recalibration"]
    counts = told["patients"]
    words = {"intercept": "the intercept", "slope_and_intercept": "slope and intercept"}
    lines = [
        f"{built.version.id}: {told['parent']} with {words[told['method']]} refitted on "
        f"{counts['subjects']} patients; each is judged by a fit on others "
        f"({told['folds']} folds):",
        f"  {'':<{WIDE}} {'before':<26} after",
    ]
    for name, before in told["before"].items():
        after = built.evidence["metrics"].get(name)
        if after is not None:
            lines.append(f"  {name:<{WIDE}} {figure_text(before):<26} {figure_text(after)}")
    lines += gates_lines(built.version.gates)
    lines.append(f"Report: {built.report}")
    if built.version.gates_passed:
        lines.append(f"Next: bedside approve {built.version.id} --name '…' --meaning '…'")
    return "\n".join(lines)
