"""ONNX Runtime behind the Predictor port."""

import os
from typing import Any

import numpy as np

from bedside.core.errors import Refused

__all__ = ["OnnxPredictor"]

BATCH = 65_536  # rows at once, to bound memory


class OnnxPredictor:
    """Scores feature rows with a packaged model.

    Args:
        content: An ONNX graph with input `features` (double, (n, k)) and outputs `risk` (n, 1)
            and `outputs` (n, m).
        threads: Threads for one call; 1 is fastest for single rows.

    Raises:
        Refused: the bytes are not such a graph.
    """

    bounded = True
    """It cannot hang: the graphs that are packaged have no loops."""

    def __init__(self, content: bytes, *, threads: int = 1) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before the import, in case of a newer release
        import onnxruntime  # noqa: PLC0415  (slow to import)

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise Refused(
                f"The packaged model cannot be loaded ({type(error).__name__}).",
                fix="build the version again.",
                code="model_unreadable",
            ) from None

    def predict(self, matrix: Any) -> Any:
        """Risks, shape (n,), of a float64 matrix of shape (n, k)."""
        return self._run("risk", matrix)[:, 0]

    def outputs(self, matrix: Any) -> Any:
        """Everything that is predicted, shape (n, m)."""
        return self._run("outputs", matrix)

    def _run(self, name: str, matrix: Any) -> Any:
        if len(matrix) <= BATCH:
            return self._session.run([name], {"features": matrix})[0]
        parts = [
            self._session.run([name], {"features": matrix[at : at + BATCH]})[0]
            for at in range(0, len(matrix), BATCH)
        ]
        return np.concatenate(parts)
