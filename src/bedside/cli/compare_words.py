"""What `bedside compare` and `bedside history` print."""

from collections.abc import Iterator, Mapping
from typing import Any

from bedside.core.records.evidence import figure_text
from bedside.develop.evaluate.external_page import difference_text
from bedside.lifecycle.comparing import Compared
from bedside.lifecycle.history import History

__all__ = ["compared_json", "compared_words", "history_json", "history_words"]

WIDE = 26
MOST_CHANGES = 6


def compared_json(done: Compared) -> dict[str, Any]:
    """The comparison as one JSON document, with where its page lies."""
    return {**done.document, "page": str(done.page), "figures": str(done.figures)}


def compared_words(done: Compared) -> str:
    """The figures of both, their differences, and what was made otherwise."""
    told = done.document
    wide = max(WIDE, *(len(name) for name in told["metrics"]))
    lines = [
        f"first  {told['first']}",
        f"second {told['second']}",
        f"on the same {told['counts']['subjects']} patients ({told['patients']}), "
        f"{told['counts']['rows']} predictions:",
        f"  {'':<{wide}} {'first':<26} {'second':<26} second less first",
    ]
    for name, one in told["metrics"].items():
        lines.append(
            f"  {name:<{wide}} {figure_text(one['first']):<26} "
            f"{figure_text(one['second']):<26} {difference_text(one['difference'])}"
        )
    if "auroc" in told:
        lines.append(f"  AUROC: {difference_text(_named(told['auroc']))}, {_p(told)} (DeLong)")
    if "reclassification" in told:
        lines += _alerted(told["reclassification"])
    return "\n".join([*lines, *_otherwise(told["made_otherwise"]), f"Page: {done.page}"])


def _named(told: Mapping[str, Any]) -> dict[str, Any]:
    return {"estimate": told["difference"], "low": told["low"], "high": told["high"]}


def _p(told: Mapping[str, Any]) -> str:
    return f"p = {told['auroc']['p']:.3g}"


def _alerted(told: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {'Alerted by':<{WIDE}} {'both':>10} {'first':>10} {'second':>10} {'neither':>10}"
    for key, words in (("with_outcome", "with the outcome"), ("without_outcome", "without")):
        counts = [
            "few" if value is None else f"{value:,}"
            for value in (
                told[key][name] for name in ("both", "first_only", "second_only", "neither")
            )
        ]
        yield f"  {words:<{WIDE}} " + " ".join(f"{one:>10}" for one in counts)


def _otherwise(told: Mapping[str, Any]) -> Iterator[str]:
    same = "the same data" if told["same_snapshot"] else "different data"
    code = "the same code" if told["same_code"] else "different code"
    libraries = "other libraries" if told["environment"] else "the same libraries"
    yield f"Made from {same}, by {code} with {libraries}."
    yield from (f"  {one}" for one in told["environment"])
    if not told["declaration"]:
        yield "Their declarations say the same."
        return
    yield "Declared otherwise:"
    yield from (f"  {one}" for one in told["declaration"])


def history_json(done: History) -> dict[str, Any]:
    """The history as one JSON document, with where its page lies."""
    return {
        "model": done.model,
        "headline": list(done.headline),
        "versions": list(done.versions),
        "page": str(done.page),
        "figures": str(done.figures),
    }


def history_words(done: History) -> str:
    """A few lines for each version, oldest first."""
    lines = []
    for told in done.versions:
        gates = "gates passed" if told["gates_passed"] else "gates FAILED"
        gates = gates if told["gates"] else "no gate declared"
        lines.append(
            f"{told['version']}  built {told['built_at'][:16].replace('T', ' ')} UTC  "
            f"{told['stage']}, {gates}"
        )
        lines += _of_version(told, done.headline)
    return "\n".join([*lines, f"Page: {done.page}"])


def _of_version(told: Mapping[str, Any], headline: tuple[str, ...]) -> Iterator[str]:
    if told["unreadable"]:
        yield f"  ! {told['unreadable']}"
        return
    yield f"  from data {told['snapshot'][:12]}, by code {told['code'][:12]}"
    if told["recalibrated"]:
        yield f"  {told['parent']}, recalibrated ({told['recalibrated'].replace('_', ' ')})"
    for name in headline:
        if name in told["metrics"]:
            yield f"  {name:<{WIDE}} {figure_text(told['metrics'][name])}"
    changes = told["changes"]
    yield from (f"  changed: {one}" for one in changes[:MOST_CHANGES])
    if len(changes) > MOST_CHANGES:
        yield f"  … and {len(changes) - MOST_CHANGES} more changes: --json prints all."
    if told["approval"]:
        yield f"  approved by {told['approval']['name']}: {told['approval']['meaning']}"
    for move in told["moves"]:
        yield f"  {move['stage']} since {move['at'][:16].replace('T', ' ')} UTC, by {move['actor']}"
    for one in told["evaluations"]:
        shown = ", ".join(
            f"{name} {figure_text(one['metrics'][name])}"
            for name in headline
            if name in one["metrics"]
        )
        counts = one["counts"].get("subjects", "?")
        whose = "other patients" if one["held_out"] == "0" else "patients"
        held_out = f", {one['held_out']} of them held out at the build"
        known = held_out if one["held_out"] != "0" else ""
        yield f"  on {counts} {whose} ({', '.join(one['files'])}{known}): {shown}"
