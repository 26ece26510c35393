"""Who asks a running server for something, and what they may do there."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["EVERYTHING", "Action", "Caller"]


class Action(StrEnum):
    """What a route does; every route names one."""

    LIVE = "live"
    """Says that the process runs: the one thing that needs no caller."""
    DESCRIBE = "describe"
    INFER = "infer"
    FEEDBACK = "feedback"
    OBSERVE = "observe"
    """Reads metrics, which hold no patient's value."""


EVERYTHING = frozenset(f"{action.value}/*" for action in Action)
"""The scopes of whoever may do everything on every model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated caller.

    A scope is `ACTION/MODEL`, such as `infer/sepsis`; `*` stands for every model. What no scope
    names is refused.
    """

    name: str
    scopes: frozenset[str] = field(default_factory=frozenset)

    def may(self, action: Action, model: str | None = None) -> bool:
        """Whether a scope allows the action on the model; None: on any model at all.

        >>> ehr = Caller(name="ehr", scopes=frozenset({"infer/sepsis"}))
        >>> ehr.may(Action.INFER, "sepsis"), ehr.may(Action.INFER, "falls"), ehr.may(Action.OBSERVE)
        (True, False, False)
        """
        if action is Action.LIVE or f"{action.value}/*" in self.scopes:
            return True
        if model is None:
            return any(scope.startswith(f"{action.value}/") for scope in self.scopes)
        return f"{action.value}/{model}" in self.scopes
