"""Tuning in a build: trials through the engine, batches that a killed build finds again."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.declaration import Declaration, Learner
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.tuning.fitting import fold_loss, single_threaded, with_parameters
from bedside.develop.train.tuning.loss import LOSSES
from bedside.develop.train.tuning.search import Search, next_batch, searched, told_of
from bedside.develop.train.tuning.space import space_of
from bedside.develop.train.tuning.trial import Trial, best_of, value_of
from bedside.features.definition import FeatureSet, feature_set_from_json, feature_set_to_json
from bedside.interop.declaration import declaration_from_json
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.sides import Sides, sides_bytes
from bedside.lifecycle.steps import StepRunner

__all__ = ["TRIAL_WORK", "best_parameters", "number_of_trials", "trial_loss", "tuned", "with_tuned"]

TRIAL_WORK = "bedside.wiring.work:trial"
DEPENDS_ON = ("learner", "imputation", "augmentation", "signals", "question")
Floats = npt.NDArray[np.float64]


def number_of_trials(declaration: Declaration) -> int:
    """How many models' parameters are tried, over all members of an ensemble."""
    plan = declaration.learner.tuning
    return 0 if plan is None else plan.trials * max(len(declaration.learner.members), 1)


def tuned(
    platform: Platform,
    steps: StepRunner,
    declaration: Declaration,
    feature_set: FeatureSet,
    rows: Matrix,
    copies: Sequence[Floats],
    advance: Callable[[int], None],
    note: Callable[[str], None],
) -> dict[str, Any]:
    """What was tried and chosen, for the evidence; of an ensemble, for one member after another.

    Args:
        platform: Whose engine and store are used.
        steps: Where finished batches are kept.
        declaration: Its learner has a tuning.
        feature_set: k features.
        rows: The training rows, shape (n, k); the trials see no others.
        copies: Of the training rows, as in `Sides`.
        advance: Is told of the trials as they are done.
        note: Is told each of them in words.

    Raises:
        Invalid: there are too few subjects, or parameters that the learner refuses.
    """
    learner, plan = declaration.learner, declaration.learner.tuning
    assert plan is not None  # noqa: S101 - asked only where it is declared
    kept = platform.objects.put(sides_bytes(Sides(train=rows, copies=tuple(copies))))
    tuner = _Tuner(
        platform=platform,
        steps=replace(steps, progress=_Silence()),
        rows=kept,
        features=platform.objects.put(feature_set_to_json(feature_set)),
        advance=advance,
        note=note,
    )
    members = [_alone(learner, member) for member in learner.members] or [learner]
    told = [tuner.told(replace(declaration, learner=one)) for one in members]
    platform.objects.remove(kept)
    made: dict[str, Any] = {
        "loss": LOSSES[declaration.question.outcome.kind],
        "folds": plan.folds,
        "seed": plan.seed,
        **({"members": told} if learner.members else told[0]),
    }
    out: dict[str, Any] = rounded(made)
    return out


def with_tuned(declaration: Declaration, told: dict[str, Any]) -> Declaration:
    """The declaration with the parameters that `tuned` chose."""
    learner = declaration.learner
    chosen = [one["parameters"] for one in best_parameters(told)]
    if not learner.members:
        return replace(declaration, learner=with_parameters(learner, chosen[0]))
    members = tuple(map(with_parameters, learner.members, chosen))
    return replace(declaration, learner=replace(learner, members=members))


