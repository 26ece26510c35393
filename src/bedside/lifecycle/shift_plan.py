"""Which shifts are injected into the patients of a version, and how large."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Signal
from bedside.features.wording import title
from bedside.lifecycle.shift_patients import Bench
from bedside.metrics.discrimination import auroc
from bedside.metrics.sample_sizes import auroc_sample_size, observed_expected_sample_size
from bedside.monitor.causes.units_seen import conversions
from bedside.monitor.shifts.injection import EventChange, Injection
from bedside.monitor.shifts.on_rows import share_for_drop
from bedside.monitor.shifts.population import Population
from bedside.monitor.shifts.trial import Watched
from bedside.monitor.shifts.units import other_unit

__all__ = ["OF_LABELS", "Theory", "injections_of", "theory_of", "watched_of"]

Floats = npt.NDArray[np.float64]
OF_LABELS = ("prevalence", "calibration", "auroc_drop", "subgroup_only", "treatment_effect")
"""Kinds that only outcomes show."""
COMMON = 0.5
"""A signal counts as common where so many patients have it."""
RARE = 0.1
MOST = 5
DROP = 0.05
"""Of the AUROC, which is to be found."""
OFF = (0.8, 1.2)
"""Observed over expected outcomes, which are to be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """What is known of a population, and the sample sizes that follow from it.

    Args:
        auroc: Of one question a patient.
        event_share: Of the same.
        auroc_drop: Patients needed to see the area fall by `DROP`, with the baseline's own error;
            None: no number is enough.
        calibration: By ratio, patients needed to see it, with the baseline's own error; a ratio
            for which no number is enough is left out.
    """

    auroc: float
    event_share: float
    auroc_drop: int | None
    calibration: Mapping[float, int]


def theory_of(population: Population, *, baseline: int, seed: int = 0) -> Theory:
    """The fixed-sample sizes for a two-sided error of 5 % and a power of 90 %.

    Args:
        population: Whose risks and labels they are.
        baseline: Patients of the baseline.
        seed: Which question of each patient is looked at.
    """
    label, risk = _one_each(population, seed)
    area, share = float(auroc(label, risk)), float(label.mean())
    before = (share * baseline, (1 - share) * baseline)
    try:
        drop = auroc_sample_size(area, DROP, event_share=share, baseline=before).subjects
    except Invalid:
        drop = None
    sizes: dict[float, int] = {}
    for ratio in OFF:
        with suppress(Invalid):
            sizes[ratio] = observed_expected_sample_size(
                ratio,
                mean_risk=share,
                risk_variance=float(min(risk.var(), 0.5 * share * (1 - share))),
                baseline=baseline,
            )
    return Theory(auroc=area, event_share=share, auroc_drop=drop, calibration=sizes)


def _one_each(population: Population, seed: int) -> tuple[Floats, Floats]:
    """A question of the first day of each patient."""
    random = np.random.default_rng(seed)
    here, risk = population.here(), population.inputs.risk
    rows, draw = population.rows_of(here)
    able = np.isfinite(risk[rows]) & (population.hours[rows] <= 24)
    order = np.argsort(random.random(len(rows)) + 2.0 * ~able)
    _, first = np.unique(draw[order], return_index=True)
    picked = order[first]
    picked = rows[picked[able[picked]]]
    return population.label[picked], risk[picked]


def watched_of(bench: Bench) -> Watched:
    """What the monitor knows of the version."""
    features = bench.patients.feature_set.features
    declaration = bench.patients.declaration
    return Watched(
        watch=declaration.monitoring.watch,
        signals={one.name: one.signal or None for one in features},
        titles={one.name: title(one) for one in features},
        categories={one.name: one.labels for one in features if one.labels},
        units={
            name: conversions(one.unit, signal=name, codes=one.codes)
            for name, one in bench.served.signals.items()
        },
        minimum=declaration.monitoring.minimum_subjects,
        seed=declaration.learner.seed,
    )


