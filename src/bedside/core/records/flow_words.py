"""The flow of a question in words and counts that name nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bedside.core.records.evidence import FEW, SUPPRESS_AT_OR_BELOW
from bedside.core.records.flow import FlowStep

__all__ = ["ToldStep", "count_text", "told_flow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStep:
    """One step as it may be shown.

    Args:
        name: Of the step.
        text: What the subjects and rows that are left have in common.
        subjects: How many are left.
        rows: How many prediction times are left.
        dropped: How many subjects and rows the step left out, and why; empty when none.
        groups: Subjects left, by subgroup and level.
    """

    name: str
    text: str
    subjects: str
    rows: str
    dropped: str
    groups: dict[str, dict[str, str]]


def told_flow(steps: Sequence[FlowStep]) -> tuple[ToldStep, ...]:
    """The steps with their small counts hidden.

    Ten or fewer are never told. Where a step leaves out ten or fewer, they could be found by
    subtraction, so every count of the flow is then told to the nearest ten, as "about".

    >>> [told.subjects for told in told_flow([
    ...     FlowStep(name="all", text="all", subjects=4000, rows=0),
    ...     FlowStep(name="asked", text="asked", subjects=3996, rows=3996)])]
    ['about 4,000', 'about 4,000']
    """
    rounds = any(_is_small(count) for count in _losses(steps))
    made: list[ToldStep] = []
    for number, step in enumerate(steps):
        before = steps[number - 1] if number else step
        made.append(
            ToldStep(
                name=step.name,
                text=step.text,
                subjects=count_text(step.subjects, rounds),
                rows=count_text(step.rows, rounds),
                dropped=_dropped(before, step, rounds),
                groups={
                    name: {level: count_text(count, rounds) for level, count in levels.items()}
                    for name, levels in step.groups.items()
                },
            )
        )
    return tuple(made)


def _losses(steps: Sequence[FlowStep]) -> list[int]:
    """How many subjects each step left out, whole and in each level of a subgroup."""
    lost: list[int] = []
    for before, after in pairwise(steps):
        lost.append(before.subjects - after.subjects)
        if before.rows:
            lost.append(before.rows - after.rows)
        lost += [
            count - after.groups.get(name, {}).get(level, 0)
            for name, levels in before.groups.items()
            for level, count in levels.items()
        ]
    return lost


def _dropped(before: FlowStep, after: FlowStep, rounds: bool) -> str:
    subjects, rows = before.subjects - after.subjects, before.rows - after.rows
    parts = [f"{count_text(subjects, rounds)} subjects"] if subjects > 0 else []
    if before.rows and rows > 0 and rows != subjects:
        parts.append(f"{count_text(rows, rounds)} prediction times")
    why = f": {after.because}" if after.because and parts else ""
    return " and ".join(parts) + why


def count_text(count: int, rounds: bool = False) -> str:
    """A count as it may be shown: ten or fewer are not told; rounded, to the nearest ten.

    >>> count_text(7), count_text(1234), count_text(1234, rounds=True)
    ('10 or fewer', '1,234', 'about 1,230')
    """
    if _is_small(count):
        return FEW
    return f"about {round(count, -1):,}" if rounds and count else f"{count:,}"


def _is_small(count: int) -> bool:
    return 0 < count <= SUPPRESS_AT_OR_BELOW
