"""The evidence of one model, by the packaged graph: threshold, figures, reference, example."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question.primary import primary_label
from bedside.core.errors import Refused
from bedside.core.ports import Predictor
from bedside.core.records.declaration import Declaration, Threshold
from bedside.develop.evaluate.alerting import choose_threshold
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.mitigation import Side
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.sureness import sureness_evidence
from bedside.features.definition import FeatureSet
from bedside.interop.predicted import label_words
from bedside.lifecycle.cohort import counts_of, groups_of, subject_indices
from bedside.lifecycle.explaining import Explanations
from bedside.lifecycle.fairness import (
    fairness_evidence,
    group_bars,
    row_thresholds,
    without_mitigation,
)
from bedside.lifecycle.held_out import held_out_baseline
from bedside.lifecycle.judging import judged_rows
from bedside.lifecycle.training_group import training_group
from bedside.lifecycle.watching import reference_of
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel
from bedside.models.uncertainty import uncertainty_from_json
from bedside.monitor.stream.baseline import baseline_to_json

__all__ = ["PARITY", "judge_model"]

Floats = npt.NDArray[np.float64]
PARITY = 1e-6  # the largest allowed difference between packaged and trained risks


def judge_model(
    declaration: Declaration,
    *,
    feature_set: FeatureSet,
    events: pl.DataFrame,
    asked: pl.DataFrame,
    matrix: Floats,
    baseline: ModelForm,
    form: ModelForm,
    predictor: Predictor,
    explained: Explanations,
    explain: Callable[[Floats], Floats],
    withheld: Callable[[pl.DataFrame, Floats], npt.NDArray[np.str_]],
    codes: Callable[[pl.DataFrame], npt.NDArray[np.str_]],
    plain: bytes = b"",
    uncertainty: bytes = b"{}",
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Evidence, monitoring reference and worked example of a fitted model.

    `plain` is what `unmitigated` made beside the form, `uncertainty` what stands in
    `uncertainty.json`, `explained` what `explain_model` gives. `explain` gives contributions, and
    `withheld` why rows would have got no score, and `codes` which codes they saw.

    Raises:
        Refused: the packaged graph differs from the trained model (code `parity`).
    """
    side = asked["side"].to_numpy()
    tuning, held = (asked.filter(pl.col("side") == one) for one in ("tuning", "held_out"))
    judged = matrix[side == "held_out"]
    rows = judged_rows(declaration, held, judged, form=form, predictor=predictor)
    _same_as_trained(predictor.outputs(judged), judged, form)
    threshold = _threshold(declaration, tuning, predictor.predict(matrix[side == "tuning"]))
    bars = group_bars(declaration, feature_set, asked, matrix, predictor, threshold)
    thresholds = None if threshold is None else row_thresholds(bars, threshold, judged)
    groups = groups_of(declaration, events, held)
    evidence = evaluate(
        HeldOut(
            rows=rows,
            groups=groups,
            baseline=judged_rows(
                declaration, held, judged, form=baseline, predictor=LearntModel(baseline)
            ),
            thresholds=thresholds if isinstance(thresholds, np.ndarray) else None,
        ),
        threshold=threshold,
        options=declaration.evaluation,
        seed=declaration.learner.seed,
    )
    if bars:
        evidence["threshold"]["groups"] = [asdict(one) for one in bars.values()]
    evidence["fairness"] = {}
    if thresholds is not None:
        evidence |= fairness_evidence(
            declaration,
            Side(rows=rows, threshold=thresholds),
            groups,
            bars=bars,
            before=lambda: without_mitigation(declaration, asked, matrix, form=form, plain=plain),
        )
    learnt = uncertainty_from_json(uncertainty)
    words = label_words(declaration)
    evidence["uncertainty"] = sureness_evidence(learnt, form, judged, rows, words)
    evidence["counts"] = counts_of(asked, declaration.question.outcome)
    evidence["importance"], evidence["explanations"] = explained
    evidence["case_mix"] = training_group(feature_set, asked, matrix, rows, evidence["importance"])
    watched = _Watched(feature_set=feature_set, judged=judged, rows=rows, groups=groups)
    reasons = withheld(held, judged)
    reference = watched.reference(declaration, threshold, thresholds, reasons, codes(held), explain)
    return evidence, reference, _example(judged, predictor)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """The held-out rows that a version is watched by."""

    feature_set: FeatureSet
    judged: Floats
    rows: Rows
    groups: Mapping[str, npt.NDArray[np.str_]]

    def reference(
        self,
        declaration: Declaration,
        threshold: float | None,
        thresholds: Floats | float | None,
        reasons: npt.NDArray[np.str_],
        codes: npt.NDArray[np.str_],
        explain: Callable[[Floats], Floats],
    ) -> dict[str, Any]:
        """The monitoring reference of these rows; `reasons`: why a row would have got no score."""
        streams = held_out_baseline(
            self.feature_set,
            self.judged,
            self.rows,
            self.groups,
            thresholds=thresholds,
            reasons=reasons,
            codes=codes,
            explain=explain,
            seed=declaration.learner.seed,
            minimum=declaration.monitoring.minimum_subjects,
            made_from="held-out patients of the build",
        )
        return reference_of(
            self.feature_set,
            self.judged,
            self.rows,
            self.groups,
            threshold=threshold,
            seed=declaration.learner.seed,
            streams=baseline_to_json(streams),
        )


def _same_as_trained(outputs: Floats, judged: Floats, form: ModelForm) -> None:
    """Compare every held-out row with the model as it was learnt."""
    worst = float(np.abs(LearntModel(form).outputs(judged) - outputs).max())
    if worst > PARITY:
        raise Refused(
            f"The packaged model differs from the trained one by up to {worst:.2g}.",
            fix="report this as a defect; the version is not safe to serve.",
            code="parity",
        )


def _threshold(declaration: Declaration, tuning: pl.DataFrame, risk: Floats) -> float | None:
    """As the evidence prints it, so that all agree on it; None where none is declared."""
    chosen = declaration.evaluation.threshold
    if chosen == Threshold():
        return None
    label = primary_label(tuning, declaration.question.outcome).to_numpy().astype(np.int64)
    return float(f"{choose_threshold(chosen, label, risk, subject_indices(tuning)):.10g}")


def _example(judged: Floats, predictor: Predictor) -> dict[str, Any]:
    """A made-up row, no patient's: the median of each feature, to three significant digits."""
    middle = np.full(judged.shape[1], np.nan)
    some = ~np.isnan(judged).all(axis=0)
    middle[some] = np.nanmedian(judged[:, some], axis=0)
    row = [None if np.isnan(v) else float(f"{v:.3g}") for v in middle]
    values = np.array([[np.nan if v is None else v for v in row]])
    return {"features": row, "risk": float(predictor.predict(values)[0])}
