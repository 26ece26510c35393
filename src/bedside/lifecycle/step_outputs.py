"""What the finished steps of a build made, as the values that later steps work with."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.data.store.snapshot import Snapshot
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.lifecycle.asking import Asking
from bedside.lifecycle.frames import array_of, frame_of
from bedside.lifecycle.steps import Done

__all__ = ["StepOutputs"]


class StepOutputs:
    """For whatever has the `asking` of a build and its `done` steps by name."""

    __slots__ = ()
    asking: Asking
    done: dict[str, Done]

    def _read(self, step: str, part: str) -> bytes:
        return self.asking.steps.read(self.done[step], part)

    def _output(self, step: str, part: str) -> str:
        return self.done[step].outputs[part]

    @property
    def _snapshot(self) -> Snapshot:
        return self.asking.prepared(self.done["prepare"])

    @property
    def _asked(self) -> pl.DataFrame:
        return frame_of(self._read("ask", "asked"))

    @property
    def _matrix(self) -> npt.NDArray[np.float64]:
        return array_of(self._read("features", "matrix"))

    @property
    def _feature_set(self) -> FeatureSet:
        return feature_set_from_json(self._read("vocabulary", "features"))
