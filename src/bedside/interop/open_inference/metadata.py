"""What a served model says of itself: its inputs are named clinical signals, not columns.

Source: Open Inference Protocol v2, "Model Metadata" and "Server Metadata".
"""

from dataclasses import dataclass
from typing import Any

from bedside.core.records.declaration import Declaration, Signal
from bedside.interop.asked import asked_marks, asked_signals, category_labels

__all__ = ["Input", "inputs_of", "model_metadata"]

OUTPUTS = (
    {"name": "outcome", "datatype": "BYTES", "shape": [1]},
    {"name": "risk", "datatype": "FP64", "shape": [-1]},
    {"name": "alert", "datatype": "BOOL", "shape": [-1]},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input tensor: the values of a signal, or the marks of an event without a value.

    `datatype` is FP64 for a number, BYTES for a category, BOOL (always true) for a mark.
    """

    name: str
    code: str
    label: str
    datatype: str
    signal: Signal | None = None

    def as_json(self) -> dict[str, Any]:
        """The tensor's metadata."""
        parameters: dict[str, Any] = {"label": self.label, "code": self.code}
        if self.signal is not None and self.signal.is_categorical:
            parameters["categories"] = list(category_labels(self.signal))
            if self.signal.learn_categories:
                parameters["otherwise"] = parameters["categories"][-1]
        elif self.signal is not None and self.signal.unit is not None:
            parameters["unit"] = self.signal.unit
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [-1],
            "parameters": parameters,
        }


def inputs_of(declaration: Declaration) -> dict[str, Input]:
    """By name: the inputs of a model.

    An event that is only a mark is named by its code's tail, or by its whole code if that was
    chosen in training or if something else has that name.
    """
    inputs = {
        name: Input(
            name=name,
            code=signal.code,
            label=signal.label,
            datatype="BYTES" if signal.is_categorical else "FP64",
            signal=signal,
        )
        for name, signal in asked_signals(declaration).items()
    }
    for code, label in asked_marks(declaration).items():
        tail = code.split("//")[-1].lower()
        name = code if tail in inputs or code in declaration.signals else tail
        inputs.setdefault(name, Input(name=name, code=code, label=label, datatype="BOOL"))
    return inputs


def model_metadata(declaration: Declaration, *, version: str, stage: str) -> dict[str, Any]:
    """The body of `GET /v2/models/NAME`."""
    return {
        "name": declaration.name,
        "versions": [version],
        "platform": "bedside",
        "inputs": [each.as_json() for each in inputs_of(declaration).values()],
        "outputs": list(OUTPUTS),
        "parameters": {
            "title": declaration.title,
            "stage": stage,
            "decision": declaration.intended_use.decision,
            "not_for": list(declaration.intended_use.not_for),
        },
    }
