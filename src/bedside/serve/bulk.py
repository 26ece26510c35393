"""Many rows of features scored at once by one bundle: what `Scorer` says of each, in columns."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.ports import Explainer, Predictor
from bedside.core.records.answer import AbstentionReason
from bedside.core.records.bundle import FEATURES, UNCERTAINTY, Bundle
from bedside.features.definition import feature_set_from_json
from bedside.interop.predicted import output_names
from bedside.models.domain import DomainCheck
from bedside.models.uncertainty import uncertainty_from_json
from bedside.serve.certainty import Certainty

__all__ = ["BulkScorer", "Rows"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NEAR = 1e-9
"""A row so near to a limit is judged alone: together with others, sums are added up in another
order and may differ in their last digits."""
OUTPUT_TOLERANCE = 1e-6
_NONSENSE, _FAILED = "model_returned_nonsense", "model_failed"


@dataclass(slots=True)
class Rows:
    """What became of n rows.

    `reason` is None for a score, else the abstention's reason or the failure's code, and `failed`
    says which of the two; `signal` is what an abstention is about. Of what is no score, `risk`,
    `outputs` (n, m), `low` and `high` are NaN, `alert` is False and `likely` None.
    `threshold` is NaN where nothing alerts.
    """

    reason: list[str | None]
    signal: list[str | None]
    failed: Bools
    risk: Floats
    outputs: Floats
    threshold: Floats
    alert: Bools
    low: Floats
    high: Floats
    likely: list[tuple[str, ...] | None]


class BulkScorer:
    """Runs one bundle's model on many rows.

    What it says of a row is what `Scorer` says of it alone, but for the last digits of numbers,
    since ONNX Runtime adds trees up in another order for several rows; whether a row alerts or is
    inside the domain never differs.

    Args:
        bundle: Opened and verified.
        predictor: Runs the bundle's model.
        explainer: Tells the margin, where the bundle's certainty is computed from it.
    """

    def __init__(self, bundle: Bundle, predictor: Predictor, explainer: Explainer) -> None:
        self._bundle, self._predictor, self._explainer = bundle, predictor, explainer
        self._features = feature_set_from_json(bundle.files[FEATURES])
        self._certainty = Certainty(bundle, self._features)
        learnt = uncertainty_from_json(bundle.files.get(UNCERTAINTY, b"{}"))
        self._domain = None if learnt.domain is None else DomainCheck(learnt.domain)
        self._kind = bundle.declaration.question.outcome.kind
        self.names = output_names(bundle.declaration)

    def score(self, matrix: Floats) -> Rows:
        """Each row of features, shape (n, k), which nothing forbids to score."""
        rows = _nothing(len(matrix), len(self.names))
        fit = self._inside(matrix, rows)
        if not len(fit):
            return rows
        inside = matrix if len(fit) == len(matrix) else matrix[fit]
        risk, outputs = self._predicted(fit, inside, rows)
        margin = self._margins(fit, inside, rows)
        scored = np.array([rows.reason[at] is None for at in fit])
        if not scored.all():
            fit, inside = fit[scored], inside[scored]
            risk, outputs, margin = risk[scored], outputs[scored], margin[scored]
        rows.risk[fit], rows.outputs[fit] = risk, outputs
        self._alert(fit, inside, rows)
        self._sure(fit, inside, margin, rows)
        return rows

    def _inside(self, matrix: Floats, rows: Rows) -> npt.NDArray[np.int64]:
        """The places of the rows that are like those that the model learnt from."""
        every = np.arange(len(matrix))
        if self._domain is None or not len(matrix):
            return every
        distances = self._domain.distances(matrix)
        near = (np.abs(distances - 1) <= NEAR).any(axis=1)
        inside = self._domain.inside(matrix)
        for at in np.flatnonzero(~inside | near):
            unlike = self._certainty.unlike(matrix[at])
            inside[at] = unlike is None
            if unlike is not None:
                rows.reason[at], rows.signal[at] = (
                    str(AbstentionReason.OUT_OF_DOMAIN),
                    unlike.signal,
                )
        return every[inside]

    def _predicted(
        self, fit: npt.NDArray[np.int64], matrix: Floats, rows: Rows
    ) -> tuple[Floats, Floats]:
        """Risks and outputs; a row that cannot be predicted, or not sensibly, fails by itself."""
        risk = self._run(self._predictor.predict, matrix, (len(matrix),))
        outputs = np.zeros((len(matrix), 0))
        if self.names:
            outputs = self._run(self._predictor.outputs, matrix, (len(matrix), len(self.names)))
        crashed = np.isneginf(risk) | np.isneginf(outputs).any(axis=1)
        wrong = ~crashed & ~(self._possible(risk) & self._possible_outputs(outputs))
        _fail(rows, fit[crashed], _FAILED)
        _fail(rows, fit[wrong], _NONSENSE)
        return risk, outputs

    def _run(self, step: Any, matrix: Floats, shape: tuple[int, ...]) -> Floats:
        """What the model says; -inf in the rows on which it fails, NaN where it is no number."""
        try:
            made = np.array(step(matrix), dtype=np.float64)
            if made.shape == shape:
                made[np.isneginf(made)] = np.nan
                return made
        except Exception:
            made = np.empty(0)
        if len(matrix) == 1:
            return np.full(shape, np.nan if made.size else -np.inf)
        alone = (1, *shape[1:])
        return np.concatenate([self._run(step, row.reshape(1, -1), alone) for row in matrix])

    def _possible(self, risk: Floats) -> Bools:
        if self._kind == "regression":
            return np.asarray(np.isfinite(risk))
        return np.asarray((risk >= 0) & (risk <= 1))

    def _possible_outputs(self, outputs: Floats) -> Bools:
        possible = np.all((outputs >= 0) & (outputs <= 1), axis=1)
        if self._kind == "survival":
            possible &= ~(np.diff(outputs, axis=1) < -OUTPUT_TOLERANCE).any(axis=1)
        if self._kind in ("multiclass", "ordinal"):
            possible &= np.abs(outputs.sum(axis=1) - 1) <= OUTPUT_TOLERANCE
        return np.asarray(possible)

    def _margins(self, fit: npt.NDArray[np.int64], matrix: Floats, rows: Rows) -> Floats:
        """Before calibration; NaN where nobody asks."""
        if not self._certainty.needs_margin:
            return np.full(len(matrix), np.nan)
        shape = (len(matrix), len(self._features.features) + 1)
        parts = self._run(self._explainer.contributions, matrix, shape)
        crashed = np.isneginf(parts).any(axis=1)
        _fail(rows, fit[crashed], _FAILED)
        _fail(rows, fit[~crashed & ~np.isfinite(parts).all(axis=1)], _NONSENSE)
        return np.array([float(row.sum()) for row in parts])

    def _alert(self, fit: npt.NDArray[np.int64], matrix: Floats, rows: Rows) -> None:
        threshold = self._bundle.threshold
        if threshold is None and not self._bundle.group_thresholds:
            return
        told = np.full(len(matrix), np.nan if threshold is None else threshold)
        for group in reversed(self._bundle.group_thresholds):  # the first that fits decides
            told[matrix[:, group.column] == group.value] = group.threshold
        risk = rows.risk[fit]
        for at in np.flatnonzero(np.abs(risk - told) <= NEAR * np.maximum(1, np.abs(told))):
            risk[at] = float(self._run(self._predictor.predict, matrix[at : at + 1], (1,))[0])
        rows.risk[fit], rows.threshold[fit], rows.alert[fit] = risk, told, risk >= told

    def _sure(self, fit: npt.NDArray[np.int64], matrix: Floats, margin: Floats, rows: Rows) -> None:
        if not self._certainty.tells:
            return
        for at, row, one in zip(fit, matrix, margin, strict=True):
            sure = self._certainty.of(row, float(one), float(rows.risk[at]), rows.outputs[at])
            rows.low[at] = np.nan if sure.low is None else sure.low
            rows.high[at] = np.nan if sure.high is None else sure.high
            rows.likely[at] = sure.likely


def _nothing(count: int, outputs: int) -> Rows:
    def empty() -> Floats:
        return np.full(count, np.nan)

    return Rows(
        reason=[None] * count,
        signal=[None] * count,
        failed=np.zeros(count, dtype=np.bool_),
        risk=empty(),
        outputs=np.full((count, outputs), np.nan),
        threshold=empty(),
        alert=np.zeros(count, dtype=np.bool_),
        low=empty(),
        high=empty(),
        likely=[None] * count,
    )


def _fail(rows: Rows, places: npt.NDArray[np.int64], code: str) -> None:
    for at in places.tolist():
        if rows.reason[at] is None:
            rows.reason[at], rows.failed[at] = code, True
