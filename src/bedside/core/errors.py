"""Every error that Bedside raises on purpose.

    BedsideError
    ├── Invalid        what you gave is wrong: change it and call again
    │   └── WrongUnit      a value is in a unit that this rule cannot use
    ├── NotFound       what you named does not exist
    ├── Refused        a rule forbids it: gates, approval, policy, a broken seal
    │   └── AlreadyAnswered  this request has its answer: give that one again
    └── Unavailable    it should work, but something outside does not: disk, lock, model

Each wire maps the four. A message states the problem and the fix, and never a patient's value.
"""

from typing import ClassVar

__all__ = [
    "AlreadyAnswered",
    "BedsideError",
    "Invalid",
    "NotFound",
    "Refused",
    "Unavailable",
    "WrongUnit",
]


class BedsideError(Exception):
    """A problem and its fix, both in plain words.

    Args:
        problem: What is wrong. Never holds a patient's value.
        fix: What to do about it.
        code: A short, stable name that a program can branch on.
    """

    kind: ClassVar[str] = "error"

    def __init__(self, problem: str, *, fix: str, code: str | None = None) -> None:
        self.problem = problem
        self.fix = fix
        self.code = code or self.kind
        super().__init__(f"{problem} Fix: {fix}")


class Invalid(BedsideError):
    """What you gave is wrong: change it and call again."""

    kind = "invalid"


class NotFound(BedsideError):
    """What you named does not exist."""

    kind = "not_found"


class Refused(BedsideError):
    """A rule forbids it: a gate, a missing approval, a policy, a broken seal."""

    kind = "refused"


class AlreadyAnswered(Refused):
    """This request of this caller was answered before, so a second answer is not recorded.

    Args:
        prediction_id: Of the first answer, which is to be given again.
    """

    def __init__(self, prediction_id: str) -> None:
        self.prediction_id = prediction_id
        super().__init__(
            "This request was answered before.",
            fix="give the first answer again, or ask with another request id.",
            code="already_answered",
        )


class Unavailable(BedsideError):
    """It should work, but something outside does not: a full disk, a held lock, a failed model."""

    kind = "unavailable"


class WrongUnit(Invalid):
    """A value is in a unit that this rule cannot use.

    >>> raise WrongUnit("creatinine", got="umol/L", expected="mg/dL")
    Traceback (most recent call last):
    bedside.core.errors.WrongUnit: 'creatinine' is in umol/L, but this rule needs mg/dL. \
Fix: give it in mg/dL, or in a unit that converts to it.
    """

    kind = "wrong_unit"

    def __init__(self, what: str, *, got: str, expected: str) -> None:
        self.got = got
        self.expected = expected
        super().__init__(
            f"'{what}' is in {got}, but this rule needs {expected}.",
            fix=f"give it in {expected}, or in a unit that converts to it.",
        )
