"""The shift laboratory: known shifts over held-out patients, and what the monitor makes of them."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.patients import entry_of, facts_of, own_patients, same_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.shift_patients import Bench, bench_of
from bedside.lifecycle.shift_plan import (
    OF_LABELS,
    Theory,
    injections_of,
    theory_of,
    watched_of,
)
from bedside.monitor.shifts.hospital import Plan
from bedside.monitor.shifts.injection import KINDS, Injection
from bedside.monitor.shifts.population import Inputs, Population
from bedside.monitor.shifts.rates import false_alarms, found_rows
from bedside.monitor.shifts.trial import Trial, Watched

__all__ = ["LAB_WORK", "LabOptions", "Laboratory", "lab_patients", "run_trial", "shift_laboratory"]

LAB_WORK = "bedside.wiring.shift_work:trial"
QUIET_BEFORE = 14
"""Days of a hospital in which only outcomes shift, before they do."""
LABEL_DAYS = 30
"""In so many days about twice the patients come that theory asks for."""
AGES = 2.2
"""A hospital that waits for outcomes is watched for so many times the sample size of theory."""
MOST_LABELLED = 60_000
"""Where theory asks for more, a hospital is watched as if it asked for so many: what is not found
by then counts as not found."""
LABEL_FEATURES = 12
"""So many inputs are kept where only outcomes shift; the bars of performance stay the same."""
FIRST_HOURS = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LabOptions:
    """How much is simulated.

    Args:
        quarters: Undisturbed quarters.
        trials: Hospitals in which each shift happens.
        days: Of a quarter.
        per_day: New patients a day.
        baseline: Patients of the baseline; None: as many as are held out, at most 4,000.
        label_baseline: Patients of the baseline where shifts are seen in outcomes alone.
        volumes: Other numbers of new patients a day, at which units and feeds are looked at too.
        onsets: Days on which shifts begin, one after another.
        horizon: Days for which a shift is looked for.
        patients: At most so many held-out patients are drawn from.
        seed: Everything follows from it.
        kinds: Only these kinds; none: all.
    """

    quarters: int = 200
    trials: int = 20
    days: int = 90
    per_day: float = 16.0
    baseline: int | None = None
    label_baseline: int = 20_000
    volumes: tuple[float, ...] = (48.0,)
    onsets: tuple[int, ...] = (15, 30, 45)
    horizon: int = 36
    patients: int = 4000
    seed: int = 1
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise Invalid(f"There is no shift '{unknown[0]}'.", fix=f"use: {', '.join(KINDS)}.")
        if self.trials < 1 or self.quarters < self.trials:
            raise Invalid(
                "There are fewer quarters than trials, or no trial.",
                fix="give at least 1 trial, and at least as many quarters.",
            )
        if max(self.onsets) + self.horizon > self.days:
            raise Invalid("A shift would outlast its quarter.", fix="give more days.")

    @classmethod
    def quick(cls, seed: int = 1) -> "LabOptions":
        """A look in less than a minute: too few runs to conclude from."""
        return cls(quarters=4, trials=2, days=50, onsets=(15,), horizon=14, patients=800,
                   label_baseline=2000, volumes=(), seed=seed)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """What came of it."""

    version: ModelVersion
    told: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Where everything lies that the workers read, by digest."""

    population: str
    watched: str
    inputs: Mapping[str, str]


def shift_laboratory(platform: Platform, version_id: str, options: LabOptions) -> Laboratory:
    """Inject every shift into simulated quarters of the version's held-out patients.

    Raises:
        NotFound: there is no such version, or its snapshot is not here.
        Refused: the bundle is not intact, or it is not permitted.
        Invalid: the outcome is not a yes or a no.
    """
    version = platform.registry.get(version_id)
    bench, population, wanted, theory = lab_patients(platform, version_id, options)
    kept = _kept(platform, bench, population, wanted, options)
    try:
        results = _simulated(platform, kept, population, wanted, theory, options)
    finally:
        for digest in {kept.population, kept.watched, *kept.inputs.values()}:
            platform.objects.remove(digest)
    return Laboratory(
        version=version, told=_told(version, population, wanted, theory, options, results)
    )


