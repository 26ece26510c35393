"""How stand-ins and numbers of a subject are drawn: at random, never from what they stand for."""

from collections.abc import Callable
from random import Random

from bedside.core.errors import Invalid
from bedside.core.ports.vault import Numbers
from bedside.core.records.identifier import IdentifierKind

__all__ = ["ALONE", "draw_free", "draw_numbers", "project_name"]

WEEK = 7  # days: a multiple of it keeps the day of the week
WEEKS = 52  # at most, in both directions: 364 days
TRIES = 1000  # before a draw is told that it has too few to choose from

ALONE = frozenset(
    {
        IdentifierKind.SOCIAL_SECURITY,
        IdentifierKind.RECORD_NUMBER,
        IdentifierKind.HEALTH_PLAN,
        IdentifierKind.ACCOUNT,
        IdentifierKind.LICENCE,
        IdentifierKind.DEVICE,
        IdentifierKind.OTHER,
    }
)
"""Kinds that are one subject's alone: their stand-ins differ in all of a project.

Of the other kinds, such as names, only the stand-ins of one subject differ from each other.
"""


def draw_numbers(random: Random, *, is_free: Callable[[int], bool]) -> Numbers:
    """A pseudonym in [1, 2**63) that is free, and an offset in weeks that is not 0."""
    pseudonym = random.randrange(1, 2**63)
    while not is_free(pseudonym):
        pseudonym = random.randrange(1, 2**63)
    weeks = random.randrange(1, WEEKS + 1) * random.choice((-1, 1))
    return Numbers(pseudonym=pseudonym, offset=WEEK * weeks)


def draw_free(
    draw: Callable[[Random], str], random: Random, value: str, *, is_free: Callable[[str], bool]
) -> str:
    """A stand-in that is free, and is not what it stands for.

    Raises:
        Invalid: none was free in a thousand draws (code `no_stand_in`).
    """
    same = value.casefold()
    for _ in range(TRIES):
        proposed = draw(random)
        if proposed.casefold() != same and is_free(proposed):
            return proposed
    raise Invalid(
        "No free stand-in was found in a thousand draws.",
        fix="let the draw choose from more, such as longer numbers or more names.",
        code="no_stand_in",
    )


def project_name(project: str) -> str:
    """The name of a project, as it was given.

    Raises:
        Invalid: it is not lower-case letters and digits joined by hyphens, at most 64.
    """
    parts = project.split("-")
    letters = all(part.isascii() and part.isalnum() and part == part.lower() for part in parts)
    if not letters or len(project) > 64:
        raise Invalid(
            "That is not the name of a project.",
            fix="use a-z, 0-9 and hyphens between them, at most 64.",
            code="project_name",
        )
    return project
