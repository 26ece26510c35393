"""Many rows of features scored at once by one bundle: what `Scorer` says of each, in columns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.ports import Explainer, Predictor
from bedside.core.ports.work import Margins
from bedside.core.records.answer import AbstentionReason
from bedside.core.records.bundle import FEATURES, UNCERTAINTY, Bundle
from bedside.features.definition import feature_set_from_json
from bedside.interop.predicted import output_names
from bedside.models.domain import DomainCheck
from bedside.models.uncertainty import uncertainty_from_json
from bedside.serve.certainty import NEAR, Certainty

__all__ = ["BulkScorer", "Rows"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
OUTPUT_TOLERANCE = 1e-6
_NONSENSE, _FAILED = "model_returned_nonsense", "model_failed"


REASONS = (str(AbstentionReason.OUT_OF_DOMAIN), _FAILED, _NONSENSE)
"""Why a row is no score: an abstention's reason, then the codes of failures."""
_UNLIKE, _CRASHED, _WRONG = range(len(REASONS))


@dataclass(slots=True)
class Rows:
    """What became of n rows.

    `reason` is -1 for a score, else the place in `REASONS`; `signal`, the place in `signals`, is
    what an abstention is about, else -1. Of what is no score, `risk`, `outputs` (n, m), `low` and
    `high` are NaN and `alert` is False. `threshold` is NaN where nothing alerts. `likely` is None
    where no labels are told, else of each row the place in `sets`, -1 for none.
    """

    signals: tuple[str, ...]
    reason: Ints
    signal: Ints
    risk: Floats
    outputs: Floats
    threshold: Floats
    alert: Bools
    low: Floats
    high: Floats
    likely: Ints | None = None
    sets: tuple[tuple[str, ...], ...] = ()


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
        self._signals = tuple(one.signal or one.name for one in self._features.features)
        self._margin_of: Callable[[Any], Any] = self._added_up
        if isinstance(explainer, Margins):
            self._margin_of = explainer.margin

    def score(self, matrix: Floats) -> Rows:
        """Each row of features, shape (n, k), which nothing forbids to score."""
        rows = _nothing(len(matrix), len(self.names), self._signals)
        fit = self._inside(matrix, rows)
        if not len(fit):
            return rows
        inside = matrix if len(fit) == len(matrix) else matrix[fit]
        risk, outputs = self._predicted(fit, inside, rows)
        margin = self._margins(fit, inside, rows)
        scored = rows.reason[fit] < 0
        if not scored.all():
            fit, inside = fit[scored], inside[scored]
            risk, outputs, margin = risk[scored], outputs[scored], margin[scored]
        rows.risk[fit], rows.outputs[fit] = risk, outputs
        self._alert(fit, inside, rows)
        self._sure(fit, inside, margin, rows)
        return rows

    def _inside(self, matrix: Floats, rows: Rows) -> Ints:
        """The places of the rows that are like those that the model learnt from."""
        every = np.arange(len(matrix))
        if self._domain is None or not len(matrix):
            return every
        first, near = self._domain.first_unlike(matrix)
        for at in np.flatnonzero(near):
            found = self._domain.unlike(matrix[at])
            first[at] = found[0].column if found else -1
        outside = np.flatnonzero(first >= 0)
        rows.reason[outside], rows.signal[outside] = _UNLIKE, first[outside]
        return every[first < 0]

    def _predicted(self, fit: Ints, matrix: Floats, rows: Rows) -> tuple[Floats, Floats]:
        """Risks and outputs; a row that cannot be predicted, or not sensibly, fails by itself."""
        risk = self._run(self._predictor.predict, matrix, (len(matrix),))
        outputs = np.zeros((len(matrix), 0))
        if self.names:
            outputs = self._run(self._predictor.outputs, matrix, (len(matrix), len(self.names)))
        crashed = np.isneginf(risk) | np.isneginf(outputs).any(axis=1)
        wrong = ~crashed & ~(self._possible(risk) & self._possible_outputs(outputs))
        _fail(rows, fit[crashed], _CRASHED)
        _fail(rows, fit[wrong], _WRONG)
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

    def _margins(self, fit: Ints, matrix: Floats, rows: Rows) -> Floats:
        """Before calibration; NaN where nobody asks."""
        if not self._certainty.needs_margin:
            return np.full(len(matrix), np.nan)
        margin = self._run(self._margin_of, matrix, (len(matrix),))
        crashed = np.isneginf(margin)
        _fail(rows, fit[crashed], _CRASHED)
        _fail(rows, fit[~crashed & ~np.isfinite(margin)], _WRONG)
        return margin

    def _added_up(self, matrix: Floats) -> Floats:
        """The margin of each row, from its parts; NaN where they are not finite."""
        parts = np.asarray(self._explainer.contributions(matrix), dtype=np.float64)
        if parts.shape != (len(matrix), len(self._features.features) + 1):
            return np.full(len(matrix), np.nan)
        finite = np.isfinite(parts).all(axis=1)
        return np.where(finite, [float(row.sum()) for row in parts], np.nan)

    def _alert(self, fit: Ints, matrix: Floats, rows: Rows) -> None:
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

    def _sure(self, fit: Ints, matrix: Floats, margin: Floats, rows: Rows) -> None:
        if not self._certainty.tells or not len(fit):
            return
        many = self._certainty.of_many(matrix, margin, rows.risk[fit], rows.outputs[fit])
        rows.low[fit], rows.high[fit] = many.low, many.high
        sets = dict.fromkeys(many.sets)
        likely = np.full(len(rows.risk), -1, dtype=np.int64)
        if many.likely is not None:
            likely[fit] = many.likely
        for place in np.flatnonzero(many.near):
            at, row = fit[place], matrix[place : place + 1]
            rows.risk[at] = self._run(self._predictor.predict, row, (1,))[0]
            rows.alert[at] = rows.risk[at] >= rows.threshold[at]
            margin_alone = float(self._added_up(row)[0])
            one = self._certainty.of(row[0], margin_alone, float(rows.risk[at]), rows.outputs[at])
            rows.low[at] = np.nan if one.low is None else one.low
            rows.high[at] = np.nan if one.high is None else one.high
            if one.likely is not None:
                sets.setdefault(one.likely)
                likely[at] = list(sets).index(one.likely)
        if many.likely is not None:
            rows.likely, rows.sets = likely, tuple(sets)


def _nothing(count: int, outputs: int, signals: tuple[str, ...]) -> Rows:
    def empty() -> Floats:
        return np.full(count, np.nan)

    return Rows(
        signals=signals,
        reason=np.full(count, -1, dtype=np.int64),
        signal=np.full(count, -1, dtype=np.int64),
        risk=empty(),
        outputs=np.full((count, outputs), np.nan),
        threshold=empty(),
        alert=np.zeros(count, dtype=np.bool_),
        low=empty(),
        high=empty(),
    )


def _fail(rows: Rows, places: Ints, code: int) -> None:
    rows.reason[places[rows.reason[places] < 0]] = code