def lab_patients(
    platform: Platform, version_id: str, options: LabOptions
) -> tuple[Bench, Population, list[Injection], Theory]:
    """The held-out patients, as a bench and as a population; the shifts, and what theory says.

    Raises:
        NotFound, Refused, Invalid: as `shift_laboratory`.
    """
    with platform.lock():
        bench = _bench(platform, platform.registry.get(version_id), options)
    with platform.progress.step("patients as they are"):
        population = bench.population()
    theory = theory_of(population, baseline=options.label_baseline, seed=options.seed)
    wanted = [
        one
        for one in injections_of(bench, population, theory)
        if not options.kinds or one.kind in options.kinds
    ]
    return bench, population, wanted, theory


def _bench(platform: Platform, version: ModelVersion, options: LabOptions) -> Bench:
    bundle = open_bundle(platform, version)
    kind = bundle.declaration.question.outcome.kind
    if kind != "binary":
        raise Invalid(
            f"The outcome of '{version.name}' is {kind}.",
            fix="use the laboratory for a model of a yes or a no.",
            code="not_binary",
        )
    entry = entry_of(platform, facts_of(platform, version)["snapshot"])
    intake = same_data(platform, entry)(bundle.declaration)
    patients = own_patients(platform, bundle, intake, platform.folder / "steps")
    return bench_of(platform, patients.side("held_out"), most=options.patients)


def _kept(
    platform: Platform,
    bench: Bench,
    population: Population,
    wanted: Sequence[Injection],
    options: LabOptions,
) -> _Kept:
    """Everything computed once, in the sealed store."""
    put = platform.objects.put
    on_events = [one for one in wanted if one.events is not None]
    inputs = {}
    with platform.progress.step("patients once shifted", total=len(on_events)) as advance:
        for one in on_events:
            inputs[one.id] = put(bench.inputs(one.events, seed=options.seed).to_bytes())
            advance(1)
    return _Kept(
        population=put(population.to_bytes()),
        watched=put(msgspec.json.encode(watched_of(bench))),
        inputs=inputs,
    )


def _simulated(
    platform: Platform,
    kept: _Kept,
    population: Population,
    wanted: Sequence[Injection],
    theory: Theory,
    options: LabOptions,
) -> list[dict[str, Any]]:
    tasks = list(_tasks(platform, kept, population, wanted, theory, options))
    results = []
    with platform.progress.step("quarters", total=len(tasks)) as advance:
        encoded = [canonical_json(task) for task in tasks]
        for done in platform.engine.map(LAB_WORK, encoded):
            results.append(json.loads(done))
            advance(1)
    return results


def _tasks(
    platform: Platform,
    kept: _Kept,
    population: Population,
    wanted: Sequence[Injection],
    theory: Theory,
    options: LabOptions,
) -> Iterator[dict[str, Any]]:
    """A quarter each; the shifts, dealt out over several, so that no task is long."""
    where = {
        "workspace": str(platform.folder),
        "population": kept.population,
        "watched": kept.watched,
        "inputs": dict(kept.inputs),
    }
    live = [one for one in wanted if one.kind not in OF_LABELS]
    baseline = options.baseline or min(population.subjects, options.patients)
    for number in range(options.quarters):
        plan = Plan(
            seed=options.seed * 100_003 + number,
            days=options.days,
            per_day=options.per_day,
            baseline=baseline,
        )
        onset = options.onsets[number % len(options.onsets)]
        yield {
            **where, "plan": asdict(plan), "drawn_only": False, "onset": onset,
            "horizon": options.horizon, "quiet": True,
            "injections": [one.as_json() for one in live] if number < options.trials else [],
        }  # fmt: skip
    yield from _volume_tasks(where, [one for one in live if one.full], baseline, options)
    longest = int(population.wait.max()) + 2
    yield from _label_tasks(where, wanted, theory, options, longest)


def _volume_tasks(
    where: dict[str, Any], live: Sequence[Injection], baseline: int, options: LabOptions
) -> Iterator[dict[str, Any]]:
    """Units and feeds once more where more patients come."""
    some = [one for one in live if one.kind in ("unit_change", "feed_lost")]
    for per_day in options.volumes:
        for number in range(options.trials if some else 0):
            plan = Plan(
                seed=options.seed * 100_003 + 20_000 + number,
                days=options.onsets[0] + options.horizon + 10,
                per_day=per_day,
                baseline=baseline,
            )
            yield {
                **where, "plan": asdict(plan), "drawn_only": False, "onset": options.onsets[0],
                "horizon": options.horizon, "quiet": False,
                "injections": [one.as_json() for one in some],
            }  # fmt: skip


