"""Where tuning looks, and which parameters it tries next."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bedside.core.records.declaration import Bounds, Tuning
from bedside.develop.train.tuning.trial import Parameters, Trial, value_of

__all__ = ["Tunable", "first_random", "proposed", "space_of"]

DIGITS = 6  # of a proposed number: what the evidence prints is what was tried


class Tunable(Protocol):
    """What tuning asks of a learner."""

    @property
    def parameters(self) -> Mapping[str, Bounds | None]:
        """The parameters that it takes, each with where tuning looks for it."""
        ...


def space_of(plan: Tuning, learner: Tunable) -> dict[str, Bounds]:
    """Where to look for each parameter: as declared, or the learner's own bounds.

    Of a declared space, only what this learner takes, so that the members of an ensemble share
    one. In the order of the names, on which the draws depend.
    """
    if plan.space:
        told = {name: bounds for name, bounds in plan.space.items() if name in learner.parameters}
    else:
        told = {name: bounds for name, bounds in learner.parameters.items() if bounds is not None}
    return dict(sorted(told.items()))


def first_random(trials: int) -> int:
    """How many trials are drawn at random before the model of past trials is asked.

    >>> [first_random(trials) for trials in (2, 12, 30, 500)]
    [4, 4, 10, 10]
    """
    return min(max(trials // 3, 4), 10)


def proposed(
    space: Mapping[str, Bounds], history: Sequence[Trial], plan: Tuning, count: int
) -> list[Parameters]:
    """What to try next; the same history gives the same, whoever asks and on which machine.

    A tree-structured Parzen estimator, over all parameters at once. Parameters that are asked for
    together keep apart from one another, as if each of them were the worst.

    Args:
        space: Where to look.
        history: Every trial up to now; one without a value for each parameter is not looked at.
        plan: Its seed and trials.
        count: How many.

    Source: Bergstra et al., NeurIPS 2011; Watanabe, arXiv:2304.11127.
    """
    import optuna  # noqa: PLC0415  (slow to import)

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = np.random.SeedSequence([plan.seed, len(history)]).generate_state(1)[0]
    sampler = optuna.samplers.TPESampler(
        seed=int(seed),
        n_startup_trials=first_random(plan.trials),
        multivariate=True,
        constant_liar=True,
    )
    study = optuna.create_study(sampler=sampler, direction="minimize")
    told = {name: _distribution(bounds) for name, bounds in space.items()}
    for trial in history:
        if set(trial.parameters) == set(space):
            study.add_trial(_frozen(trial, told))
    asked = [study.ask(told) for _ in range(count)]
    return [{name: _short(trial.params[name], space[name]) for name in space} for trial in asked]


def _distribution(bounds: Bounds) -> Any:
    from optuna import distributions  # noqa: PLC0415

    if bounds.choices:
        return distributions.CategoricalDistribution(bounds.choices)
    assert bounds.low is not None  # noqa: S101 - the reader refuses bounds without ends
    assert bounds.high is not None  # noqa: S101
    if bounds.whole:
        return distributions.IntDistribution(int(bounds.low), int(bounds.high), log=bounds.log)
    return distributions.FloatDistribution(bounds.low, bounds.high, log=bounds.log)


def _frozen(trial: Trial, told: Mapping[str, Any]) -> Any:
    """A trial as Optuna keeps it: a pruned one is known by how far it came."""
    from optuna.trial import TrialState, create_trial  # noqa: PLC0415

    steps = {at: value_of(trial.losses[: at + 1]) for at in range(len(trial.losses))}
    return create_trial(
        state=TrialState.PRUNED if trial.pruned else TrialState.COMPLETE,
        value=steps[max(steps)],
        params=dict(trial.parameters),
        distributions=dict(told),
        intermediate_values=steps,
    )


def _short(value: float | int | bool | str, bounds: Bounds) -> float | int | bool | str:
    """A broken number to a few digits, still within its bounds."""
    if bounds.choices or not isinstance(value, float):
        return value
    assert bounds.low is not None  # noqa: S101 - as above
    assert bounds.high is not None  # noqa: S101
    return min(max(float(f"{value:.{DIGITS}g}"), bounds.low), bounds.high)
