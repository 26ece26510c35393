"""How a labeller is trained: from annotated notes to weights, by CRFsuite."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind
from bedside.privacy.text.annotated import AnnotatedNote
from bedside.privacy.text.extra import library
from bedside.privacy.text.features import ALWAYS
from bedside.privacy.text.rules_pass import Rules
from bedside.privacy.text.tagger import labels_of, properties_of, read_lines
from bedside.privacy.text.weights import Weights

__all__ = ["TrainingOptions", "kinds_of", "read_kinds", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How long and how strictly to learn.

    Args:
        sparsity: Weight of the absolute values (L1); above 0 most weights are none.
        shrinkage: Weight of the squares (L2).
        rounds: Steps of L-BFGS at most.
        fewest: Properties of fewer tokens are left out.
        lean: Weight that is taken from `O` afterwards, so that more is found.

    Raises:
        Invalid: one is negative, or `rounds` or `fewest` is 0.
    """

    sparsity: float = 0.01
    shrinkage: float = 0.3
    rounds: int = 130
    fewest: int = 1
    lean: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what cannot be learnt with."""
        weights = (self.sparsity, self.shrinkage, self.lean)
        if min(weights) < 0 or self.rounds < 1 or self.fewest < 1:
            raise Invalid(
                "An option of training is below what it may be.",
                fix="give sparsity, shrinkage and lean from 0, rounds and fewest from 1.",
            )


def train(
    notes: Sequence[AnnotatedNote],
    rules: Rules,
    *,
    language: str,
    kinds: Mapping[str, str] | None = None,
    options: TrainingOptions | None = None,
) -> Weights:
    """Learn the labels of annotated notes.

    The weights name words of the notes, names of patients among them: they are as identified as
    the notes, and stay where the notes are.

    Args:
        notes: At least one with a span; a hundred or two serve well.
        rules: Of the language.
        language: Of the notes.
        kinds: For each label, the IdentifierKind it stands for; None: as `kinds_of` knows them.
        options: How to learn; None: as is best on MEDDOCAN.

    Raises:
        Invalid: no note has a span, or a label's kind is not known.
        Unavailable: the extra `deid` is not installed.

    Source: Okazaki, CRFsuite, 2007; L-BFGS and OWL-QN: Andrew & Gao, ICML 2007.
    """
    chosen = options or TrainingOptions()
    named = sorted({span.label for note in notes for span in note.spans})
    if not named:
        raise Invalid("No note has a span.", fix="annotate some notes first.")
    given = dict(kinds or {})
    stands_for = given | kinds_of([label for label in named if label not in given])
    reading = read_lines([note.text for note in notes], rules)
    rows: list[list[list[str]]] = []
    counted: Counter[str] = Counter()
    for line in reading.lines:
        said = list(properties_of(line, rules.lists.letters))
        rows.append(said)
        for properties in said:
            counted.update(properties)
    frequent = (name for name, count in counted.items() if count >= chosen.fewest)
    numbers = {name: str(number) for number, name in enumerate(sorted(frequent))}
    trainer = library("pycrfsuite").Trainer(algorithm="lbfgs", verbose=False)
    for note, line, said in zip(reading.note, reading.lines, rows, strict=True):
        trainer.append(
            [[numbers[name] for name in token if name in numbers] for token in said],
            labels_of(line, notes[note].spans),
        )
    trainer.set_params(
        {
            "c1": chosen.sparsity,
            "c2": chosen.shrinkage,
            "max_iterations": chosen.rounds,
            "feature.possible_transitions": False,
        }
    )
    learnt = _learnt(trainer)
    return _weights(_leaning(learnt, numbers, chosen.lean), numbers, language, stands_for)


def kinds_of(labels: Sequence[str]) -> dict[str, str]:
    """The IdentifierKind of labels that are known: our own, MEDDOCAN's and Presidio's.

    Raises:
        Invalid: one is not known.

    >>> kinds_of(["FECHAS", "name"])
    {'FECHAS': 'date', 'name': 'name'}
    """
    file = resources.files("bedside.privacy.text") / "rules" / "labels.json"
    known: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    known |= {kind.value: kind.value for kind in IdentifierKind}
    if missing := [label for label in labels if label not in known]:
        raise Invalid(
            f"{len(missing)} labels stand for no kind that is known.",
            fix="give the kind of each label: --kinds FILE, a JSON object from label to kind.",
        )
    return {label: known[label] for label in labels}


def read_kinds(path: Path) -> dict[str, str]:
    """The kind of each label, from a JSON file.

    Raises:
        Invalid: it is no JSON object from label to IdentifierKind.
    """
    try:
        read = json.loads(path.read_bytes())
        return {str(label): IdentifierKind(kind).value for label, kind in read.items()}
    except (OSError, ValueError, AttributeError, RecursionError):
        raise Invalid(
            "The file of kinds cannot be read.",
            fix=f"write a JSON object from label to one of {', '.join(IdentifierKind)}.",
        ) from None


@dataclass(frozen=True, slots=True)
class _Learnt:
    labels: tuple[str, ...]
    states: Mapping[tuple[str, str], float]
    transitions: Mapping[tuple[str, str], float]


def _learnt(trainer: object) -> _Learnt:
    crfsuite = library("pycrfsuite")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        trainer.train(str(path))  # type: ignore[attr-defined]
        tagger = crfsuite.Tagger()
        tagger.open(str(path))
        said = tagger.info()
        tagger.close()
    labels = tuple(sorted({*said.labels, "O"}))
    return _Learnt(labels, said.state_features, said.transitions)


def _leaning(learnt: _Learnt, numbers: Mapping[str, str], lean: float) -> _Learnt:
    """The same with less weight for `O` at every token."""
    if ALWAYS not in numbers or not lean:
        return learnt
    states = dict(learnt.states)
    place = (numbers[ALWAYS], "O")
    states[place] = states.get(place, 0.0) - lean
    return _Learnt(learnt.labels, states, learnt.transitions)


def _weights(
    learnt: _Learnt, numbers: Mapping[str, str], language: str, kinds: Mapping[str, str]
) -> Weights:
    column = {label: place for place, label in enumerate(learnt.labels)}
    used = {number for number, _ in learnt.states}
    names = [name for name, number in numbers.items() if number in used]
    row = {numbers[name]: place for place, name in enumerate(names)}
    states = np.zeros((len(names), len(column)), dtype=np.float32)
    for (number, label), weight in learnt.states.items():
        states[row[number], column[label]] = weight
    transitions = np.zeros((len(column), len(column)), dtype=np.float32)
    for (before, after), weight in learnt.transitions.items():
        transitions[column[before], column[after]] = weight
    return Weights(
        language=language,
        labels=learnt.labels,
        properties={name: place for place, name in enumerate(names)},
        transitions=transitions,
        of_properties=states,
        kinds={label[2:]: kinds[label[2:]] for label in learnt.labels if label != "O"},
    )
