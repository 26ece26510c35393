"""What a rule says of a message, and the rules that every member has: it is there, and filled."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["FHIR_ID", "Problem", "Walk", "at", "content", "listed", "text"]

FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Problem:
    """A broken rule: where, which rule, and what is wrong there; never what stands there."""

    where: str
    rule: str
    text: str


Walk = Iterator[Problem]


def at(where: str, key: str) -> str:
    """The place of a member.

    >>> at("cards[0]", "summary"), at("", "cards")
    ('cards[0].summary', 'cards')
    """
    return f"{where}.{key}" if where else key


def text(told: Mapping[str, Any], where: str, key: str, *, required: bool = False) -> Walk:
    """A member that is a text with something in it."""
    if key not in told:
        if required:
            yield Problem(at(where, key), "required", "is not given")
    elif not isinstance(told[key], str):
        yield Problem(at(where, key), "string", "is not a text")
    elif not told[key].strip():
        yield Problem(at(where, key), "content", "is empty")


def content(told: Mapping[str, Any], where: str, key: str, *, required: bool = False) -> Walk:
    """A member that is an object with something in it."""
    if key not in told:
        if required:
            yield Problem(at(where, key), "required", "is not given")
    elif not isinstance(told[key], dict):
        yield Problem(at(where, key), "object", "is not an object")
    elif not told[key]:
        yield Problem(at(where, key), "content", "is empty")


def listed(
    told: Mapping[str, Any], where: str, key: str, *, required: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object of a list, with its place; what is no object counts as an empty one.

    An absent list that is required, or a member that is no list, is one empty object at its place,
    so that whatever the object needs is missed there.
    """
    if key not in told:
        if required:
            yield at(where, key), {}
        return
    if not isinstance(told[key], list):
        yield at(where, key), {}
        return
    for index, one in enumerate(told[key]):
        yield f"{at(where, key)}[{index}]", one if isinstance(one, dict) else {}