def best_parameters(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What was chosen, for each member of an ensemble, or for the one learner."""
    return [part["best"] for part in told.get("members", [told])]


def trial_loss(sides: Sides, features: bytes, told: dict[str, Any]) -> float:
    """The loss of one trial in one fold, where an engine has it done.

    Args:
        sides: The training rows.
        features: The feature set's JSON.
        told: The task.
    """
    return fold_loss(
        declaration_from_json(told["declaration"].encode()),
        feature_set_from_json(features),
        sides.train,
        sides.copies,
        folds=told["folds"],
        fold=told["fold"],
        seed=told["seed"],
    )


def _alone(ensemble: Learner, member: Learner) -> Learner:
    """A member as if it were the learner, with what holds of the whole ensemble."""
    return replace(
        member,
        monotone=ensemble.monotone,
        calibration=ensemble.calibration,
        tuning=ensemble.tuning,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tuner:
    """Tunes one learner after another on the same rows; `rows` and `features` are digests."""

    platform: Platform
    steps: StepRunner
    rows: str
    features: str
    advance: Callable[[int], None]
    note: Callable[[str], None]

    def told(self, declaration: Declaration) -> dict[str, Any]:
        plan, kind = declaration.learner.tuning, declaration.learner.kind
        assert plan is not None  # noqa: S101 - as above
        search = Search(
            space=space_of(plan, learner_of(kind)),
            plan=plan,
            judge=lambda trials, fold: self._losses(declaration, trials, fold),
        )
        if not search.space:
            self.advance(plan.trials)
            self.note(f"{kind} has nothing to tune: it stays as declared.")
            nothing = {"number": 0, "parameters": {}, "value": None}
            return {"kind": kind, "trials": [], "best": nothing, "declared": None, "space": {}}
        trials = searched(search, lambda history: self._batch(search, declaration, history))
        best = best_of(trials)
        self.note(f"{kind}: trial {best.number + 1} is the best, {_words(best)}.")
        return {"kind": kind, **told_of(search, trials)}

    def _batch(
        self, search: Search, declaration: Declaration, history: Sequence[Trial]
    ) -> list[Trial]:
        """The batch after these; a build that was killed before finds what it had finished."""
        every = msgspec.to_builtins(declaration)
        inputs = {
            "rows": self.rows,
            "features": self.features,
            "declaration": {name: every[name] for name in DEPENDS_ON},
            "history": digest_of([trial.as_json() for trial in history]),
        }

        before = ", done before"

        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            nonlocal before
            before = ""
            batch = next_batch(search, history)
            return {"trials": canonical_json([trial.as_json() for trial in batch])}

        done = self.steps.run("trials", inputs, make)
        batch = [Trial.from_json(one) for one in json.loads(self.steps.read(done, "trials"))]
        self.advance(len(batch))
        for trial in batch:
            self.note(
                f"  trial {trial.number + 1} of {search.plan.trials}: {_words(trial)}{before}"
            )
        return batch

    def _losses(self, declaration: Declaration, trials: Sequence[Trial], fold: int) -> list[float]:
        plan = declaration.learner.tuning
        assert plan is not None  # noqa: S101 - as above
        tasks = []
        for trial in trials:
            learner = with_parameters(declaration.learner, trial.parameters)
            tried = replace(declaration, learner=single_threaded(learner))
            task = {
                "workspace": str(self.platform.folder),
                "rows": self.rows,
                "features": self.features,
                "declaration": msgspec.json.encode(tried).decode(),  # keeps the order of its keys
                "folds": plan.folds,
                "fold": fold,
                "seed": plan.seed,
            }
            tasks.append(canonical_json(task))
        return [float(json.loads(one)) for one in self.platform.engine.map(TRIAL_WORK, tasks)]


def _words(trial: Trial) -> str:
    value = f"{value_of(trial.losses):.5g}"
    if trial.pruned:
        folds = f"{len(trial.losses)} fold{'' if len(trial.losses) == 1 else 's'}"
        return f"{value} after {folds}, given up"
    return f"{value}, as declared" if not trial.parameters else value


class _Silence:
    """Progress that tells nothing: the trials are told one by one instead."""

    @contextmanager
    def step(self, name: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
        yield lambda _: None

    def note(self, text: str) -> None:
        """Nothing is told."""

    def skipped(self, name: str) -> None:
        """Nothing is told."""
