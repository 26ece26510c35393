"""What a declaration must keep when it speaks of uncertainty."""

from collections.abc import Iterator

from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["uncertainty_mistakes"]


def uncertainty_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule of it that the declaration breaks."""
    if declaration.uncertainty.coverage or declaration.uncertainty.domain:
        yield Mistake(("uncertainty",), "this is not here yet", "remove it")
