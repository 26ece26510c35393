"""Boosted trees and their calibration as one ONNX graph, with thresholds in double precision.

Converters round thresholds to single precision, so a value near one falls on the other side
(docs/decisions/0002). Here a threshold is stored as it was learnt.
"""

from dataclasses import dataclass, field
from typing import Any

from bedside.core.errors import Invalid
from bedside.models.form import ModelForm, Trees

__all__ = ["onnx_of"]


@dataclass(slots=True)
class _Nodes:
    """The flat node table that the ONNX operator TreeEnsembleRegressor asks for."""

    tree: list[int] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    threshold: list[float] = field(default_factory=list)
    mode: list[str] = field(default_factory=list)
    yes: list[int] = field(default_factory=list)
    no: list[int] = field(default_factory=list)
    missing_yes: list[int] = field(default_factory=list)
    leaf_tree: list[int] = field(default_factory=list)
    leaf_node: list[int] = field(default_factory=list)
    leaf_value: list[float] = field(default_factory=list)

    def add(self, tree: int, branch: dict[str, Any], number: int) -> int:
        """Add a branch or leaf and all below it; return the next free node number."""
        at = len(self.node)
        leaf = "split_feature" not in branch
        self.tree.append(tree)
        self.node.append(number)
        self.mode.append("LEAF" if leaf else "BRANCH_LEQ")
        self.feature.append(0 if leaf else branch["split_feature"])
        self.threshold.append(0.0 if leaf else branch["threshold"])
        self.missing_yes.append(0 if leaf else _missing_goes_left(branch))
        self.yes.append(0)
        self.no.append(0)
        if leaf:
            self.leaf_tree.append(tree)
            self.leaf_node.append(number)
            self.leaf_value.append(branch["leaf_value"])
            return number + 1
        self.yes[at] = number + 1
        self.no[at] = self.add(tree, branch["left_child"], number + 1)
        return self.add(tree, branch["right_child"], self.no[at])


def onnx_of(form: ModelForm) -> bytes:
    """The graph: input `features`, double (n, k); outputs `risk`, double (n, 1), and `outputs`.

    Raises:
        Invalid: the trees hold a split that this writer does not know (a categorical one).
    """
    import lightgbm  # noqa: PLC0415  (slow to import)

    (member,) = form.members
    if not isinstance(member.part, Trees) or form.link != "logistic":
        raise Invalid("This form has no graph.", fix="use boosted trees of a binary outcome.")
    dump = lightgbm.Booster(model_str=member.part.text).dump_model()
    nodes = _Nodes()
    for tree, entry in enumerate(dump["tree_info"]):
        nodes.add(tree, entry["tree_structure"], 0)
    return _graph(nodes, dump["max_feature_idx"] + 1, form.calibration.numbers or (1.0, 0.0))


def _missing_goes_left(branch: dict[str, Any]) -> int:
    """LightGBM reads a missing value as 0 in a split that saw none in training."""
    if branch["decision_type"] != "<=":
        raise Invalid("The trees hold a categorical split.", fix="use numeric features only.")
    if branch["missing_type"] == "NaN":
        return int(branch["default_left"])
    return int(branch["threshold"] >= 0)


def _graph(nodes: _Nodes, width: int, affine: tuple[float, ...]) -> bytes:
    from onnx import TensorProto, checker, helper  # noqa: PLC0415  (slow to import)

    double = TensorProto.DOUBLE

    def doubles(name: str, values: list[float]) -> Any:
        return helper.make_tensor(name, double, [len(values)], values)

    trees = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["margin32"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=nodes.tree,
        nodes_nodeids=nodes.node,
        nodes_featureids=nodes.feature,
        nodes_values_as_tensor=doubles("thresholds", nodes.threshold),
        nodes_modes=nodes.mode,
        nodes_truenodeids=nodes.yes,
        nodes_falsenodeids=nodes.no,
        nodes_missing_value_tracks_true=nodes.missing_yes,
        target_treeids=nodes.leaf_tree,
        target_nodeids=nodes.leaf_node,
        target_ids=[0] * len(nodes.leaf_tree),
        target_weights_as_tensor=doubles("leaves", nodes.leaf_value),
    )
    rest = [
        helper.make_node("Cast", ["margin32"], ["margin"], to=double),
        helper.make_node("Mul", ["margin", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "intercept"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["outputs"]),
        helper.make_node("Identity", ["outputs"], ["risk"]),
    ]
    graph = helper.make_graph(
        [trees, *rest],
        "bedside",
        [helper.make_tensor_value_info("features", double, [None, width])],
        [
            helper.make_tensor_value_info("risk", double, [None, 1]),
            helper.make_tensor_value_info("outputs", double, [None, 1]),
        ],
        [doubles("slope", [affine[0]]), doubles("intercept", [affine[1]])],
    )
    model = helper.make_model(
        graph,
        producer_name="bedside",
        ir_version=10,
        opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)],
    )
    checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content
