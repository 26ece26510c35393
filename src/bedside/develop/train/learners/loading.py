"""The installed learners, by the name under which a declaration asks for them."""

from importlib.metadata import entry_points

from bedside.core.errors import NotFound
from bedside.develop.train.learners.contract import Learner

__all__ = ["GROUP", "learner_names", "learner_of"]

GROUP = "bedside.learners"


def learner_names() -> tuple[str, ...]:
    """Every installed learner, in alphabetical order."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def learner_of(name: str) -> Learner:
    """The learner of this name.

    Raises:
        NotFound: none of this name is installed.
    """
    for point in entry_points(group=GROUP, name=name):
        made: Learner = point.load()()
        return made
    raise NotFound(
        f"No learner '{name}' is installed.",
        fix=f"use one of: {', '.join(learner_names())}.",
    )