def _label_tasks(
    where: dict[str, Any],
    wanted: Sequence[Injection],
    theory: Theory,
    options: LabOptions,
    longest: int,
) -> Iterator[dict[str, Any]]:
    some = [one for one in wanted if one.kind in OF_LABELS]
    size = min(max([*theory.calibration.values(), theory.auroc_drop or 0, 1]), MOST_LABELLED)
    per_day = max(options.per_day, 2 * size / LABEL_DAYS)
    horizon = int(AGES * size / per_day) + longest
    for number in range(options.trials if some else 0):
        plan = Plan(
            seed=options.seed * 100_003 + 50_000 + number,
            days=QUIET_BEFORE + horizon + 10,
            per_day=per_day,
            baseline=options.label_baseline,
        )
        yield {
            **where, "plan": asdict(plan), "drawn_only": True, "onset": QUIET_BEFORE,
            "horizon": horizon, "quiet": False,
            "injections": [one.as_json() for one in some],
        }  # fmt: skip


def theory_size(one: Injection, theory: Theory) -> int | None:
    """Patients that theory asks for to see this shift; None: it is not said."""
    if one.kind == "auroc_drop":
        return theory.auroc_drop
    return theory.calibration.get(one.size) if one.kind == "calibration" else None


def run_trial(task: Mapping[str, Any], read: Callable[[str], bytes]) -> dict[str, Any]:
    """One task, where an engine has it done.

    Args:
        task: As `_tasks` made it.
        read: An object of the sealed store.
    """
    plan, population = Plan(**task["plan"]), _population(read, task["population"])
    if task["drawn_only"]:
        population = population.one_question(plan.random(0), hours=FIRST_HOURS, most=LABEL_FEATURES)
    trial = Trial(
        population=population,
        watched=_watched(read, task["watched"]),
        plan=plan,
        drawn_only=task["drawn_only"],
    )
    runs = []
    for told in task["injections"]:
        one = Injection.from_json(told)
        digest = task["inputs"].get(one.id)
        inputs = None if digest is None else _inputs(read, digest)
        runs.append(trial.disturbed(one, task["onset"], inputs, days=task["horizon"]))
    per_day = task["plan"]["per_day"]
    return {
        "quiet": task["quiet"],
        "alarms": trial.alarms,
        "runs": [{**run, "per_day": per_day} for run in runs],
    }


@lru_cache(maxsize=1)
def _population(read: Callable[[str], bytes], digest: str) -> Population:
    return Population.from_bytes(read(digest))


@lru_cache(maxsize=1)
def _watched(read: Callable[[str], bytes], digest: str) -> Watched:
    return msgspec.json.decode(read(digest), type=Watched)


@lru_cache(maxsize=64)
def _inputs(read: Callable[[str], bytes], digest: str) -> Inputs:
    return Inputs.from_bytes(read(digest))


def _told(
    version: ModelVersion,
    population: Population,
    wanted: Sequence[Injection],
    theory: Theory,
    options: LabOptions,
    results: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    facts = {
        one.id: {
            "kind": one.kind,
            "title": KINDS[one.kind][0],
            "words": one.words,
            "signal": one.signal,
            "full": one.full,
            "aside": one.aside,
            "theory": theory_size(one, theory),
        }
        for one in wanted
    }
    runs = [run for one in results for run in one["runs"]]
    usual = [run for run in runs if run["per_day"] not in options.volumes]
    live = {name: told for name, told in facts.items() if told["full"]}
    more = {
        f"{per_day:g}": found_rows([run for run in runs if run["per_day"] == per_day], live)
        for per_day in options.volumes
    }
    return {
        "version": version.id,
        "options": asdict(options),
        "patients": population.subjects,
        "elsewhere": int(population.elsewhere.sum()),
        "auroc": theory.auroc,
        "event_share": theory.event_share,
        "undisturbed": false_alarms([one["alarms"] for one in results if one["quiet"]]),
        "shifts": found_rows(usual, facts),
        "volumes": more,
        "runs": runs,
    }
