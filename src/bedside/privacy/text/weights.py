"""What the labeller has learnt: labels, properties and their weights; numbers and names, no code.

The file is one line of JSON, then the weights as little-endian float32: those from label to label,
then those of each property. It is read by this module alone, which checks every size before it
uses it; CRFsuite's own format is never read from a file, since its reader trusts the offsets that
it finds there.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid

__all__ = ["Weights", "read_weights", "write_weights"]

FORM = "bedside-note-labeller-1"
_MOST_LABELS = 1_000
_MOST_VALUES = 500_000_000

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A linear-chain conditional random field (Lafferty, McCallum & Pereira, ICML 2001).

    Args:
        language: Of the notes that it was trained on.
        labels: `O`, and `B-X` and `I-X` for each label X of the training notes; (m,).
        properties: For each property, its row in `of_properties`.
        transitions: (m, m), from label to label.
        of_properties: (rows, m).
        kinds: For each label X, the IdentifierKind that it stands for.
    """

    language: str
    labels: tuple[str, ...]
    properties: Mapping[str, int]
    transitions: Floats
    of_properties: Floats
    kinds: Mapping[str, str]


def write_weights(weights: Weights) -> bytes:
    """The bytes of a model; the same model gives the same bytes."""
    names = sorted(weights.properties, key=lambda name: weights.properties[name])
    head = {
        "form": FORM,
        "language": weights.language,
        "labels": list(weights.labels),
        "kinds": dict(weights.kinds),
        "properties": names,
    }
    line = json.dumps(head, ensure_ascii=True, sort_keys=True).encode()
    parts = (weights.transitions, weights.of_properties)
    return line + b"\n" + b"".join(np.asarray(part, dtype="<f4").tobytes() for part in parts)


def read_weights(data: bytes, digest: str | None = None) -> Weights:
    """The model in some bytes; nothing in them is run.

    Args:
        data: What `write_weights` gave.
        digest: The SHA-256 that the bytes must have, in hex; None where it was checked before.

    Raises:
        Invalid: they are not of the form, or not of the digest.
    """
    fault = Invalid(
        "The file is not a labeller of this form, or was changed.",
        fix="take the file that `bedside deid train` wrote, or train again.",
        code="not_a_labeller",
    )
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise fault
    line, newline, rest = data.partition(b"\n")
    try:
        head = json.loads(line)
        form, language = head["form"], head["language"]
        labels, names, kinds = head["labels"], head["properties"], head["kinds"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise fault from None
    said = (
        form == FORM
        and isinstance(language, str)
        and _texts(labels)
        and _texts(names)
        and isinstance(kinds, dict)
        and _texts(list(kinds.values()))
    )
    if not newline or not said or not _fits(labels, names, kinds, rest):
        raise fault
    values = np.frombuffer(rest, dtype="<f4")
    count = len(labels)
    if not np.isfinite(values).all():
        raise fault
    return Weights(
        language=language,
        labels=tuple(labels),
        properties={name: row for row, name in enumerate(names)},
        transitions=values[: count * count].reshape(count, count),
        of_properties=values[count * count :].reshape(len(names), count),
        kinds=kinds,
    )


def _fits(labels: list[str], names: list[str], kinds: dict[str, str], rest: bytes) -> bool:
    count = len(labels)
    sized = (
        1 <= count <= _MOST_LABELS
        and math.prod((count, count + len(names))) <= _MOST_VALUES
        and len(rest) == 4 * count * (count + len(names))
    )
    named = all(label == "O" or label[:2] in ("B-", "I-") for label in labels)
    apart = len(set(labels)) == count and len(set(names)) == len(names)
    known = all(label == "O" or label[2:] in kinds for label in labels)
    return sized and named and apart and known and "O" in labels


def _texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
