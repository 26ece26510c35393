"""Trees as the ONNX operator TreeEnsemble: boosted ones, and step functions written as trees.

Thresholds, leaves and sums are doubles, and a row's leaves are added in the order of the trees:
so a sum is that of LightGBM, to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.deploy.package.onnx_writer import ML, GraphWriter

__all__ = ["Forest"]

Floats = npt.NDArray[np.float64]
Place = tuple[int, bool]
"""The number of a node, or of a leaf and True."""


@dataclass(slots=True)
class Forest:
    """Trees, each of which adds to one target; a row goes left where its value <= the split."""

    _feature: list[int] = field(default_factory=list)
    _split: list[float] = field(default_factory=list)
    _missing_left: list[int] = field(default_factory=list)
    _left: list[Place] = field(default_factory=list)
    _right: list[Place] = field(default_factory=list)
    _target: list[int] = field(default_factory=list)
    _weight: list[float] = field(default_factory=list)
    _root: list[int] = field(default_factory=list)
    targets: int = 0

    def add_boosted(self, tree: dict[str, Any], target: int) -> None:
        """A tree of LightGBM's dump.

        Raises:
            Invalid: it holds a split that this writer does not know (a categorical one).
        """
        self._add(self._boosted(tree, target), target)

    def add_steps(
        self, features: Sequence[int], edges: Sequence[Sequence[float]], scores: Floats
    ) -> int:
        """A step function, as a `steps` term has it, on a target of its own; that target.

        Args:
            features: The columns, one or two.
            edges: Ascending, of each.
            scores: Along one axis for each feature: missing, bin 0, bin 1, ….
        """
        target = self.targets
        whole = scores.reshape([len(one) + 2 for one in edges])
        self._add(self._stepped(list(features), [*edges], whole, target), target)
        return target

    def node(self, writer: GraphWriter, matrix: str) -> str:
        """Write it; its output has shape (n, targets)."""
        from onnx import TensorProto, helper  # noqa: PLC0415  (slow to import)

        def doubles(name: str, values: list[float]) -> Any:
            return helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)

        size = len(self._feature)
        return writer.node(
            "TreeEnsemble",
            matrix,
            domain=ML,
            n_targets=self.targets,
            aggregate_function=1,  # sum
            post_transform=0,  # none
            tree_roots=self._root,
            nodes_featureids=self._feature,
            nodes_splits=doubles("splits", self._split),
            nodes_modes=helper.make_tensor("modes", TensorProto.UINT8, [size], [0] * size),  # <=
            nodes_truenodeids=[place for place, _ in self._left],
            nodes_trueleafs=[int(leaf) for _, leaf in self._left],
            nodes_falsenodeids=[place for place, _ in self._right],
            nodes_falseleafs=[int(leaf) for _, leaf in self._right],
            nodes_missing_value_tracks_true=self._missing_left,
            leaf_targetids=self._target,
            leaf_weights=doubles("leaves", self._weight),
        )

    def _add(self, place: Place, target: int) -> None:
        number, leaf = place
        if leaf:  # a tree starts with a node
            number = self._node(0, 0.0, missing_left=False)
            self._left[number], self._right[number] = (
                place,
                self._leaf(self._weight[place[0]], target),
            )
        self._root.append(number)
        self.targets = max(self.targets, target + 1)

    def _node(self, feature: int, split: float, *, missing_left: bool) -> int:
        self._feature.append(feature)
        self._split.append(split)
        self._missing_left.append(int(missing_left))
        self._left.append((0, False))
        self._right.append((0, False))
        return len(self._feature) - 1

    def _leaf(self, weight: float, target: int) -> Place:
        self._target.append(target)
        self._weight.append(weight)
        return len(self._weight) - 1, True

    def _boosted(self, branch: dict[str, Any], target: int) -> Place:
        if "split_feature" not in branch:
            return self._leaf(branch["leaf_value"], target)
        at = self._node(
            branch["split_feature"], branch["threshold"], missing_left=_missing_goes_left(branch)
        )
        self._left[at] = self._boosted(branch["left_child"], target)
        self._right[at] = self._boosted(branch["right_child"], target)
        return at, False

    def _stepped(
        self, features: list[int], edges: list[Sequence[float]], scores: Floats, target: int
    ) -> Place:
        """First whether the first feature is missing, then its bin, then the next feature."""
        if _constant(scores):
            return self._leaf(float(scores.flat[0]), target)
        at = self._node(features[0], np.inf, missing_left=False)
        self._left[at] = self._bins(features, edges, scores[1:], 0, target)
        self._right[at] = self._stepped(features[1:], edges[1:], scores[0], target)
        return at, False

    def _bins(
        self,
        features: list[int],
        edges: list[Sequence[float]],
        scores: Floats,
        first: int,
        target: int,
    ) -> Place:
        """Some bins in a row, the first of which has this number, halved until one is left."""
        if _constant(scores):
            return self._leaf(float(scores.flat[0]), target)
        if len(scores) == 1:
            return self._stepped(features[1:], edges[1:], scores[0], target)
        half = len(scores) // 2
        below = np.nextafter(edges[0][first + half - 1], -np.inf)  # v < edge
        at = self._node(features[0], float(below), missing_left=False)
        self._left[at] = self._bins(features, edges, scores[:half], first, target)
        self._right[at] = self._bins(features, edges, scores[half:], first + half, target)
        return at, False


def _constant(scores: Floats) -> bool:
    return bool((scores == scores.flat[0]).all())


def _missing_goes_left(branch: dict[str, Any]) -> bool:
    """LightGBM reads a missing value as 0 in a split that saw none in training."""
    if branch["decision_type"] != "<=" or branch["missing_type"] == "Zero":
        raise Invalid("The trees hold a categorical split.", fix="use numeric features only.")
    if branch["missing_type"] == "NaN":
        return bool(branch["default_left"])
    return bool(branch["threshold"] >= 0)
