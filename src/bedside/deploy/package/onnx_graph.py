"""A learnt model as one ONNX graph, in double precision: members, calibration, link.

Converters round thresholds to single precision, so a value near one falls on the other side
(docs/decisions/0002). Here a threshold is stored as it was learnt, and the parts of a margin are
added in the order in which `LearntModel` adds them, so that a margin on a knot stays on it.
"""

import numpy as np

from bedside.deploy.package.onnx_forest import Forest
from bedside.deploy.package.onnx_prediction import line_steps, write_calibrated, write_primary
from bedside.deploy.package.onnx_writer import GraphWriter
from bedside.models.form import Additive, Member, ModelForm, Term, Trees

__all__ = ["onnx_of"]


def onnx_of(form: ModelForm) -> bytes:
    """The graph: input `features`, double (n, k); outputs `risk`, double (n, 1), and `outputs`.

    Raises:
        Invalid: the trees hold a split that this writer does not know (a categorical one), or a
            calibration of one margin stands on several.
    """
    writer = GraphWriter()
    margins = ""
    for member in form.members:
        one = _member(writer, member)
        margins = one if not margins else writer.node("Add", margins, one)
    outputs = write_calibrated(writer, form, margins, "features")
    size = _outputs(form)
    write_primary(writer, form, outputs, size)
    return writer.graph(form.width, {"risk": 1, "outputs": size})


def _outputs(form: ModelForm) -> int:
    """How many numbers are predicted of a row."""
    if form.link in ("proportional_hazards", "competing_hazards"):
        return len(form.horizons)
    if form.link == "cumulative_logistic":
        return len(form.cutpoints) + 1
    return form.members[0].part.outputs


def _member(writer: GraphWriter, member: Member) -> str:
    part = member.part
    made = _trees(writer, part) if isinstance(part, Trees) else _additive(writer, part)
    if member.weight == 1.0:
        return made
    return writer.node("Mul", made, writer.doubles([member.weight]))


def _trees(writer: GraphWriter, part: Trees) -> str:
    import lightgbm  # noqa: PLC0415  (slow to import)

    forest = Forest(targets=part.outputs)
    for number, tree in enumerate(lightgbm.Booster(model_str=part.text).dump_model()["tree_info"]):
        forest.add_boosted(tree["tree_structure"], number % part.outputs)
    return forest.node(writer, "features")


def _additive(writer: GraphWriter, part: Additive) -> str:
    """The margins, shape (n, outputs): the scores of all terms, added up from left to right."""
    terms = part.terms or (_nothing(part.outputs),)
    blocks = _Blocks(writer)
    _linear(blocks, terms, part.outputs)
    _stepped(blocks, terms, part.outputs)
    every = _joined(writer, blocks.names)
    margins = []
    for output, intercept in enumerate(part.intercept):
        scores = writer.columns(every, [blocks.place[at, output] for at in range(len(terms))])
        first = writer.doubles([[intercept, *[0.0] * (len(terms) - 1)]])
        grown = writer.node("CumSum", writer.node("Add", scores, first), writer.wholes(1))
        margins.append(writer.columns(grown, [len(terms) - 1]))
    return _joined(writer, margins)


class _Blocks:
    """Matrices side by side, and in which column the score of a term for an output stands."""

    def __init__(self, writer: GraphWriter) -> None:
        self.writer = writer
        self.names: list[str] = []
        self.place: dict[tuple[int, int], int] = {}
        self._width = 0

    def add(self, name: str, width: int, places: dict[tuple[int, int], int]) -> None:
        """A matrix of this width, and the places in it."""
        self.place |= {key: self._width + column for key, column in places.items()}
        self.names.append(name)
        self._width += width


def _linear(blocks: _Blocks, terms: tuple[Term, ...], outputs: int) -> None:
    """All linear terms at once: slope * value, or the score of what is missing."""
    numbers = [at for at, term in enumerate(terms) if term.kind == "linear"]
    if not numbers:
        return
    writer = blocks.writer
    value, missing = _whole(writer, [terms[at].features[0] for at in numbers])
    for output in range(outputs):
        told = np.array([terms[at].scores[output] for at in numbers])
        grown = writer.node("Mul", value, writer.doubles(told[None, :, 0]))
        made = writer.node("Where", missing, writer.doubles(told[None, :, 1]), grown)
        places = {(at, output): column for column, at in enumerate(numbers)}
        blocks.add(made, len(numbers), places)


def _stepped(blocks: _Blocks, terms: tuple[Term, ...], outputs: int) -> None:
    """All other terms by one forest: steps as they are, lines as start, slope and value."""
    writer, forest = blocks.writer, Forest()
    steps: dict[tuple[int, int], int] = {}
    lines: dict[int, list[tuple[int, tuple[int, ...]]]] = {at: [] for at in range(outputs)}
    for at, term in enumerate(terms):
        for output, scores in enumerate(term.scores):
            if term.kind == "steps":
                steps[at, output] = forest.add_steps(term.features, term.edges, np.array(scores))
            elif term.kind == "polyline":
                told = line_steps(term.edges[0], scores[1:])
                told[2, 0] = scores[0]
                targets = tuple(forest.add_steps(term.features, term.edges, one) for one in told)
                lines[output].append((at, targets))
    if not forest.targets:
        return
    every = forest.node(writer, "features")
    blocks.add(every, forest.targets, steps)
    for output, told_lines in lines.items():
        if not told_lines:
            continue
        value, _ = _whole(writer, [terms[at].features[0] for at, _ in told_lines])
        start, slope, base = (
            writer.columns(every, [targets[part] for _, targets in told_lines]) for part in range(3)
        )
        risen = writer.node("Mul", slope, writer.node("Sub", value, start))
        places = {(at, output): column for column, (at, _) in enumerate(told_lines)}
        blocks.add(writer.node("Add", risen, base), len(told_lines), places)


def _whole(writer: GraphWriter, features: list[int]) -> tuple[str, str]:
    """These columns with 0 where they are missing, and where that is."""
    value = writer.columns("features", features)
    missing = writer.node("IsNaN", value)
    return writer.node("Where", missing, writer.doubles(0.0), value), missing


def _joined(writer: GraphWriter, columns: list[str]) -> str:
    return columns[0] if len(columns) == 1 else writer.node("Concat", *columns, axis=1)


def _nothing(outputs: int) -> Term:
    return Term(kind="linear", features=(0,), scores=((0.0, 0.0),) * outputs)
