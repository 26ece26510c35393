"""What a declaration must keep of the learners that are installed."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Protocol

from bedside.core.errors import NotFound
from bedside.core.records.declaration import Declaration
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["LearnerFacts", "LearnerOf", "learner_mistakes"]


class LearnerFacts(Protocol):
    """What the rules ask of a learner."""

    @property
    def outcomes(self) -> Collection[str]:
        """The kinds of outcome that it can learn."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters that it takes."""
        ...

    @property
    def takes_monotone(self) -> bool:
        """Whether it obeys monotone constraints."""
        ...


LearnerOf = Callable[[str], LearnerFacts]
"""The learner of a name; raises NotFound, with the known names in its fix, where there is none."""


def learner_mistakes(declaration: Declaration, learner_of: LearnerOf) -> Iterator[Mistake]:
    """Every rule of the learner that the declaration breaks."""
    try:
        learner = learner_of(declaration.learner.kind)
    except NotFound as error:
        yield Mistake(("learner", "kind"), error.problem, error.fix.rstrip("."))
        return
    for key in declaration.learner.parameters:
        if key not in learner.parameters:
            yield Mistake(
                ("learner", "parameters", key),
                f"unknown parameter '{key}'",
                nearest(key, learner.parameters),
            )
