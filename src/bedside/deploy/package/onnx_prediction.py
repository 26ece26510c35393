"""From margins to what is predicted, as ONNX nodes: calibration maps and links."""

import numpy as np

from bedside.core.errors import Invalid
from bedside.deploy.package.onnx_forest import Forest
from bedside.deploy.package.onnx_writer import GraphWriter
from bedside.models.form import CalibrationMap, ModelForm
from bedside.models.links import CERTAIN

__all__ = ["line_steps", "write_calibrated", "write_primary"]

ROWS, COLUMNS = 0, 1  # axes


def write_calibrated(writer: GraphWriter, form: ModelForm, margins: str, matrix: str) -> str:
    """What is predicted, after calibration, shape (n, outputs); as `models.calibration`."""
    made = _applied(writer, form, form.calibration, margins)
    for group in form.groups:
        value = writer.columns(matrix, [group.column])
        inside = writer.node("Equal", value, writer.doubles([group.value]))
        other = _applied(writer, form, group.calibration, margins)
        made = writer.node("Where", inside, other, made)
    return made


def write_primary(writer: GraphWriter, form: ModelForm, outputs: str, size: int) -> None:
    """The outputs `outputs` and `risk` of the graph; as `models.links.primary_of`."""
    writer.named("outputs", "Identity", outputs)
    if form.outcome in ("multiclass", "ordinal"):
        first = writer.columns(outputs, [0])
        writer.named("risk", "Sub", writer.doubles([1.0]), first)
    else:
        writer.named("risk", "Identity", writer.columns(outputs, [size - 1]))


def line_steps(knots: tuple[float, ...], values: tuple[float, ...]) -> np.ndarray:
    """Straight lines between knots as steps: in each bin value + slope * (v - start).

    Shape (3, knots + 2): start, slope and value, each where missing, below the first knot, and
    from each knot on.
    """
    x, y = np.asarray(knots), np.asarray(values)
    slope = np.diff(y) / np.diff(x)
    return np.stack(
        [
            np.concatenate([[0.0], x[:1], x]),
            np.concatenate([[0.0, 0.0], slope, [0.0]]),
            np.concatenate([[0.0], y[:1], y]),
        ]
    )


def _applied(
    writer: GraphWriter, form: ModelForm, calibration: CalibrationMap, margins: str
) -> str:
    numbers = calibration.numbers
    if calibration.kind == "none":
        return _linked(writer, form, margins)
    if calibration.kind == "affine":
        grown = writer.node("Mul", margins, writer.doubles([numbers[0]]))
        return _linked(writer, form, writer.node("Add", grown, writer.doubles([numbers[1:]])))
    if form.members[0].part.outputs != 1:
        raise Invalid(
            f"A calibration of the kind {calibration.kind} is of one margin alone.",
            fix="use calibration: platt or none.",
        )
    if calibration.kind == "beta":
        return _beta(writer, numbers, margins)
    forest, knots = Forest(), calibration.knots
    if calibration.kind == "polyline":
        for steps in line_steps(knots, calibration.values[0]):
            forest.add_steps([0], [knots], steps)
        start, slope, value = _parts(writer, forest.node(writer, margins), 3)
        risen = writer.node("Mul", slope, writer.node("Sub", margins, start))
        return writer.node("Add", risen, value)
    for values in calibration.values:
        forest.add_steps([0], [knots], np.array([0.0, *values]))
    low, high = _parts(writer, forest.node(writer, margins), 2)
    rest = writer.node("Sub", writer.doubles([1.0]), low)
    return writer.node("Div", high, writer.node("Add", rest, high))


def _beta(writer: GraphWriter, numbers: tuple[float, ...], margins: str) -> str:
    """Logistic of a ln p - b ln(1 - p) + c, where ln p = -softplus(-margin)."""
    size = writer.node("Abs", margins)
    tail = writer.node(
        "Log",
        writer.node("Add", writer.node("Exp", writer.node("Neg", size)), writer.doubles([1.0])),
    )
    zero = writer.doubles([0.0])
    sure = writer.node("Sub", writer.node("Min", margins, zero), tail)  # ln p
    unsure = writer.node("Sub", writer.node("Min", writer.node("Neg", margins), zero), tail)
    first = writer.node("Mul", sure, writer.doubles([numbers[0]]))
    second = writer.node("Mul", unsure, writer.doubles([numbers[1]]))
    both = writer.node("Sub", first, second)
    return writer.node("Sigmoid", writer.node("Add", both, writer.doubles([numbers[2]])))


def _parts(writer: GraphWriter, matrix: str, size: int) -> list[str]:
    return [writer.columns(matrix, [at]) for at in range(size)]


def _linked(writer: GraphWriter, form: ModelForm, margins: str) -> str:
    if form.link == "identity":
        return margins
    if form.link == "logistic":
        return writer.node("Sigmoid", margins)
    if form.link == "softmax":
        return writer.node("Softmax", margins, axis=COLUMNS)
    if form.link == "cumulative_logistic":
        lower = writer.node("Sub", margins, writer.doubles([form.cutpoints]))
        above = writer.node("Sigmoid", lower)
        sure = writer.node("Pad", above, writer.wholes([0, 1, 0, 0]), writer.doubles(1.0))
        never = writer.node("Pad", above, writer.wholes([0, 0, 0, 1]), writer.doubles(0.0))
        return writer.node("Sub", sure, never)
    return _incidence(writer, form, margins)


def _incidence(writer: GraphWriter, form: ModelForm, margins: str) -> str:
    """As `models.links.incidence`, by the horizons."""
    assert form.hazards is not None  # noqa: S101 - the reader refuses a form without
    at = np.searchsorted(np.asarray(form.hazards.days), np.asarray(form.horizons), side="right")
    cumulative = np.hstack(
        [np.zeros((len(form.hazards.cumulative), 1)), np.asarray(form.hazards.cumulative)]
    )
    capped = writer.node("Min", margins, writer.doubles([CERTAIN]))
    relative = writer.node("Exp", capped)
    if len(cumulative) == 1:
        hazard = writer.node("Mul", relative, writer.doubles(cumulative[:, at]))
        return _came(writer, hazard)
    steps = np.diff(cumulative, axis=1)[:, : max(int(at.max()), 1)]
    ours = writer.node("Mul", writer.columns(relative, [0]), writer.doubles(steps[:1]))
    every = writer.node("MatMul", relative, writer.doubles(steps))
    axis = writer.wholes(COLUMNS)
    before = writer.node("CumSum", every, axis, exclusive=1)
    free = writer.node("Exp", writer.node("Neg", before))
    some = writer.node("Greater", every, writer.doubles([0.0]))
    share = writer.node(
        "Div", ours, writer.node("Where", some, every, writer.doubles([1.0]))
    )  # where there is no hazard, ours is 0 as well
    grown = writer.node("Mul", writer.node("Mul", free, _came(writer, every)), share)
    total = writer.node("Min", writer.node("CumSum", grown, axis), writer.doubles([1.0]))
    whole = writer.node("Pad", total, writer.wholes([0, 1, 0, 0]), writer.doubles(0.0))
    return writer.columns(whole, [int(one) for one in at])


def _came(writer: GraphWriter, hazard: str) -> str:
    """1 - exp(-hazard)."""
    free = writer.node("Exp", writer.node("Neg", hazard))
    return writer.node("Sub", writer.doubles([1.0]), free)
