"""The nodes and constants of an ONNX graph, each named by its number."""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["GraphWriter"]

ML = "ai.onnx.ml"


class GraphWriter:
    """Collects nodes in the order in which they run; the same calls give the same bytes."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node; the name of its only output."""
        return self.named(f"n{len(self._nodes)}", kind, *inputs, domain=domain, **attributes)

    def named(self, name: str, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node whose only output has this name."""
        from onnx import helper  # noqa: PLC0415  (slow to import)

        self._nodes.append(
            helper.make_node(kind, list(inputs), [name], domain=domain, **attributes)
        )
        return name

    def doubles(self, values: npt.ArrayLike) -> str:
        """A constant of real numbers."""
        return self._constant(np.asarray(values, dtype=np.float64))

    def wholes(self, values: npt.ArrayLike) -> str:
        """A constant of whole numbers."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def columns(self, matrix: str, picked: list[int]) -> str:
        """Some columns of a matrix, in this order."""
        return self.node("Gather", matrix, self.wholes(picked), axis=1)

    def graph(self, width: int, outputs: dict[str, int]) -> bytes:
        """The whole graph: input `features`, double (n, width); outputs by name, with widths."""
        from onnx import TensorProto, checker, helper  # noqa: PLC0415  (slow to import)

        double = TensorProto.DOUBLE
        graph = helper.make_graph(
            self._nodes,
            "bedside",
            [helper.make_tensor_value_info("features", double, [None, width])],
            [
                helper.make_tensor_value_info(name, double, [None, size])
                for name, size in outputs.items()
            ],
            self._constants,
        )
        model = helper.make_model(
            graph,
            producer_name="bedside",
            ir_version=10,
            opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(ML, 5)],
        )
        checker.check_model(model)
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _constant(self, values: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper  # noqa: PLC0415  (slow to import)

        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name
