"""Where somebody's roles come from: a grant by hand, a group of the hospital, or what they are."""

from dataclasses import dataclass
from typing import Any

from bedside.core.clock import iso
from bedside.core.records.policy import Access, Role
from bedside.lifecycle.platform import Platform

__all__ = ["HeldRole", "held_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRole:
    """One role of somebody and where it came from.

    Args:
        role: Which.
        origin: In words.
        by: Who gave it, or `group:NAME`; empty: nobody had to.
        until: The moment when it ends, ISO 8601; None: never by itself.
    """

    role: Role
    origin: str
    by: str = ""
    until: str | None = None

    def words(self) -> str:
        """A line for people."""
        end = "" if self.until is None else f", until {self.until[:16]}Z"
        return f"  {self.role.value}: {self.origin}{end}"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "role": self.role.value,
            "origin": self.origin,
            "by": self.by,
            "until": self.until,
        }


def held_by(platform: Platform, access: Access) -> tuple[HeldRole, ...]:
    """The roles that counted for a question, each with every grant that gives it.

    Nothing while nobody holds a role, and so everybody every one.
    """
    if not platform.people.is_strict():
        return ()
    found = []
    for one in platform.people.grants():
        if one.person != access.actor or not one.counts(access.when):
            continue
        origin = f"given by {one.by}" if one.group is None else f"by the group {one.group}"
        until = None if one.expires is None else iso(one.expires)
        found.append(HeldRole(role=one.role, origin=origin, by=one.by, until=until))
    told = {one.role for one in found}
    found += [
        HeldRole(role=role, origin="as every program and caller of a server")
        for role in sorted(access.roles - told)
    ]
    return tuple(found)
