"""A hospital for a quarter: who comes when, what is asked, answered, and comes true."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.monitor.shifts.injection import Injection
from bedside.monitor.shifts.on_rows import (
    averted,
    labels_moved,
    linked_wrongly,
    older,
    shuffled_in_group,
    wave_weights,
)
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.stream.answers import ABSTENTION, SCORE, UNKNOWN_DAY, Answers

__all__ = ["FIRST_DAY", "Plan", "Stays", "answers_of", "happened", "stays_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FIRST_DAY = 19_723
"""A Monday, 1 January 2024: the first day of every simulated quarter."""
WEEK = (1.08, 1.08, 1.08, 1.08, 1.08, 0.85, 0.75)
"""How many come on each day of the week, against the mean."""
FILLING = 14
"""Days before the first that is watched in which patients come already: the beds are not empty, or
the first days would be of new patients alone."""
LONGEST_WAVE = 28
"""Days that a seasonal wave lasts."""
SITE = "site"
_HERE, _ELSEWHERE = "main", "other"
_BASELINE, _STREAM, _SHIFT = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One simulated hospital.

    Args:
        seed: Everything that is drawn follows from it.
        days: How long it is watched.
        per_day: New patients a day, on average.
        baseline: Patients of the baseline.
    """

    seed: int
    days: int
    per_day: float
    baseline: int

    def random(self, part: int, more: int = 0) -> np.random.Generator:
        """Numbers for one part of it."""
        return np.random.default_rng([self.seed, part, more])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """m patients who come.

    Args:
        subject: Shape (m,), who of the population.
        arrival: Shape (m,), days from `FIRST_DAY`, with the part of the day.
        number: Shape (m,), by which each is told apart.
    """

    subject: Ints
    arrival: Floats
    number: Ints


def stays_of(population: Population, plan: Plan) -> tuple[Stays, Stays]:
    """The patients of the baseline, and those of the quarter: each drawn by itself.

    The population is what is true: the baseline and the stream are independent samples of it, with
    replacement, so that nothing but chance lies between them.
    """
    here = population.here()
    random = plan.random(_BASELINE)
    before = Stays(
        subject=random.choice(here, plan.baseline),
        arrival=np.sort(random.uniform(-180, -120, plan.baseline)),
        number=np.arange(plan.baseline),
    )
    random = plan.random(_STREAM)
    days = np.arange(-FILLING, plan.days)
    count = random.poisson(plan.per_day * np.array(WEEK)[days % 7])
    arrival = np.repeat(days, count) + random.random(count.sum())
    during = Stays(
        subject=random.choice(here, len(arrival)),
        arrival=np.sort(arrival),
        number=plan.baseline + np.arange(len(arrival)),
    )
    return before, during


def happened(
    population: Population, stays: Stays, injection: Injection, onset: int, plan: Plan
) -> Stays:
    """Who comes instead, from the onset on, where the injection changes who comes."""
    random = plan.random(_SHIFT)
    later = stays.arrival >= onset
    here, count = population.here(), int(later.sum())
    if injection.kind == "case_mix":
        chance = older(population, here, injection.size)
        return _with(stays, later, random.choice(here, count, p=chance))
    if injection.kind == "new_site":
        there = np.flatnonzero(population.elsewhere)
        come = random.random(count) < injection.size
        drawn = np.where(come, random.choice(there, count), stays.subject[later])
        return _with(stays, later, drawn)
    if injection.kind == "season":
        return _wave(population, stays, injection.size, onset, random)
    return stays


def _with(stays: Stays, later: Bools, drawn: Ints) -> Stays:
    subject = stays.subject.copy()
    subject[later] = drawn
    return replace(stays, subject=subject)


def _wave(
    population: Population, stays: Stays, size: float, onset: int, random: np.random.Generator
) -> Stays:
    """More patients for four weeks, the more of those whom the wave brings; then as before."""
    inside = (stays.arrival >= onset) & (stays.arrival < onset + LONGEST_WAVE)
    more = random.poisson(0.5 * inside.sum())
    here = population.here()
    chance = wave_weights(population, here, size)
    mixed = _with(stays, inside, random.choice(here, int(inside.sum()), p=chance))
    last = int(stays.number.max(initial=0)) + 1
    arrival = onset + LONGEST_WAVE * random.random(more)
    added = random.choice(here, more, p=chance)
    order = np.argsort(np.concatenate([mixed.arrival, arrival]), kind="stable")
    return Stays(
        subject=np.concatenate([mixed.subject, added])[order],
        arrival=np.concatenate([mixed.arrival, arrival])[order],
        number=np.concatenate([mixed.number, last + np.arange(more)])[order],
    )


