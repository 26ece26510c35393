"""Shifts of who comes, of what comes true, and of whose results stand at whose name."""

import numpy as np
import numpy.typing as npt

from bedside.monitor.shifts.population import Inputs, Population

__all__ = [
    "averted",
    "labels_moved",
    "linked_wrongly",
    "older",
    "share_for_drop",
    "shuffled_in_group",
    "wave_weights",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Random = np.random.Generator


def older(population: Population, subjects: Ints, size: float) -> Floats:
    """The chance of each of these patients to come, shape (m,), once they are older.

    The odds of coming rise with exp(size) for each standard deviation of the age. Where the age is
    not known it counts as the mean.
    """
    age = population.age[subjects]
    known = age[np.isfinite(age)]
    spread = float(known.std()) if len(known) else 0.0
    steps = np.nan_to_num((age - known.mean()) / spread) if spread else np.zeros(len(age))
    weight = np.exp(size * steps)
    chances: Floats = weight / weight.sum()
    return chances


def wave_weights(population: Population, subjects: Ints, size: float) -> Floats:
    """The chance of each to come while the wave lasts: `size` more of those it brings."""
    weight = 1 + size * population.wave[subjects]
    chances: Floats = weight / weight.sum()
    return chances


def linked_wrongly(inputs: Inputs, share: float, random: Random) -> Inputs:
    """A share of the rows with the results of another patient."""
    some = np.flatnonzero(random.random(len(inputs.risk)) < share)
    rows = np.arange(len(inputs.risk))
    rows[some] = random.permutation(some)
    return inputs.taken(rows)


def share_for_drop(area: float, drop: float) -> float:
    """The share of rows that must be linked wrongly for the AUROC to fall by `drop`.

    A row with another's results ranks as by chance, so the area becomes
    (1 - share) * area + share / 2.

    >>> round(share_for_drop(0.85, 0.05), 4)
    0.1429
    """
    return min(1.0, drop / max(area - 0.5, 1e-9))


def shuffled_in_group(inputs: Inputs, inside: Bools, share: float, random: Random) -> Inputs:
    """The inputs of a share of one group's rows, dealt out among themselves."""
    some = np.flatnonzero(inside & (random.random(len(inside)) < share))
    rows = np.arange(len(inside))
    rows[some] = random.permutation(some)
    return inputs.taken(rows)


def labels_moved(label: Floats, risk: Floats, draw: Ints, factor: float, random: Random) -> Floats:
    """Labels whose rate is `factor` times as high, while the inputs stay as they are.

    Below 1, a patient's outcomes are dropped at random; above, patients without the outcome get
    it, each with a chance in proportion to the odds of the risk (a patient as a whole, by the
    highest risk).

    Args:
        label: Shape (n,).
        risk: Shape (n,); NaN counts as the mean.
        draw: Shape (n,), whose row it is, ascending from 0.
        factor: Of the rate of patients with the outcome.
        random: Draws them.
    """
    people = int(draw[-1]) + 1 if len(draw) else 0
    case = np.zeros(people, dtype=bool)
    np.logical_or.at(case, draw[label == 1], True)
    if factor <= 1:
        gone = case & (random.random(people) >= factor)
        return np.where(gone[draw], 0.0, label)
    highest = np.zeros(people)
    filled = np.clip(np.nan_to_num(risk, nan=float(np.nanmean(risk))), 1e-6, 0.99)
    np.maximum.at(highest, draw, filled)
    chance = np.where(case, 0.0, highest / (1 - highest))
    wanted = (factor - 1) * case.sum()
    chance = np.minimum(1.0, chance * wanted / max(chance.sum(), 1e-12))
    new = random.random(people) < chance
    top = filled >= highest[draw]
    return np.where(new[draw] & top, 1.0, label)


def averted(
    label: Floats, alert: Bools, draw: Ints, share: float, random: Random
) -> tuple[Floats, Bools]:
    """Labels and `acted` once staff act on alerts and avert a share of the outcomes.

    Staff act on each patient at the first alert; of those who would have had the outcome, `share`
    do not get it from then on.
    """
    people = int(draw[-1]) + 1 if len(draw) else 0
    treated = np.zeros(people, dtype=bool)
    np.logical_or.at(treated, draw[alert], True)
    saved = treated & (random.random(people) < share)
    place = np.arange(len(draw))
    first = np.full(people, len(draw))
    np.minimum.at(first, draw[alert], place[alert])
    later = place >= first[draw]
    return np.where(saved[draw] & later, 0.0, label), alert.copy()
