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
from bedside.core.records.answer import Failure, Reason, Score
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.event import Event
from bedside.features.definition import feature_set_from_json
from bedside.features.single import features_of
from bedside.serve.reasons import top_reasons

__all__ = ["Broken", "Scored", "Scorer"]

Floats = npt.NDArray[np.float64]

EXAMPLE_TOLERANCE = 1e-6
_FAILED = "The model could not be run. Treat this patient as not scored, and tell whoever runs it."
_NONSENSE = "The model returned something that is not a risk. Treat this patient as not scored."


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
    """A score, and the features behind it by name (None: missing)."""

    score: Score
    features: dict[str, float | None]

    def as_json(self) -> dict[str, Any]:
        """What the ledger keeps sealed."""
        return {
            "features": self.features,
            "risk": self.score.risk,
            "reasons": [asdict(reason) for reason in self.score.reasons],
        }


class Scorer:
    """Runs one bundle's model.

    Args:
        bundle: Opened and verified.
        predictor: Runs the bundle's model.
        explainer: Says what moved a score.
    """

    def __init__(self, bundle: Bundle, predictor: Predictor, explainer: Explainer) -> None:
        self._bundle = bundle
        self._features = feature_set_from_json(bundle.files[FEATURES])
        self._predictor = predictor
        self._explainer = explainer

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
            self._contributions(row)
            differs = abs(self._risk(row) - float(example["risk"])) > EXAMPLE_TOLERANCE
        except (Broken, KeyError, TypeError, ValueError):
            raise refusal from None
        if differs or len(values) != len(self._features.features):
            raise refusal

    def score(self, events: Sequence[Event], as_of: datetime, notes: Sequence[str]) -> Scored:
        """The score from clean events, as the hospital knew them at `as_of`.

        Raises:
            Broken: the features, the model or the explanation failed or made no sense.
        """
        row = _guarded("features_failed", lambda: features_of(self._features, events, as_of))
        risk = self._risk(row)
        moved = self._contributions(row)
        reasons: tuple[Reason, ...] = _guarded(
            "features_failed", lambda: top_reasons(self._features, row, moved, events, as_of)
        )
        threshold = self._bundle.threshold_for(row.tolist())
        score = Score(
            risk=risk,
            threshold=threshold,
            alert=threshold is not None and risk >= threshold,
            reasons=reasons,
            notes=tuple(notes),
        )
        values = [float(value) if np.isfinite(value) else None for value in row]
        return Scored(score, dict(zip(self._features.names, values, strict=True)))

    def _risk(self, row: Floats) -> float:
        matrix = row.reshape(1, -1)
        risks = _floats(_guarded("model_failed", lambda: self._predictor.predict(matrix)))
        if risks.shape != (1,) or not 0.0 <= risks[0] <= 1.0:
            raise Broken("model_returned_nonsense", _NONSENSE, "risk")
        return float(risks[0])

    def _contributions(self, row: Floats) -> Floats:
        matrix = row.reshape(1, -1)
        parts = _floats(_guarded("model_failed", lambda: self._explainer.contributions(matrix)))
        if parts.shape != (1, len(row) + 1) or not np.isfinite(parts).all():
            raise Broken("model_returned_nonsense", _NONSENSE, "contributions")
        return parts[0, :-1]


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