def injections_of(bench: Bench, population: Population, theory: Theory) -> list[Injection]:
    """Every injection that makes sense for this version, in the order of the table."""
    return [
        *_of_signals(bench, population),
        *_of_people(population),
        *_of_outcomes(population, theory),
    ]


def _of_signals(bench: Bench, population: Population) -> Iterator[Injection]:
    held, gains = _held(bench), _gains(bench, population)
    inputs = {
        name: one
        for name, one in bench.served.signals.items()
        if one.role == "input" and gains.get(name, 0.0) > 0 and held.get(name, 0.0) >= RARE
    }
    ranked = sorted(inputs, key=lambda name: (held[name] < COMMON, -gains[name], name))
    common = [name for name in ranked if held[name] >= COMMON]
    rare = [name for name in ranked if held[name] < COMMON]
    measured = {name: other_unit(one.codes, one.unit) for name, one in inputs.items()}
    converts = [name for name in common if measured[name]][:MOST]
    converts += [name for name in rare if measured[name]][:2]
    for place, name in enumerate(converts):
        for share in (1.0, 0.3) if place < 2 else (1.0,):
            yield _unit_change(bench, name, inputs[name], share, held[name])
    for place, name in enumerate([*common[:MOST], *rare[:2]]):
        for share in (1.0, 0.3) if place < 2 else (1.0,):
            yield _feed_lost(name, inputs[name], share, held[name])
    numbers = [name for name in common if "L" in (inputs[name].unit or "")]  # of a laboratory
    for name in numbers[:2]:
        for factor in (1.1, 1.25, 1.5):
            yield Injection(
                kind="assay_bias", size=factor, signal=name, words=f"{name} {factor - 1:+.0%}",
                events=EventChange(what="rescale", codes=inputs[name].codes, factor=factor),
            )  # fmt: skip
    for name in numbers[:2]:
        change = EventChange(what="rename", codes=inputs[name].codes, other=f"LOCAL//{name}")
        yield Injection(
            kind="coding_change", size=1.0, signal=name, words=f"{name} under another code",
            events=change,
        )  # fmt: skip
    yield from _recoded(bench, gains, held)


def _unit_change(bench: Bench, name: str, signal: Signal, share: float, held: float) -> Injection:
    found = other_unit(signal.codes, signal.unit)
    assert found is not None  # noqa: S101 - asked only where there is one
    unit, factor, offset = found
    change = EventChange(
        what="rescale", codes=signal.codes, factor=factor, offset=offset, share=share
    )
    aside = bench.aside_after(change)
    lost = f", {aside:.0%} set aside as implausible" if aside >= 0.005 else ""
    return Injection(
        kind="unit_change",
        size=share,
        signal=name,
        words=f"{name} in {unit}, {share:.0%} of patients{_rarely(held)}{lost}",
        aside=aside,
        events=change,
        full=share == 1.0 and held >= COMMON,
    )


def _feed_lost(name: str, signal: Signal, share: float, held: float) -> Injection:
    return Injection(
        kind="feed_lost",
        size=share,
        signal=name,
        words=f"{name}, {share:.0%} of patients{_rarely(held)}",
        events=EventChange(what="drop", codes=signal.codes, share=share),
        full=share == 1.0 and held >= COMMON,
    )


def _rarely(held: float) -> str:
    return "" if held >= COMMON else f" (only {held:.0%} have it)"


def _recoded(
    bench: Bench, gains: Mapping[str, float], held: Mapping[str, float]
) -> Iterator[Injection]:
    """Another coding system for all codes of a signal, or for the most frequent one alone."""
    named = [
        name
        for name, one in bench.served.signals.items()
        if one.is_categorical and one.role != "outcome" and gains.get(name, 0.0) > 0
    ]
    for name in sorted(named, key=lambda one: -gains[one])[:3]:
        signal = bench.served.signals[name]
        told = bench.events.filter(pl.col("code").cast(pl.String).is_in(list(signal.codes)))
        texts = told["text"].cast(pl.String).drop_nulls().value_counts(sort=True)["text"].to_list()
        if not texts or held.get(name, 0.0) < COMMON:
            continue
        for size, some in ((1.0, texts), (0.5, texts[:1])):
            words = "every code" if size == 1.0 else "the most frequent code"
            change = EventChange(
                what="recode", codes=signal.codes, texts={one: f"new {one}" for one in some}
            )
            yield Injection(
                kind="coding_change", size=size, signal=name, words=f"{name}, {words}",
                events=change,
            )  # fmt: skip


