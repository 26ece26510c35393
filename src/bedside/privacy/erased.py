"""The error of a subject whose key was destroyed."""

from bedside.core.errors import Refused

__all__ = ["erased"]


def erased() -> Refused:
    """Why nothing of the subject is given."""
    return Refused(
        "This subject was erased: what stood for them can be opened by nobody.",
        fix="leave the subject out; an erasure cannot be undone.",
        code="erased",
    )
