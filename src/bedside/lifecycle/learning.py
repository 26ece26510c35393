"""What a build learns: rows made, patients counted, parameters tuned, fitted, curved, crossed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.learning_curve import SHARES
from bedside.lifecycle.asking import Asking
from bedside.lifecycle.augmentation import copies_of, number_of_copies
from bedside.lifecycle.crossing import cross_validated
from bedside.lifecycle.fairness import fit_depends_on
from bedside.lifecycle.fitting import fitted, patients_needed
from bedside.lifecycle.frames import array_bytes, array_of
from bedside.lifecycle.imported import Imported, imported_fit
from bedside.lifecycle.learning_curve import learning_curve
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.sides import Sides, sides_of
from bedside.lifecycle.step_outputs import StepOutputs
from bedside.lifecycle.steps import Done, StepRunner
from bedside.lifecycle.tuning import number_of_trials, tuned, with_tuned

__all__ = ["Learning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning(StepOutputs):
    """The steps of a build that learn.

    Args:
        asking: Whose question was asked.
        told: The declaration as JSON.
        done: The finished steps of the build by name, to which these add theirs: `augment`,
            `sample`, `tune`, `fit`, `curve` and `folds`, each where it is declared.
        imported: The model, where it was learnt elsewhere and none is learnt here.
    """

    asking: Asking
    told: dict[str, Any]
    done: dict[str, Done]
    imported: Imported | None = None

    def run(self) -> None:
        """Every declared step, in this order."""
        if self.imported is not None:
            self._take(self.imported)
            return
        self._augment()
        self._sample_size()
        self._tune()
        self._fit()
        self._learning_curve()
        self._cross_validate()

    @property
    def platform(self) -> Platform:
        """Whose engine and store are used."""
        return self.asking.platform

    @property
    def declaration(self) -> Declaration:
        """The model, as it is declared."""
        return self.asking.declaration

    @property
    def steps(self) -> StepRunner:
        """Where finished steps are kept."""
        return self.asking.steps

    def _augment(self) -> None:
        """Features of changed copies of the training subjects, where some are declared."""
        copies = number_of_copies(self.declaration)
        if not copies:
            return
        train = self._asked.filter(pl.col("side") == "train")

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            made = copies_of(
                self.platform, self.declaration, self._feature_set, self._snapshot, train, advance
            )
            return {f"copies-{number}": array_bytes(matrix) for number, matrix in enumerate(made)}

        self.done["augment"] = self.steps.run(
            "augment",
            {
                "events": self._output("prepare", "snapshot"),
                "asked": self._output("ask", "asked"),
                "features": self._output("vocabulary", "features"),
                "signals": self.told["signals"],
                "augmentation": [one for one in self.told["augmentation"] if not one["resample"]],
            },
            make,
            total=train["subject_id"].n_unique() * copies,
        )

    def _learning_inputs(self) -> dict[str, Any]:
        """What a fit depends on."""
        names = ("signals", "imputation", "augmentation", "learner", "uncertainty", "fairness")
        return {
            "matrix": self._output("features", "matrix"),
            "asked": self._output("ask", "asked"),
            "features": self._output("vocabulary", "features"),
            **{name: self.told[name] for name in names},
            **fit_depends_on(self.told, self._output("prepare", "snapshot")),
        }

    def _sides(self) -> Sides:
        """The rows that are learnt from, and the changed copies of the training subjects."""
        names = self.done["augment"].outputs if "augment" in self.done else ()
        return sides_of(
            self.declaration,
            self._snapshot,
            self._asked,
            self._matrix,
            self._feature_set.names,
            [array_of(self._read("augment", f"copies-{at}")) for at in range(len(names))],
        )

    def _with_copies(self) -> dict[str, Any]:
        made = self.done.get("augment")
        return {**self._learning_inputs(), "copies": None if made is None else dict(made.outputs)}

    def _sample_size(self) -> None:
        """Warn before anything is learnt from too few patients."""

        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            needed = patients_needed(self.declaration, self._feature_set, self._sides())
            return {"needed": canonical_json(needed)}

        self.done["sample"] = self.steps.run("sample size", self._learning_inputs(), make)
        told = json.loads(self._read("sample", "needed"))
        if not told.get("enough", False):
            self.platform.progress.note(told["text"])

    def _tune(self) -> None:
        """The learner's parameters, found on the training subjects alone, where that is asked."""
        trials = number_of_trials(self.declaration)
        if not trials:
            return

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            sides, features = self._sides(), self._feature_set
            told = tuned(
                self.platform,
                self.steps,
                self.declaration,
                features,
                sides.train,
                sides.copies,
                advance,
                self.platform.progress.note,
            )
            return {"tuning": canonical_json(told)}

        self.done["tune"] = self.steps.run("tune", self._with_copies(), make, total=trials)

    @property
    def _chosen(self) -> Declaration:
        """The declaration with the parameters that tuning chose."""
        if "tune" not in self.done:
            return self.declaration
        return with_tuned(self.declaration, json.loads(self._read("tune", "tuning")))

    def _fit(self) -> None:
        tuning = self._output("tune", "tuning") if "tune" in self.done else None
        self.done["fit"] = self.steps.run(
            "fit",
            {**self._with_copies(), "tuning": tuning},
            lambda _: fitted(self._chosen, self._feature_set, self._sides()),
        )

    def _take(self, imported: Imported) -> None:
        """The given model in place of one that is learnt; no number of patients is called for."""
        inputs = {**self._learning_inputs(), "imported": imported.facts}
        self.done["sample"] = self.steps.run(
            "sample size", inputs, lambda _: {"needed": canonical_json({})}
        )
        self.done["fit"] = self.steps.run(
            "fit",
            inputs,
            lambda _: imported_fit(self.declaration, self._feature_set, self._sides(), imported),
        )

    def _learning_curve(self) -> None:
        """The same learner on fewer training subjects, where that is asked."""
        if not self.declaration.evaluation.learning_curve:
            return

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            held = self._asked["side"] == "held_out"
            curve = learning_curve(
                self.platform,
                self._chosen,
                self._feature_set,
                self._sides(),
                self._read("fit", "learnt"),
                (self._asked.filter(held), self._matrix[held.to_numpy()]),
                advance,
            )
            return {"curve": canonical_json(curve)}

        options = {name: self.told["evaluation"][name] for name in ("bootstrap", "interval")}
        inputs = {**self._with_copies(), "fit": dict(self.done["fit"].outputs), **options}
        self.done["curve"] = self.steps.run("learning curve", inputs, make, total=len(SHARES))

    def _cross_validate(self) -> None:
        """Figures over all subjects by models that never saw them, where folds are declared."""
        folds = self.declaration.evaluation.folds
        if not folds:
            return

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            return {
                "figures": canonical_json(
                    cross_validated(
                        self.platform,
                        self.steps,
                        self.declaration,
                        self._feature_set,
                        self._snapshot,
                        self._asked,
                        self._matrix,
                        advance,
                    )
                )
            }

        inputs = {**self._learning_inputs(), "evaluation": self.told["evaluation"]}
        self.done["folds"] = self.steps.run("cross-validate", inputs, make, total=folds)
