"""What a declaration must keep when it speaks of fairness."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["fairness_mistakes"]


def fairness_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    if declaration.fairness is not None:
        yield Mistake(("fairness",), "this is not here yet", "remove it")
