"""What `bedside question` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bedside.lifecycle.question import Flowed, PredicateCount

__all__ = ["aces_words", "check_words", "flow_words"]


def aces_words(content: bytes, losses: Sequence[str]) -> str:
    """The task file, and what ACES cannot say as comments below it."""
    lost = [f"# Not said in ACES: {loss}" for loss in losses]
    return "\n".join([content.decode().rstrip(), *lost])


def check_words(counts: "Sequence[PredicateCount]") -> str:
    """How often each predicate is met; what is never met stands out."""
    wide = max((len(one.name) for one in counts), default=9)
    lines = [f"{'predicate':<{wide}}  {'codes':>6}  {'events':>12}  {'subjects':>12}"]
    lines += [
        f"{one.name:<{wide}}  {one.codes:>6,}  {_count(one.events):>12}  {_count(one.subjects):>12}"
        for one in counts
    ]
    never = [one.name for one in counts if one.events == 0]
    if never:
        lines += [
            "",
            f"Never met in these data: {', '.join(never)}.",
            "Fix: compare the codes with those of the data: bedside data show.",
        ]
    else:
        lines += ["", "Every predicate is met."]
    return "\n".join(lines)


def flow_words(flowed: "Flowed") -> str:
    """The flow as a table, the labels, and where the page lies."""
    wide = max(len(step.text) for step in flowed.steps)
    lines = [f"{'step':<{wide}}  {'subjects':>14}  {'prediction times':>16}  left out"]
    lines += [
        f"{step.text:<{wide}}  {step.subjects:>14}  {step.rows:>16}  {step.dropped}".rstrip()
        for step in flowed.steps
    ]
    first = next(iter(flowed.labels.values()))
    cases = [name for name in first if name not in ("subjects", "rows")]
    lines += ["", _side_line("side", "subjects", "prediction times", cases)]
    lines += [
        _side_line(side, told["subjects"], told["rows"], [f"{told[c]:<{len(c)}}" for c in cases])
        for side, told in flowed.labels.items()
    ]
    return "\n".join([*lines, "", f"The flow by subgroup, as a page: {flowed.page}"])


def _side_line(side: str, subjects: str, rows: str, cases: Sequence[str]) -> str:
    return f"{side:<18}  {subjects:>14}  {rows:>16}  {'  '.join(cases)}".rstrip()


def _count(count: int | None) -> str:
    return "10 or fewer" if count is None else f"{count:,}"