def _of_people(population: Population) -> Iterator[Injection]:
    if np.isfinite(population.age).any():
        for size in (0.3, 0.6, 1.0):
            yield Injection(
                kind="case_mix", size=size,
                words=f"odds of coming times {np.exp(size):.1f} for each SD of age",
            )  # fmt: skip
    if population.elsewhere.any():
        for size in (0.3, 0.6):
            yield Injection(
                kind="new_site", size=size, words=f"{size:.0%} of patients from the other place"
            )
    if population.wave.any() and not population.wave.all():
        for size in (1.0, 3.0):
            yield Injection(
                kind="season", size=size,
                words=f"{1 + size:.0f} times as many it brings, half as many more come, 28 days",
            )  # fmt: skip


def _of_outcomes(population: Population, theory: Theory) -> Iterator[Injection]:
    for days in (7, 21):
        yield Injection(kind="label_delay", size=float(days), words=f"{days} days later")
    yield Injection(
        kind="auroc_drop", size=share_for_drop(theory.auroc, DROP),
        words=f"{share_for_drop(theory.auroc, DROP):.0%} of results at another's name",
    )  # fmt: skip
    for ratio in OFF:
        yield Injection(kind="calibration", size=ratio, words=f"outcomes times {ratio:g}")
    for ratio in (0.5, 1.5, 2.0):
        yield Injection(kind="prevalence", size=ratio, words=f"outcomes times {ratio:g}")
    group = _middle_group(population)
    if group is not None:
        for size in (0.5, 1.0):
            yield Injection(
                kind="subgroup_only", size=size, group=group,
                words=f"{size:.0%} of inputs of {group[0]} {group[1]} dealt out among them",
            )  # fmt: skip
    if np.isfinite(population.threshold):
        for size in (0.3, 0.6):
            yield Injection(
                kind="treatment_effect", size=size,
                words=f"{size:.0%} of outcomes averted where it alerts",
            )  # fmt: skip


def _middle_group(population: Population) -> tuple[str, str] | None:
    """The level, of any dimension, that is nearest to 40 % of the patients."""
    found: list[tuple[float, tuple[str, str]]] = []
    for dimension, levels in sorted(population.groups.items()):
        names, counts = np.unique(levels, return_counts=True)
        for name, count in zip(names, counts, strict=True):
            found.append((abs(count / len(levels) - 0.4), (dimension, str(name))))
    return min(found)[1] if found else None


def _held(bench: Bench) -> dict[str, float]:
    """The share of patients who have each signal at all."""
    code = pl.col("code").cast(pl.String).alias("code")
    people = bench.patients.asked["subject_id"].n_unique()
    pairs = bench.events.select("subject_id", code).unique()
    told = {
        name: pairs.filter(pl.col("code").is_in(list(one.codes)))["subject_id"].n_unique()
        for name, one in bench.served.signals.items()
    }
    return {name: count / people for name, count in told.items()}


def _gains(bench: Bench, population: Population) -> dict[str, float]:
    """Mean absolute contribution of each signal, or how many features it has."""
    features, given = bench.patients.feature_set.features, population.inputs.contributions
    each = np.ones(len(features)) if given is None else np.nanmean(np.abs(given[:, :-1]), axis=0)
    gains: dict[str, float] = {}
    for one, gain in zip(features, each, strict=True):
        gains[one.signal] = gains.get(one.signal, 0.0) + float(gain)
    return gains
