"""Counts who is left after each step, over many shards and in each subgroup."""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from bedside.cohorts.question.entries import Ints
from bedside.core.errors import Invalid
from bedside.core.records.flow import FlowStep

__all__ = ["FlowCounter"]

UNKNOWN = "unknown"


@dataclass(slots=True)
class _Step:
    text: str
    because: str
    subjects: int = 0
    rows: int = 0
    groups: dict[str, Ints] = field(default_factory=dict)


class FlowCounter:
    """Adds up the steps of shards whose subjects are all different.

    Args:
        groups: subject_id, and a column of levels for each subgroup.

    Raises:
        Invalid: a subject has two rows in `groups`, or there is no subject_id.
    """

    def __init__(self, groups: pl.DataFrame | None) -> None:
        self._steps: dict[str, _Step] = {}
        self._ids: Ints = np.zeros(0, np.int64)
        self._levels: dict[str, list[str]] = {}
        self._codes: dict[str, Ints] = {}
        self._now: dict[str, Ints] = {}
        if groups is None:
            return
        if "subject_id" not in groups.columns or groups["subject_id"].is_duplicated().any():
            raise Invalid(
                "The groups do not have one row for each subject.",
                fix="give subject_id once each, and a column for each subgroup.",
            )
        ordered = groups.sort("subject_id")
        self._ids = ordered["subject_id"].to_numpy().astype(np.int64)
        for name in (one for one in ordered.columns if one != "subject_id"):
            level = ordered[name].cast(pl.String)
            self._levels[name] = level.drop_nulls().unique().sort().to_list()
            place = {one: number for number, one in enumerate(self._levels[name])}
            code = level.replace_strict(place, default=len(place), return_dtype=pl.Int64)
            self._codes[name] = np.append(code.to_numpy(), len(place)).astype(np.int64)

    def shard(self, subjects: Ints) -> None:
        """The next steps are of these subjects, ascending; a step names them by their index."""
        place = np.searchsorted(self._ids, subjects)
        last = np.minimum(place, max(len(self._ids) - 1, 0))
        known = self._ids[last] == subjects if len(self._ids) else np.zeros(len(subjects), bool)
        at = np.where(known, last, len(self._ids))
        self._now = {name: code[at] for name, code in self._codes.items()}
        self._size = len(subjects)

    def step(
        self, name: str, text: str, subject: Ints, *, because: str = "", rows: int | None = None
    ) -> None:
        """These are left: the subject of each row, and the rows if they are not one each."""
        left = np.zeros(self._size, np.bool_)
        left[subject] = True
        step = self._steps.setdefault(name, _Step(text, because))
        step.subjects += int(left.sum())
        step.rows += len(subject) if rows is None else rows
        for group, code in self._now.items():
            counts = np.bincount(code[left], minlength=len(self._levels[group]) + 1)
            step.groups[group] = step.groups.get(group, np.zeros_like(counts)) + counts

    def rows(self, name: str) -> int:
        """The rows left after a step; 0 if there was none."""
        return self._steps[name].rows if name in self._steps else 0

    def steps(self, optional: frozenset[str]) -> tuple[FlowStep, ...]:
        """All steps in order; an optional one only if fewer rows were left than before it."""
        told: list[FlowStep] = []
        for name, step in self._steps.items():
            if name in optional and told and told[-1].rows == step.rows:
                continue
            told.append(
                FlowStep(
                    name=name,
                    text=step.text,
                    because=step.because,
                    subjects=step.subjects,
                    rows=step.rows,
                    groups={group: self._told(group, step.groups[group]) for group in self._codes},
                )
            )
        return tuple(told)

    def _told(self, group: str, counts: Ints) -> dict[str, int]:
        levels = self._levels[group]
        unknown = any(step.groups[group][-1] for step in self._steps.values())
        told = {level: int(count) for level, count in zip(levels, counts, strict=False)}
        return told | ({UNKNOWN: int(counts[-1])} if unknown else {})
