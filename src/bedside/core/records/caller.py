"""Who asks a running server for something, and what they may do there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bedside.core.errors import Invalid

__all__ = ["EVERYTHING", "Action", "Caller", "Deciding", "check_scopes", "common_scopes"]


class Action(StrEnum):
    """What a route does; every route names one."""

    LIVE = "live"
    """Says that the process runs: the one thing that needs no caller."""
    DESCRIBE = "describe"
    INFER = "infer"
    FEEDBACK = "feedback"
    OBSERVE = "observe"
    """Reads metrics, which hold no patient's value."""
    LOGIN = "login"
    """Lets a person in or out: the other thing that needs no caller."""


_OPEN = (Action.LIVE, Action.LOGIN)
EVERYTHING = frozenset(f"{action.value}/*" for action in Action if action not in _OPEN)
"""The scopes of whoever may do everything on every model."""
_GIVEN = "|".join(action.value for action in Action if action not in _OPEN)
_SCOPE = re.compile(rf"(?:{_GIVEN})/(?:[a-z][a-z0-9_]{{0,63}}|\*)")


def check_scopes(scopes: Iterable[str]) -> None:
    """Refuse what is no scope, and no scope at all.

    Raises:
        Invalid: one is not ACTION/MODEL, or there is none (code `scope`).

    >>> check_scopes({"infer/sepsis", "describe/*"})
    """
    told = list(scopes)
    if not told or any(_SCOPE.fullmatch(scope) is None for scope in told):
        actions = ", ".join(_GIVEN.split("|"))
        raise Invalid(
            "This is no scope." if told else "Nobody is let in for nothing.",
            fix=f"write ACTION/MODEL, such as infer/sepsis or describe/*; actions are: {actions}.",
            code="scope",
        )


def common_scopes(some: Iterable[str], others: Iterable[str]) -> frozenset[str]:
    """What both allow; `*` stands for every model.

    >>> sorted(common_scopes({"infer/*", "observe/*"}, {"infer/sepsis", "describe/sepsis"}))
    ['infer/sepsis']
    """
    one, other = frozenset(some), frozenset(others)
    narrow = {scope for scope in one if f"{scope.partition('/')[0]}/*" in other}
    return (
        (one & other) | narrow | {scope for scope in other if f"{scope.partition('/')[0]}/*" in one}
    )


class Deciding(Protocol):
    """The policies of a workspace, asked what a caller may do there, by the caller's name."""

    def known(self, name: str, action: Action, model: str | None) -> bool | None:
        """What was decided and still counts; None: it has to be decided. Returns at once."""
        ...

    def decided(self, name: str, action: Action, model: str | None) -> bool:
        """What is decided now; may wait for a database."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    A scope is `ACTION/MODEL`, such as `infer/sepsis`; `*` stands for every model. What no scope
    names is refused. With `policies` those of a workspace must allow it as well.
    """

    name: str
    scopes: frozenset[str] = field(default_factory=frozenset)
    policies: Deciding | None = field(default=None, repr=False, compare=False)

    def may(self, action: Action, model: str | None = None) -> bool:
        """Whether a scope allows the action on the model; None: on any model at all.

        With policies this may wait for a database; `known_to` never does.

        >>> ehr = Caller(name="ehr", scopes=frozenset({"infer/sepsis"}))
        >>> ehr.may(Action.INFER, "sepsis"), ehr.may(Action.INFER, "falls"), ehr.may(Action.OBSERVE)
        (True, False, False)
        """
        known = self.known_to(action, model)
        if known is None and self.policies is not None:
            return self.policies.decided(self.name, action, model)
        return bool(known)

    def known_to(self, action: Action, model: str | None = None) -> bool | None:
        """Like `may`, at once; None: the policies have to decide, and that may take its time."""
        if action in _OPEN:
            return True
        if not self._has_scope(action, model):
            return False
        return True if self.policies is None else self.policies.known(self.name, action, model)

    def _has_scope(self, action: Action, model: str | None) -> bool:
        if f"{action.value}/*" in self.scopes:
            return True
        if model is None:
            return any(scope.startswith(f"{action.value}/") for scope in self.scopes)
        return f"{action.value}/{model}" in self.scopes
