"""A version as the folder of an MLflow model: the graph, its signature, and where it is from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from bedside.core.ids import digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.bundle import Bundle
from bedside.core.records.version import ModelVersion

__all__ = ["mlflow_files"]

WRITTEN_FOR = "3.17.2"  # the MLflow whose format this is
PINNED = ("numpy", "onnx", "onnxruntime")
PROVIDERS = ["CPUExecutionProvider"]
CAUTION = (
    "It gives the risk alone. Who is asked about, when, for whom there is no answer, and when to "
    "alert are in the bundle, and Bedside keeps them; a server of MLflow does not."
)


def mlflow_files(
    version: ModelVersion,
    bundle: Bundle,
    features: Sequence[str],
    outputs: Sequence[str],
    environment: Mapping[str, str],
) -> dict[str, bytes]:
    """The files of the folder, by name; the same version gives the same bytes.

    Args:
        version: What is exported.
        bundle: Of it, opened.
        features: The names of the graph's k columns.
        outputs: What each of its predictions is, where there are several, such as levels.
        environment: The version of each library that built it.
    """
    graph = bundle.files[parts.MODEL]
    if len(outputs) > 1:
        graph = _one_column_each(graph, outputs)
    required = [f"{name}=={environment[name]}" for name in PINNED]
    model = {
        "artifact_path": None,
        "flavors": _flavours(environment),
        "is_signature_from_type_hint": False,
        "metadata": {"bedside": _about(version, bundle)},
        "mlflow_version": WRITTEN_FOR,
        "model_id": None,
        "model_size_bytes": len(graph),
        "model_uuid": bundle.digest[:32],
        "signature": _signature(features, ["risk", *_columns(outputs)]),
        "type_hint_from_example": False,
        "utc_time_created": version.built_at[:19].replace("T", " "),
    }
    python = {
        "python": environment["python"],
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    return {
        "MLmodel": _yaml(model),
        "model.onnx": graph,
        "python_env.yaml": _yaml(python),
        "requirements.txt": "\n".join(["mlflow>=3", *required, ""]).encode(),
        parts.CARD: bundle.files[parts.CARD],
    }


def _flavours(environment: Mapping[str, str]) -> dict[str, Any]:
    return {
        "onnx": {
            "code": None,
            "data": "model.onnx",
            "onnx_version": environment["onnx"],
            "providers": PROVIDERS,
        },
        "python_function": {
            "data": "model.onnx",
            "env": {"virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.onnx",
            "python_version": environment["python"],
        },
    }


def _about(version: ModelVersion, bundle: Bundle) -> dict[str, Any]:
    """Where it is from, and what is not in it."""
    return {
        "version": version.id,
        "bundle": bundle.digest,
        "model": digest_bytes(bundle.files[parts.MODEL]),
        "evidence": digest_bytes(bundle.files[parts.EVIDENCE]),
        "gates_passed": version.gates_passed,
        "threshold": bundle.threshold,
        "caution": CAUTION,
    }


def _signature(features: Sequence[str], outputs: Sequence[str]) -> dict[str, str | None]:
    """Column names and types; MLflow keeps each list as JSON inside the YAML."""
    inputs = [{"type": "double", "name": name, "required": True} for name in features]
    given = [{"type": "double", "name": name, "required": True} for name in outputs]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(given), "params": None}


def _columns(outputs: Sequence[str]) -> list[str]:
    """The names of what is predicted beside the risk."""
    return [f"risk: {name}" for name in outputs] if len(outputs) > 1 else ["outputs"]


def _one_column_each(graph: bytes, outputs: Sequence[str]) -> bytes:
    """The graph with one output of one column for each prediction.

    MLflow puts the outputs of a graph side by side, each as one column.
    """
    import numpy as np  # noqa: PLC0415
    import onnx  # noqa: PLC0415  (slow to import)
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415

    model = onnx.load_from_string(graph)
    kept = [one for one in model.graph.output if one.name != "outputs"]
    del model.graph.output[:]
    model.graph.output.extend(kept)
    for at, name in enumerate(_columns(outputs)):
        constant = numpy_helper.from_array(np.array([at], dtype=np.int64), f"column {at}")
        model.graph.initializer.append(constant)
        model.graph.node.append(
            helper.make_node("Gather", ["outputs", constant.name], [name], axis=1)
        )
        model.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1])
        )
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _yaml(value: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(dict(value), sort_keys=True, allow_unicode=True, width=100).encode()
