"""Bytes of YAML to a declaration; every mistake names its line and the fix."""

from collections.abc import Callable, Iterator

import msgspec

from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.fairness_rules import fairness_feature_mistakes
from bedside.interop.declaration.learner_rules import LearnerOf, learner_mistakes
from bedside.interop.declaration.rules import mistakes
from bedside.interop.declaration.training_rules import ColumnsOf, training_mistakes
from bedside.interop.declaration.tuning_rules import space_mistakes
from bedside.interop.declaration.yaml_records import Mistake, read_record

__all__ = ["declaration_from_json", "declaration_to_json", "read_declaration"]


def read_declaration(
    content: bytes,
    *,
    metrics: Callable[[Declaration], frozenset[str]],
    features: ColumnsOf | None = None,
    learners: LearnerOf | None = None,
) -> Declaration:
    """Read one `bedside.yaml`.

    Args:
        content: UTF-8 YAML.
        metrics: Names of the metrics that are computed; a gate on another is refused.
        features: The features that a declaration makes; without it, what is said of imputation
            and augmentation is not checked.
        learners: The installed learners; without it, what is said of the learner is not checked.

    Raises:
        Invalid: not YAML, an unknown key, a wrong type, unit, duration, reference or gate. The
            message names the line, the place and the fix.
    """

    def broken(read: Declaration) -> Iterator[Mistake]:
        yield from mistakes(read, metrics(read))
        if learners is not None:
            yield from learner_mistakes(read, learners, features)
            yield from space_mistakes(read, learners)
        if features is not None:
            yield from training_mistakes(read, features)
            yield from fairness_feature_mistakes(read, features)

    return read_record(content, Declaration, file="bedside.yaml", mistakes=broken)


def declaration_to_json(declaration: Declaration) -> bytes:
    """Canonical JSON of a declaration, for the bundle."""
    return canonical_json(msgspec.to_builtins(declaration))


def declaration_from_json(content: bytes) -> Declaration:
    """Read what `declaration_to_json` wrote."""
    return msgspec.convert(msgspec.json.decode(content), Declaration)
