"""From one patient's clean events to a score with its reasons, trusting nothing that it runs."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.core.ports import Explainer, Predictor
from bedside.core.records.answer import Abstention, Failure, Score
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.event import Event
from bedside.features.definition import feature_set_from_json
from bedside.features.single import features_of, features_of_several
from bedside.interop.predicted import output_names
from bedside.serve.certainty import Certainty
from bedside.serve.reasons import top_reasons
from bedside.serve.tracing import Trace

__all__ = ["Broken", "Scored", "Scorer", "ToScore"]

Floats = npt.NDArray[np.float64]

EXAMPLE_TOLERANCE = 1e-6
OUTPUT_TOLERANCE = 1e-6
_NO_OUTPUTS = np.zeros(0)
_FAILED = "The model could not be run. Treat this patient as not scored, and tell whoever runs it."
_NONSENSE = (
    "The model returned something that is no prediction of its kind. Treat this patient as not "
    "scored."
)


class Broken(Exception):
    """A step that should not fail did.

    Args:
        code: Of the failure.
        text: Of the failure.
        cause: The foreign error's class name, or what was nonsense; never its text, which may
            hold a value.
    """

    def __init__(self, code: str, text: str, cause: str) -> None:
        super().__init__(code)
        self.failure = Failure(code=code, text=text)
        self.cause = cause


class ToScore(NamedTuple):
    """One patient's clean events, up to when they count, and what is to be said beside a score."""

    events: Sequence[Event]
    as_of: datetime
    notes: tuple[str, ...] = ()
    reasons: bool = True
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, or an abstention for who is outside the domain, and the features behind it.

    `features` are by name (None: missing).
    """

    outcome: Score | Abstention
    features: dict[str, float | None]


class Scorer:
    """Runs one bundle's model.

    Args:
        bundle: Opened and verified.
        predictor: Runs the bundle's model.
        explainer: Says what moved a score.

    Raises:
        Refused: what the bundle says of its uncertainty does not fit it (`model_unreadable`).
    """

    def __init__(self, bundle: Bundle, predictor: Predictor, explainer: Explainer) -> None:
        self._bundle = bundle
        self._kind = bundle.declaration.question.outcome.kind
        self._names = output_names(bundle.declaration)
        self._features = feature_set_from_json(bundle.files[FEATURES])
        self._columns = self._features.names
        self._predictor = predictor
        self._explainer = explainer
        self._certainty = Certainty(bundle, self._features)

    def check_example(self) -> None:
        """Run the worked example that was packaged with the model.

        Raises:
            Refused: the risk differs by more than 1e-6, or nothing sensible comes
                (`example_differs`).
        """
        refusal = Refused(
            f"The model of bundle {self._bundle.digest[:12]} does not reproduce its own worked "
            "example.",
            fix="build and package the model again on this platform.",
            code="example_differs",
        )
        try:
            example = json.loads(self._bundle.files[EXAMPLE])
            values = [np.nan if value is None else float(value) for value in example["features"]]
            row = np.array(values, dtype=np.float64)
            (parts,) = self._parts([row])
            if isinstance(parts, Broken) or not np.isfinite(parts).all():
                raise refusal
            differs = abs(self._risk(row) - float(example["risk"])) > EXAMPLE_TOLERANCE
        except (Broken, KeyError, TypeError, ValueError):
            raise refusal from None
        if differs or len(values) != len(self._features.features):
            raise refusal

    def score(
        self,
        events: Sequence[Event],
        as_of: datetime,
        notes: Sequence[str],
        *,
        reasons: bool = True,
    ) -> Scored:
        """The score from clean events, as the hospital knew them at `as_of`.

        Who is unlike the patients that the model learnt from, where the declaration asks for that,
        gets an abstention before the model is run.

        Args:
            events: Of one patient.
            as_of: The time of the question.
            notes: Shown beside the score.
            reasons: Whether to say what moved it.

        Raises:
            Broken: the features, the model or the explanation failed or made no sense.
        """
        (scored,) = self.score_many([ToScore(events, as_of, tuple(notes), reasons)])
        if isinstance(scored, Broken):
            raise scored
        return scored

    def score_many(self, asked: Sequence[ToScore]) -> list[Scored | Broken]:
        """What `score` gives for each, or the error that it raises; to the last bit.

        What moved the scores is computed for all at once. The model itself is run for one patient
        at a time: ONNX Runtime adds trees up in another order for one row than for several, and a
        score must not hang on who else is asked about.
        """
        rows = self._rows(asked)
        run = [_caught(self._run, one, row) for one, row in zip(asked, rows, strict=True)]
        wanted = [one for one in run if isinstance(one, _Run) and one.wants_parts]
        begun = perf_counter_ns()
        parts = dict(zip(map(id, wanted), self._parts([one.row for one in wanted]), strict=True))
        told: list[Scored | Broken] = []
        for one in run:
            if not isinstance(one, _Run):
                told.append(one)
                continue
            told.append(_caught(self._told, one, parts.get(id(one))))
            if one.asked.trace is not None:
                one.asked.trace.step("reasons", begun)
        return told

    def _rows(self, asked: Sequence[ToScore]) -> "list[Floats | Broken]":
        """The features of each; made together, so that the model is then run in one go."""
        traces = [(one.trace, perf_counter_ns()) for one in asked if one.trace is not None]
        several = [(one.events, one.as_of) for one in asked]
        try:
            rows: list[Floats | Broken] = [*features_of_several(self._features, several)]
        except Exception:
            rows = [
                _caught(_guarded, "features_failed", features_of, self._features, *one)
                for one in several
            ]
        for trace, begun in traces:
            trace.step("features", begun)
        return rows

    def _run(self, asked: ToScore, row: "Floats | Broken") -> "_Run | Scored":
        """What the model predicts of the features; an abstention for who is outside."""
        if isinstance(row, Broken):
            raise row
        trace = asked.trace
        outside = _guarded("features_failed", self._certainty.unlike, row)
        if outside is not None:
            return Scored(outside, self._by_name(row, row.tolist()))
        wants_parts = asked.reasons or self._certainty.needs_margin
        begun = 0 if trace is None else perf_counter_ns()
        run = _Run(asked, row, self._risk(row), self._outputs(row), wants_parts)
        if trace is not None:
            trace.step("model", begun)
        return run

    def _told(self, run: "_Run", parts: "Floats | Broken | None") -> Scored:
        """The score of a run and what each feature gave, shape (k + 1,); None: nobody asked."""
        if isinstance(parts, Broken):
            raise parts
        asked, row, margin, reasons = run.asked, run.row, np.nan, ()
        if parts is not None:
            margin = float(parts.sum())
            if not math.isfinite(margin) and not np.isfinite(parts).all():
                raise Broken("model_returned_nonsense", _NONSENSE, "contributions")
            if asked.reasons:
                reasons = _guarded(
                    "features_failed",
                    top_reasons,
                    self._features,
                    row,
                    parts[:-1],
                    asked.events,
                    asked.as_of,
                )
        sure = _guarded("model_failed", self._certainty.of, row, margin, run.risk, run.outputs)
        values = row.tolist()
        threshold = self._bundle.threshold_for(values)
        score = Score(
            risk=run.risk,
            threshold=threshold,
            alert=threshold is not None and run.risk >= threshold,
            reasons=reasons,
            notes=tuple(asked.notes),
            outputs=tuple(zip(self._names, run.outputs.tolist(), strict=True)),
            low=sure.low,
            high=sure.high,
            likely=sure.likely,
        )
        return Scored(score, self._by_name(row, values))

    def _by_name(self, row: Floats, values: list[float]) -> dict[str, float | None]:
        if math.isfinite(sum(values)):
            return dict(zip(self._columns, values, strict=True))
        finite = [value if math.isfinite(value) else None for value in values]
        return dict(zip(self._columns, finite, strict=True))

    def _risk(self, row: Floats) -> float:
        risks = _floats(_guarded("model_failed", self._predictor.predict, row.reshape(1, -1)))
        risk = float(risks[0]) if risks.shape == (1,) else math.nan
        possible = math.isfinite(risk) if self._kind == "regression" else 0 <= risk <= 1
        if not possible:
            raise Broken("model_returned_nonsense", _NONSENSE, "risk")
        return risk

    def _outputs(self, row: Floats) -> Floats:
        """One prediction for each horizon or level; none of a model of one number."""
        if not self._names:
            return _NO_OUTPUTS
        outputs = _floats(_guarded("model_failed", self._predictor.outputs, row.reshape(1, -1)))
        possible = outputs.shape == (1, len(self._names)) and (outputs >= 0) & (outputs <= 1)
        if not np.all(possible):
            raise Broken("model_returned_nonsense", _NONSENSE, "outputs")
        told: Floats = outputs[0]
        falls = self._kind == "survival" and (np.diff(told) < -OUTPUT_TOLERANCE).any()
        levels = self._kind in ("multiclass", "ordinal")
        if falls or (levels and abs(told.sum() - 1) > OUTPUT_TOLERANCE):
            raise Broken("model_returned_nonsense", _NONSENSE, "outputs")
        return told

    def _parts(self, rows: list[Floats]) -> "list[Floats | Broken]":
        """What each feature gave, shape (k,), and the expected margin; or why it is not known.

        Where the explanation of several fails, each is explained alone.
        """
        if not rows:
            return []
        try:
            matrix = np.stack(rows) if len(rows) > 1 else rows[0].reshape(1, -1)
            parts = _floats(_guarded("model_failed", self._explainer.contributions, matrix))
        except Broken as broken:
            return [broken] if len(rows) == 1 else [self._parts([row])[0] for row in rows]
        if parts.shape != (len(rows), len(rows[0]) + 1):
            return [Broken("model_returned_nonsense", _NONSENSE, "contributions") for _ in rows]
        return list(parts)


class _Run(NamedTuple):
    """What a model predicted of one patient, and whether its parts are needed."""

    asked: ToScore
    row: Floats
    risk: float
    outputs: Floats
    wants_parts: bool


def _caught(step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step gives, or the `Broken` that it raises."""
    try:
        return step(*arguments)
    except Broken as broken:
        return broken


def _guarded(code: str, step: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return step(*arguments)
    except Exception as error:
        raise Broken(code, _FAILED, type(error).__name__) from None


def _floats(raw: Any) -> Floats:
    try:
        return np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise Broken("model_returned_nonsense", _NONSENSE, "type") from None
