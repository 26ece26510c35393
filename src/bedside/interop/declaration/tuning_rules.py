"""What a declaration must keep when it speaks of tuning."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["tuning_mistakes"]


def tuning_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    if declaration.learner.tuning is not None:
        yield Mistake(("learner", "tuning"), "this is not here yet", "remove it")
