"""Giving people their roles, and taking them back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.grant import BY_GROUP, Grant
from bedside.core.records.policy import Act, Resource, Role
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["grant_role", "note_sign_in", "revoke_role", "role_named"]

FOUNDER = tuple(role for role in Role if role is not Role.SERVICE)


def grant_role(
    platform: Platform, person: str, role: Role, *, lasts: timedelta | None = None
) -> list[Grant]:
    """Give somebody a role.

    With the first grant roles begin to count. So that nobody locks themselves out, whoever gives
    it is then given every role but that of a service; they may be taken back one by one.

    Returns:
        What was given: one grant, or with the first one those of the founder before it.

    Raises:
        Invalid: the person is not named as the ledger names people (code `person`).
        Refused: the actor may not (code `not_allowed`), or they hold it (`role_held`).
    """
    enter(platform, Act.MANAGE_ACCESS, Resource(name=person))
    people, now, by = platform.people, platform.clock.now(), platform.actor.name
    expires = None if lasts is None else now + lasts
    wanted = Grant(person=person, role=role, by=by, given=now, expires=expires)
    given: list[Grant] = []
    if not people.is_strict():
        given = [
            Grant(person=by, role=one, by=by, given=now)
            for one in FOUNDER
            if (by, one) != (person, role)
        ]
    elif any(
        one.person == person and one.role is role and one.counts(now) for one in people.grants()
    ):
        raise Refused(
            "This person holds this role already.",
            fix="take it back first to give it another end: bedside access revoke-role.",
            code="role_held",
        )
    given.append(wanted)
    for one in given:
        told = {"who": one.person, "role": one.role.value}
        until = {} if one.expires is None else {"until": iso(one.expires)}
        platform.ledger.append(platform.actor, "access.grant", told | until)
    people.add(given)
    return given


def revoke_role(platform: Platform, person: str, role: Role) -> None:
    """Take a role back; it counts no more from now on.

    Raises:
        NotFound: the person does not hold it.
        Refused: the actor may not (code `not_allowed`), or nobody would be an administrator
            without an end any more (`last_administrator`).
    """
    enter(platform, Act.MANAGE_ACCESS, Resource(name=person))
    now = platform.clock.now()
    held = [one for one in platform.people.grants() if one.counts(now)]
    if not any(one.person == person and one.role is role for one in held):
        raise NotFound(
            "This person does not hold this role.", fix="see them all: bedside access roles."
        )
    others = {
        one.person
        for one in held
        if one.role is Role.ADMINISTRATOR and one.expires is None and one.person != person
    }
    if role is Role.ADMINISTRATOR and not others:
        raise Refused(
            "Nobody would be an administrator any more.",
            fix="give somebody else that role first, without an end.",
            code="last_administrator",
        )
    told = {"who": person, "role": role.value}
    platform.ledger.append(platform.actor, "access.revoke_role", told)
    platform.people.end(person, role, now)


def note_sign_in(
    platform: Platform, person: str, roles: Mapping[Role, str], until: datetime
) -> None:
    """Note that somebody signed in, with the roles that their groups give until they must again.

    These take the place of what their groups gave before: who left a group has lost its roles.
    The ledger tells of it before it counts.

    Args:
        platform: The workspace, as the server that signed them in.
        person: `oidc:SUBJECT`.
        roles: Each role and the group that gives it, by `access.json`.
        until: The end of the session.

    Raises:
        Refused: groups give roles, and nobody was given one by hand yet (code `nobody_first`).
    """
    now, people = platform.clock.now(), platform.people
    if roles and not people.is_strict():
        raise Refused(
            "Nobody holds a role here yet, so that everybody holds every role.",
            fix="give the first by hand: bedside access grant user:YOU administrator.",
            code="nobody_first",
        )
    grants = [
        Grant(person=person, role=role, by=f"{BY_GROUP}{group}", given=now, expires=until)
        for role, group in roles.items()
    ]
    told: dict[str, Any] = {"who": person}
    if roles:
        told |= {
            "roles": sorted(role.value for role in roles),
            "groups": sorted(set(roles.values())),
            "until": iso(until),
        }
    platform.ledger.append(platform.actor, "access.sign_in", told)
    if people.is_strict():
        people.replace_claimed(person, grants, now)


def role_named(written: str) -> Role:
    """The role of this name.

    Raises:
        Invalid: there is none.
    """
    try:
        return Role(written.strip().lower().replace("-", "_"))
    except ValueError:
        told = ", ".join(role.value for role in Role)
        raise Invalid("There is no such role.", fix=f"use one of: {told}.") from None