def answers_of(
    population: Population,
    stays: Stays,
    plan: Plan,
    *,
    injection: Injection | None = None,
    onset: int = 0,
    disturbed: Inputs | None = None,
    until: int | None = None,
) -> Answers:
    """What the version answers them, in the order in which it is recorded.

    Args:
        population: Of the version.
        stays: Who comes; see `happened`.
        plan: Of the hospital.
        injection: What happens, from the onset on, to questions of that day and later ones; None:
            nothing.
        onset: Days from `FIRST_DAY`.
        disturbed: Of an injection on events: what every question of the population would then see.
        until: Questions of this day and later are left out.
    """
    rows, draw = population.rows_of(stays.subject)
    when = stays.arrival[draw] + population.hours[rows] / 24
    if until is not None:
        kept = when < until
        rows, draw, when = rows[kept], draw[kept], when[kept]
    inputs = population.inputs.taken(rows)
    label, acted = population.label[rows], np.zeros(len(rows), dtype=bool)
    wait = population.wait[rows]
    after = when >= onset
    if injection is not None:
        if disturbed is not None:
            inputs = inputs.where(after, disturbed.taken(rows))
        told = _Told(inputs, label, acted, wait)
        told = _shifted(population, told, rows, draw, after, injection, plan)
        inputs, label, acted, wait = told.inputs, told.label, told.acted, told.wait
    order = np.argsort(when, kind="stable")
    whole = _Told(inputs.taken(order), label[order], acted[order], wait[order])
    return _recorded(population, stays, whole, rows[order], draw[order], when[order])


@dataclass(frozen=True, slots=True)
class _Told:
    inputs: Inputs
    label: Floats
    acted: Bools
    wait: Ints


def _shifted(
    population: Population,
    told: _Told,
    rows: Ints,
    draw: Ints,
    after: Bools,
    injection: Injection,
    plan: Plan,
) -> _Told:
    """What an injection does to rows, to labels, and to what becomes known when."""
    random, size, kind = plan.random(_SHIFT, 1), injection.size, injection.kind
    inputs, risk = told.inputs, told.inputs.risk
    if kind == "auroc_drop":
        wrong = linked_wrongly(inputs, size, random)
        return replace(told, inputs=inputs.where(after, wrong))
    if kind == "subgroup_only" and injection.group is not None:
        dimension, level = injection.group
        inside = after & (population.groups[dimension][rows] == level)
        return replace(told, inputs=shuffled_in_group(inputs, inside, size, random))
    if kind in ("prevalence", "calibration"):
        moved = labels_moved(told.label, risk, draw, size, random)
        return replace(told, label=np.where(after, moved, told.label))
    if kind == "label_delay":
        return replace(told, wait=np.where(after, told.wait + int(size), told.wait))
    if kind == "treatment_effect":
        alert = after & (np.nan_to_num(risk) >= population.threshold)
        label, acted = averted(told.label, alert, draw, size, random)
        return replace(told, label=np.where(after, label, told.label), acted=acted)
    return told


def _recorded(
    population: Population, stays: Stays, told: _Told, rows: Ints, draw: Ints, when: Floats
) -> Answers:
    count = len(rows)
    day = FIRST_DAY + np.floor(when).astype(np.int64)
    risk, scored = told.inputs.risk, told.inputs.reason == ""
    given = told.inputs.contributions
    there = population.elsewhere[stays.subject[draw]]
    groups: dict[str, npt.NDArray[Any]] = {
        name: levels[rows] for name, levels in population.groups.items()
    }
    if population.elsewhere.any():
        groups[SITE] = np.where(there, _ELSEWHERE, _HERE)
    known = np.isfinite(told.label)
    return Answers(
        day=day,
        subject=stays.number[draw],
        hours=population.hours[rows],
        outcome=np.where(scored, SCORE, ABSTENTION).astype(np.int8),
        reason=told.inputs.reason,
        risk=np.where(scored, risk, np.nan),
        alert=scored & (np.nan_to_num(risk) >= population.threshold),
        shown=scored,
        latency_ms=np.full(count, 5.0),
        features=population.features,
        matrix=told.inputs.matrix.astype(np.float64),
        contributions=None if given is None else given.astype(np.float64),
        label=told.label,
        label_day=np.where(known, day + told.wait, UNKNOWN_DAY),
        acted=told.acted,
        groups=groups,
        about=told.inputs.about,
        aside=told.inputs.aside,
        codes=told.inputs.codes,
    )
