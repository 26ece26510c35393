"""A role that somebody was given, by whom and until when."""

import re
from dataclasses import dataclass
from datetime import datetime

from bedside.core.errors import Invalid
from bedside.core.records.policy import Role

__all__ = ["BY_GROUP", "Grant"]

BY_GROUP = "group:"
"""Before the name of a group that an OpenID provider named; `access.json` gives its roles."""

_PERSON = re.compile(r"(?:user|service|client|oidc):[^\s\x00-\x1f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One grant.

    Args:
        person: As the ledger calls them: `user:NAME`, `oidc:SUBJECT`, `client:NAME` or
            `service:NAME`.
        role: What they may be here.
        by: Who gave it; `group:NAME` where it came by a group when the person signed in.
        given: When; time-zone aware.
        expires: From when on it counts no more; None: never.
        ended: When it was taken back, if it was.

    Raises:
        Invalid: the person is not named so (code `person`).
    """

    person: str
    role: Role
    by: str
    given: datetime
    expires: datetime | None = None
    ended: datetime | None = None

    def __post_init__(self) -> None:
        if _PERSON.fullmatch(self.person) is None:
            raise Invalid(
                "This is no name of a person or a program.",
                fix="write user:NAME, oidc:SUBJECT, client:NAME or service:NAME.",
                code="person",
            )

    @property
    def group(self) -> str | None:
        """The group by which it came; None: somebody gave it by hand."""
        return self.by.removeprefix(BY_GROUP) if self.by.startswith(BY_GROUP) else None

    def counts(self, now: datetime) -> bool:
        """Whether it counts now."""
        return self.ended is None and (self.expires is None or now < self.expires)
