"""What a served model says of itself: its inputs are named clinical signals, not columns.

Source: Open Inference Protocol v2, "Model Metadata" and "Server Metadata".
"""

from dataclasses import dataclass
from typing import Any

from bedside.core.records.declaration import Declaration, Signal
from bedside.interop.asked import asked_marks, asked_signals, category_labels
from bedside.interop.predicted import label_words, output_names, value_unit

__all__ = ["EXTENSIONS", "Input", "inputs_of", "model_metadata", "outputs_of", "server_metadata"]

EXTENSIONS = ("bedside_clinical_inputs", "bedside_outcomes", "bedside_reasons")
"""What stands in `parameters`, beyond the protocol; the manual describes each."""


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
        if self.signal is not None:
            parameters |= _needs(self.signal)
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [-1],
            "parameters": parameters,
        }


def _needs(signal: Signal) -> dict[str, Any]:
    """The plausible range in the unit, whether a score needs it, and after how long it is stale."""
    told: dict[str, Any] = {}
    if signal.plausible is not None:
        told["plausible"] = list(signal.plausible)
    if signal.required:
        told["required"] = True
    if signal.stale_after is not None:
        told["stale_after"] = signal.stale_after
    return told


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


def outputs_of(declaration: Declaration) -> list[dict[str, Any]]:
    """The tensors of a score; an abstention has `outcome` alone.

    A risk is called `risk`, a predicted number `value`. Where there is one prediction for each
    horizon or level, `outputs` has all of them, and its parameters name them in their order.
    """
    told: list[dict[str, Any]] = [{"name": "outcome", "datatype": "BYTES", "shape": [1]}]
    if declaration.question.outcome.kind == "regression":
        unit = {"unit": value_unit(declaration)}
        told.append({"name": "value", "datatype": "FP64", "shape": [-1], "parameters": unit})
    else:
        told.append({"name": "risk", "datatype": "FP64", "shape": [-1]})
    told.append({"name": "alert", "datatype": "BOOL", "shape": [-1]})
    if names := output_names(declaration):
        parameters = {"names": list(names)}
        told.append(
            {"name": "outputs", "datatype": "FP64", "shape": [-1], "parameters": parameters}
        )
    return told


def _uncertainty_of(declaration: Declaration) -> dict[str, Any]:
    """What an answer says of its own uncertainty; empty where nothing is declared."""
    told: dict[str, Any] = {}
    if declaration.learner.calibration == "venn_abers":
        told["bounds"] = "venn_abers"
    if declaration.uncertainty.coverage is not None:
        told["coverage"] = declaration.uncertainty.coverage
        if declaration.question.outcome.kind != "regression":
            told["labels"] = list(label_words(declaration))
    if declaration.uncertainty.domain is not None:
        told["domain"] = declaration.uncertainty.domain
    return {"uncertainty": told} if told else {}


def server_metadata(version: str) -> dict[str, Any]:
    """The body of `GET /v2`.

    Args:
        version: Of Bedside.
    """
    return {"name": "bedside", "version": version, "extensions": list(EXTENSIONS)}


def model_metadata(declaration: Declaration, *, version: str, stage: str) -> dict[str, Any]:
    """The body of `GET /v2/models/NAME`."""
    return {
        "name": declaration.name,
        "versions": [version],
        "platform": "bedside",
        "inputs": [each.as_json() for each in inputs_of(declaration).values()],
        "outputs": outputs_of(declaration),
        "parameters": {
            "title": declaration.title,
            "stage": stage,
            "decision": declaration.intended_use.decision,
            "not_for": list(declaration.intended_use.not_for),
            **_uncertainty_of(declaration),
        },
    }
