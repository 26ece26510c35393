"""How many subjects and rows each step of a question left."""

from dataclasses import dataclass, field

__all__ = ["FlowStep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """One step from all subjects to the rows of a cohort (STARD, TRIPOD: the flow of participants).

    Args:
        name: Short and stable, e.g. `gap.has.death`.
        text: In plain words, what the subjects and rows that are left have in common.
        because: Why the others are left out, where the question says so.
        subjects: Subjects left with at least one row.
        rows: Prediction times left; before there are any, 0, and at the trigger its moments.
        groups: Subjects left, by subgroup and level; who has no level is `unknown`.
    """

    name: str
    text: str
    subjects: int
    rows: int
    because: str = ""
    groups: dict[str, dict[str, int]] = field(default_factory=dict)
