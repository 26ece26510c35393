"""What staff do after an alert, and how it shows in the data."""

from dataclasses import dataclass
from typing import Literal

from bedside.core.records.question import Predicate

__all__ = ["Intervention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """Something that is done because of an alert: an alert that it follows was acted on.

    Exactly one of `signal` and `event` tells by which events it shows.

    Args:
        label: What it is called.
        within: How long after an alert it counts as done because of it, such as `6 h`.
        signal: One of the declaration's signals: any of its codes shows it.
        event: Or events in the words of the question's predicates, by code, value and text.
        shows: Whether its events are orders, or what was done.
        not_within: Where it was seen so long before the alert, or at it, it was going on already
            and does not count; None: whatever was before.
        drafts: Whether draft orders of CDS Hooks with its codes count too: `signed`, those that
            are being signed (`order-sign`); `selected`, also those that are being picked
            (`order-select`), which may be given up again.
    """

    label: str
    within: str
    signal: str = ""
    event: Predicate | None = None
    shows: Literal["order", "treatment"] = "treatment"
    not_within: str | None = None
    drafts: Literal["none", "signed", "selected"] = "signed"
