"""What a declaration must keep when it speaks of the kind of its outcome."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["outcome_mistakes"]


def outcome_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    if declaration.question.outcome.kind != "binary":
        yield Mistake(("question", "outcome"), "this is not here yet", "remove it")
