"""The held-out patients of a version, as columns: whom the laboratory's hospitals draw from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid

__all__ = ["Inputs", "Population"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What n questions see, and what the version answers.

    Args:
        matrix: Shape (n, k), float32; NaN where missing.
        risk: Shape (n,), float64; NaN where it abstains.
        contributions: Shape (n, k + 1), float32, on the margin; None: not computed.
        reason: Shape (n,), why it abstains, else ''.
        about: Shape (n,), the signal that an abstention names, else ''.
        aside: Shape (n,), the signals, between blanks, of which intake set a value aside.
        codes: Shape (n,), which codes it saw, as `core.records.codes_seen` writes them.
    """

    matrix: npt.NDArray[np.float32]
    risk: Floats
    contributions: npt.NDArray[np.float32] | None
    reason: npt.NDArray[np.str_]
    about: npt.NDArray[np.str_]
    aside: npt.NDArray[np.str_]
    codes: npt.NDArray[np.str_]

    def taken(self, rows: Ints) -> "Inputs":
        """Of these rows, in this order."""
        given = self.contributions
        return Inputs(
            matrix=self.matrix[rows],
            risk=self.risk[rows],
            contributions=None if given is None else given[rows],
            reason=self.reason[rows],
            about=self.about[rows],
            aside=self.aside[rows],
            codes=self.codes[rows],
        )

    def where(self, other: Bools, instead: "Inputs") -> "Inputs":
        """With the rows of `instead` where `other` says so; shape (n,)."""
        mine, theirs = self.contributions, instead.contributions
        whole = None
        if mine is not None and theirs is not None:
            whole = np.where(other[:, None], theirs, mine)
        return Inputs(
            matrix=np.where(other[:, None], instead.matrix, self.matrix),
            risk=np.where(other, instead.risk, self.risk),
            contributions=whole,
            reason=np.where(other, instead.reason, self.reason),
            about=np.where(other, instead.about, self.about),
            aside=np.where(other, instead.aside, self.aside),
            codes=np.where(other, instead.codes, self.codes),
        )

    def to_bytes(self) -> bytes:
        """NumPy's own archive, without pickled objects."""
        return _archived(
            {
                "matrix": self.matrix,
                "risk": self.risk,
                "reason": self.reason,
                "about": self.about,
                "aside": self.aside,
                "codes": self.codes,
                **({} if self.contributions is None else {"contributions": self.contributions}),
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> "Inputs":
        """The same again."""
        told = _read(content)
        return cls(
            matrix=told["matrix"],
            risk=told["risk"],
            contributions=told.get("contributions"),
            reason=told["reason"],
            about=told["about"],
            aside=told["aside"],
            codes=told["codes"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """s patients and the n questions asked about them, by patient, then by time.

    Args:
        start: Shape (s + 1,), the first row of each patient; the last is n.
        hours: Shape (n,), since the first question about the patient.
        label: Shape (n,), 0 or 1.
        wait: Shape (n,), days from a question until its outcome is known.
        features: The k names.
        threshold: Risks of at least this alert; NaN: none does.
        age: Shape (s,), years, or the place of the age band; NaN where unknown.
        wave: Shape (s,), how like a patient of the season's wave, from 0 to 1.
        elsewhere: Shape (s,), who is kept apart as another site.
        groups: For each subgroup dimension, shape (n,), the level.
        inputs: As they are, undisturbed.
    """

    start: Ints
    hours: Floats
    label: Floats
    wait: Ints
    features: tuple[str, ...]
    threshold: float
    age: Floats
    wave: Floats
    elsewhere: Bools
    inputs: Inputs
    groups: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = int(self.start[-1])
        for name, values in (("hours", self.hours), ("label", self.label), ("wait", self.wait)):
            if values.shape != (rows,):
                raise Invalid(f"{name} has not one value a question.", fix="give one for each.")
        if len(self.inputs.risk) != rows:
            raise Invalid("The inputs are not of these questions.", fix="give one row for each.")

    @property
    def subjects(self) -> int:
        """How many patients there are."""
        return len(self.start) - 1

    def here(self) -> Ints:
        """The patients of the hospital itself, who are not kept apart as another site's."""
        return np.flatnonzero(~self.elsewhere)

    def rows_of(self, subjects: Ints) -> tuple[Ints, Ints]:
        """Of each drawn patient every row: which row, and which draw it belongs to."""
        count = np.diff(self.start)[subjects]
        draw = np.repeat(np.arange(len(subjects)), count)
        ends = np.cumsum(count)
        offset = np.arange(len(draw)) - np.repeat(ends - count, count)
        return self.start[subjects][draw] + offset, draw

    def one_question(self, random: np.random.Generator, *, hours: float, most: int) -> "Population":
        """One question of each patient, drawn from the first `hours`, and the first features.

        What labels tell needs no more: the monitor counts a patient once. Who has no answer in
        these hours keeps the first question.

        Args:
            random: Draws it.
            hours: Since the first question.
            most: So many of the features that contribute most are kept.
        """
        people = np.repeat(np.arange(self.subjects), np.diff(self.start))
        able = (self.hours <= hours) & np.isfinite(self.inputs.risk)
        order = np.lexsort((random.random(len(people)), ~able, people))
        rows = order[np.searchsorted(people[order], np.arange(self.subjects))]
        gain = self.inputs.contributions
        columns = np.arange(len(self.features))
        if gain is not None:
            columns = np.sort(np.argsort(-np.nanmean(np.abs(gain[:, :-1]), axis=0))[:most])
        inputs = replace(
            self.inputs.taken(rows),
            matrix=self.inputs.matrix[np.ix_(rows, columns[:most])],
            contributions=None,
        )
        return replace(
            self,
            start=np.arange(self.subjects + 1),
            hours=np.zeros(self.subjects),
            label=self.label[rows],
            wait=self.wait[rows],
            features=tuple(self.features[at] for at in columns[:most]),
            inputs=inputs,
            groups={name: levels[rows] for name, levels in self.groups.items()},
        )

    def with_inputs(self, inputs: Inputs) -> "Population":
        """The same patients, seen otherwise."""
        return replace(self, inputs=inputs)

    def to_bytes(self) -> bytes:
        """NumPy's own archive, without pickled objects."""
        names = ("start", "hours", "label", "wait", "age", "wave", "elsewhere")
        return _archived(
            {
                **{name: getattr(self, name) for name in names},
                "features": np.array(self.features, dtype=np.str_),
                "threshold": np.array(self.threshold),
                "inputs": np.frombuffer(self.inputs.to_bytes(), dtype=np.uint8),
                **{f"groups.{name}": levels.astype(str) for name, levels in self.groups.items()},
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> "Population":
        """The same again."""
        told = _read(content)
        names = ("start", "hours", "label", "wait", "age", "wave", "elsewhere")
        return cls(
            **{name: told[name] for name in names},
            features=tuple(told["features"].tolist()),
            threshold=float(told["threshold"]),
            inputs=Inputs.from_bytes(told["inputs"].tobytes()),
            groups={
                name.removeprefix("groups."): told[name]
                for name in told
                if name.startswith("groups.")
            },
        )


def _archived(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def _read(content: bytes) -> dict[str, npt.NDArray[Any]]:
    with np.load(BytesIO(content), allow_pickle=False) as told:
        return {name: told[name] for name in told.files}
