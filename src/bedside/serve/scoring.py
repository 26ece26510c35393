"""From one patient's clean events to a score with its reasons, trusting nothing that it runs."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Refused
from bedside.core.ports import Explainer, Predictor
from bedside.core.records.answer import Abstention, Failure, Reason, Score
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.event import Event
from bedside.features.definition import feature_set_from_json
from bedside.features.single import features_of
from bedside.interop.predicted import output_names
from bedside.serve.certainty import Certainty
from bedside.serve.reasons import top_reasons

__all__ = ["Broken", "Scored", "Scorer"]

Floats = npt.NDArray[np.float64]

EXAMPLE_TOLERANCE = 1e-6
OUTPUT_TOLERANCE = 1e-6
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


@dataclass(frozen=True, slots=True)
class Scored:
    """A score, or an abstention for who is outside the domain, and the features behind it.

    `features` are by name (None: missing).
    """

    outcome: Score | Abstention
    features: dict[str, float | None]

    def as_json(self) -> dict[str, Any]:
        """What the ledger keeps sealed."""
        if isinstance(self.outcome, Abstention):
            return {"features": self.features, "text": self.outcome.text}
        score = self.outcome
        told: dict[str, Any] = {
            "features": self.features,
            "risk": score.risk,
            "reasons": [asdict(reason) for reason in score.reasons],
        }
        told |= {"outputs": dict(score.outputs)} if score.outputs else {}
        told |= {"low": score.low, "high": score.high} if score.low is not None else {}
        return told | ({"likely": list(score.likely)} if score.likely is not None else {})


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
            self._explained(row)
            differs = abs(self._risk(row) - float(example["risk"])) > EXAMPLE_TOLERANCE
        except (Broken, KeyError, TypeError, ValueError):
            raise refusal from None
        if differs or len(values) != len(self._features.features):
            raise refusal

    def score(self, events: Sequence[Event], as_of: datetime, notes: Sequence[str]) -> Scored:
        """The score from clean events, as the hospital knew them at `as_of`.

        Who is unlike the patients that the model learnt from, where the declaration asks for that,
        gets an abstention before the model is run.

        Raises:
            Broken: the features, the model or the explanation failed or made no sense.
        """
        row = _guarded("features_failed", lambda: features_of(self._features, events, as_of))
        outside = _guarded("features_failed", lambda: self._certainty.unlike(row))
        if outside is not None:
            return Scored(outside, self._by_name(row))
        risk, outputs = self._risk(row), self._outputs(row)
        moved, margin = self._explained(row)
        reasons: tuple[Reason, ...] = _guarded(
            "features_failed", lambda: top_reasons(self._features, row, moved, events, as_of)
        )
        sure = _guarded(
            "model_failed",
            lambda: self._certainty.of(row, margin=margin, risk=risk, outputs=outputs),
        )
        threshold = self._bundle.threshold_for(row.tolist())
        score = Score(
            risk=risk,
            threshold=threshold,
            alert=threshold is not None and risk >= threshold,
            reasons=reasons,
            notes=tuple(notes),
            outputs=tuple(zip(self._names, outputs.tolist(), strict=True)),
            low=sure.low,
            high=sure.high,
            likely=sure.likely,
        )
        return Scored(score, self._by_name(row))

    def _by_name(self, row: Floats) -> dict[str, float | None]:
        values = [float(value) if np.isfinite(value) else None for value in row]
        return dict(zip(self._features.names, values, strict=True))

    def _risk(self, row: Floats) -> float:
        matrix = row.reshape(1, -1)
        risks = _floats(_guarded("model_failed", lambda: self._predictor.predict(matrix)))
        if risks.shape != (1,) or not self._possible(risks):
            raise Broken("model_returned_nonsense", _NONSENSE, "risk")
        return float(risks[0])

    def _outputs(self, row: Floats) -> Floats:
        """One prediction for each horizon or level; none of a model of one number."""
        if not self._names:
            return np.zeros(0)
        matrix = row.reshape(1, -1)
        outputs = _floats(_guarded("model_failed", lambda: self._predictor.outputs(matrix)))
        if outputs.shape != (1, len(self._names)) or not self._possible(outputs):
            raise Broken("model_returned_nonsense", _NONSENSE, "outputs")
        told: Floats = outputs[0]
        falls = self._kind == "survival" and (np.diff(told) < -OUTPUT_TOLERANCE).any()
        levels = self._kind in ("multiclass", "ordinal")
        if falls or (levels and abs(told.sum() - 1) > OUTPUT_TOLERANCE):
            raise Broken("model_returned_nonsense", _NONSENSE, "outputs")
        return told

    def _possible(self, predicted: Floats) -> bool:
        if self._kind == "regression":
            return bool(np.isfinite(predicted).all())
        return bool(((predicted >= 0) & (predicted <= 1)).all())

    def _explained(self, row: Floats) -> tuple[Floats, float]:
        """What each feature gave, shape (k,), and the margin that all of it adds up to."""
        matrix = row.reshape(1, -1)
        parts = _floats(_guarded("model_failed", lambda: self._explainer.contributions(matrix)))
        if parts.shape != (1, len(row) + 1) or not np.isfinite(parts).all():
            raise Broken("model_returned_nonsense", _NONSENSE, "contributions")
        return parts[0, :-1], float(parts[0].sum())


def _guarded(code: str, step: Callable[[], Any]) -> Any:
    try:
        return step()
    except Exception as error:
        raise Broken(code, _FAILED, type(error).__name__) from None


def _floats(raw: Any) -> Floats:
    try:
        return np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise Broken("model_returned_nonsense", _NONSENSE, "type") from None
