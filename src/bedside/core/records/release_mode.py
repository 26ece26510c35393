"""Under which rule data may leave the identified zone, and what that rule allows."""

from enum import StrEnum

__all__ = ["ReleaseMode"]


class ReleaseMode(StrEnum):
    """A release mode, after 45 CFR 164.514.

    >>> ReleaseMode.SAFE_HARBOR.shifts_dates, ReleaseMode.EXPERT.shifts_dates
    (False, True)
    """

    SAFE_HARBOR = "safe_harbor"
    """164.514(b)(2): the eighteen identifiers are gone, dates are years."""
    EXPERT = "expert"
    """164.514(b)(1): an expert has found the risk very small, and written down why."""
    LIMITED_DATASET = "limited_dataset"
    """164.514(e): no direct identifiers; dates and places stay; a data use agreement is needed."""
    IDENTIFIED = "identified"
    """Nothing was taken out."""

    @property
    def is_released(self) -> bool:
        """Whether anything was taken out at all."""
        return self is not ReleaseMode.IDENTIFIED

    @property
    def is_deidentified(self) -> bool:
        """Whether what is released is no longer health information of known people."""
        return self in (ReleaseMode.SAFE_HARBOR, ReleaseMode.EXPERT)

    @property
    def shifts_dates(self) -> bool:
        """Whether dates may be moved by an offset; a moved date is not Safe Harbor."""
        return self in (ReleaseMode.EXPERT, ReleaseMode.LIMITED_DATASET)

    @property
    def keeps_dates(self) -> bool:
        """Whether dates may stay as they are."""
        return self in (ReleaseMode.LIMITED_DATASET, ReleaseMode.IDENTIFIED)

    @property
    def allows_derived_codes(self) -> bool:
        """Whether a code may be computed from an identifier; 164.514(c)(1) forbids it."""
        return self is not ReleaseMode.SAFE_HARBOR
