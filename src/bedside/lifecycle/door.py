"""The one door: whoever does something with a workspace goes through here, and may be refused.

A verb says what it does and with what; the policies decide for the actor, their roles and their
purpose. A refusal is written to the ledger. What is allowed is written there by the verb itself.
"""

from typing import Any, Protocol

from bedside.core.clock import Clock
from bedside.core.errors import Refused
from bedside.core.ports import Ledger
from bedside.core.ports.policy import People, Policies
from bedside.core.records.ledger import Actor
from bedside.core.records.policy import Access, Act, Decision, Resource, Role
from bedside.core.records.purpose import PURPOSE_WORDS, Purpose, purpose_of

__all__ = ["Guarded", "access_for", "decided", "enter", "enter_as", "enter_for", "with_consent"]

WORKSPACE = Resource()
WHO_TO_ASK = {
    Act.COLLECT: "a data steward",
    Act.EXPORT: "a privacy officer",
    Act.DEVELOP: "a data steward or a privacy officer",
    Act.MANAGE_POLICIES: "a privacy officer",
    Act.REIDENTIFY: "a privacy officer",
    Act.APPROVE: "a clinical reviewer",
}
_RUN_SERVICES = frozenset({Role.ADMINISTRATOR, Role.ML_ENGINEER, Role.SERVICE})


class Guarded(Protocol):
    """What the door needs of a platform."""

    @property
    def policies(self) -> Policies:
        """What decides."""
        ...

    @property
    def people(self) -> People:
        """Who holds which role."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where refusals are written."""
        ...

    @property
    def clock(self) -> Clock:
        """What time it is."""
        ...

    @property
    def actor(self) -> Actor:
        """Who acts, for which purpose."""
        ...


def enter(platform: Guarded, act: Act, resource: Resource = WORKSPACE) -> Decision:
    """Let the platform's actor through, or refuse.

    Raises:
        Refused: the policies do not permit it (code `not_allowed`); the ledger tells of it.
    """
    return enter_as(platform, platform.actor, act, resource)


def enter_as(platform: Guarded, actor: Actor, act: Act, resource: Resource = WORKSPACE) -> Decision:
    """Let somebody through for whom a server or a service acts, or refuse.

    Raises:
        Refused: the policies do not permit it (code `not_allowed`); the ledger tells of it.
    """
    access = access_for(platform, actor, act, resource)
    decision = platform.policies.decide(access)
    if decision.allowed:
        return decision
    told: dict[str, Any] = {
        "act": act.value,
        "what": resource.name,
        "zone": None if resource.zone is None else resource.zone.value,
        "purpose_code": access.purpose.value,
        "roles": sorted(access.roles),
        "policies": list(decision.policies),
    }
    if decision.faults:
        told["faults"] = list(decision.faults)
    platform.ledger.append(actor, "policy.fault" if decision.faults else "policy.refused", told)
    raise Refused(
        " ".join(
            decision.reasons[:1]
            if decision.policies or decision.faults
            else [f"No policy permits this to {_who(access)}."]
        ),
        fix=f"{_fix(access)} See why: {_explain(access)}.",
        code="not_allowed",
    )


def enter_for(platform: Guarded, user: str) -> None:
    """Let the user of this machine act as the platform's actor, or refuse.

    While a workspace is one person's own, that person names who acts. Where roles count, a user
    acts as themselves; administrators, ML engineers and who runs services may act as a service.

    Raises:
        Refused: the user may not act as this actor (code `not_you`); the ledger tells of it.
    """
    name = platform.actor.name
    if name == user or not platform.people.is_strict():
        return
    roles = platform.people.roles_of(user, platform.clock.now())
    if name.startswith("service:") and roles & _RUN_SERVICES:
        return
    who = Actor(name=user, purpose=platform.actor.purpose)
    platform.ledger.append(who, "policy.refused", {"act": "act_as", "what": name})
    raise Refused(
        f"{user} may not act as {name} here.",
        fix="leave --actor out; only who runs services may act as service:NAME.",
        code="not_you",
    )


def decided(
    platform: Guarded, actor: Actor, act: Act, resource: Resource = WORKSPACE
) -> tuple[Access, Decision]:
    """What the policies would say, with nothing done and nothing written."""
    access = access_for(platform, actor, act, resource)
    return access, platform.policies.decide(access)


def with_consent(platform: Guarded, act: Act, resource: Resource, purpose: Purpose) -> bool:
    """Whether the platform's actor might do it for a purpose; nothing is written."""
    asked = Actor(name=platform.actor.name, purpose=purpose.value)
    return decided(platform, asked, act, resource)[1].allowed


def access_for(platform: Guarded, actor: Actor, act: Act, resource: Resource) -> Access:
    """The question that is put to the policies."""
    now = platform.clock.now()
    return Access(
        actor=actor.name,
        roles=platform.people.roles_of(actor.name, now),
        act=act,
        resource=resource,
        purpose=purpose_of(actor.purpose),
        when=now,
    )


def _who(access: Access) -> str:
    if access.roles == frozenset(Role):
        return f"{access.actor}, for {PURPOSE_WORDS[access.purpose]}"
    held = ", ".join(sorted(access.roles)) or "no role here"
    return f"{access.actor} ({held}), for {PURPOSE_WORDS[access.purpose]}"


def _fix(access: Access) -> str:
    if access.purpose is Purpose.UNKNOWN:
        known = ", ".join(word for one, word in PURPOSE_WORDS.items() if one is not access.purpose)
        return f"say another --purpose, such as research, or the HL7 code of one of: {known}."
    return f"ask {WHO_TO_ASK.get(access.act, 'an administrator')}, or say another --purpose."


def _explain(access: Access) -> str:
    place = "" if access.resource.zone is None else f" --zone {access.resource.zone.value}"
    return (
        f"bedside policy explain {access.actor} {access.act.value} "
        f"{access.resource.name}{place} --purpose {access.purpose.value}"
    )
