"""Whose tokens are believed, and what its roles and scopes stand for here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bedside.core.errors import Invalid, Refused
from bedside.core.records.caller import check_scopes, common_scopes
from bedside.core.records.policy import Role

__all__ = ["MOST_GROUPS", "Issuer"]

MOST_GROUPS = 500
"""Groups that a token may name; each of at most 255 letters."""
_LONGEST = 255

SMART = {
    "system/*.rs": frozenset({"describe/*", "infer/*"}),
    "system/*.read": frozenset({"describe/*", "infer/*"}),
    "system/*.cruds": frozenset({"describe/*", "infer/*", "feedback/*"}),
    "user/*.rs": frozenset({"describe/*", "infer/*"}),
    "user/*.cruds": frozenset({"describe/*", "infer/*", "feedback/*"}),
    "system/RiskAssessment.rs": frozenset({"describe/*", "infer/*"}),
    "user/RiskAssessment.rs": frozenset({"describe/*", "infer/*"}),
}
"""What scopes of SMART App Launch 2.2 stand for here, as far as they stand for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """An OpenID provider.

    A token may what its scopes stand for, and of that only what its roles allow where `roles` is
    given: each can only narrow the other, so nobody gains by a scope that a role does not cover.

    Args:
        issuer: The `iss` of its tokens, under which its metadata lie.
        audience: What `aud` of an access token must name: this server.
        client_id: Under which this server signs people in; None: nobody is.
        clients: The only `azp` or `client_id` that access tokens may be of; any, where empty.
        roles: What each role allows, by its name; a token with none of them is refused.
        roles_claim: The name of the claim that holds the roles, or a path to it with dots.
        scopes: What each scope stands for, beside what SMART's do.
        groups: The roles of a workspace that a group of the person gives while they are signed in;
            a group that is not named gives nothing.
        groups_claim: The name of the claim that holds the groups, or a path to it with dots.
        groups_scope: What is asked for beside `openid` so that the provider tells the groups.

    Raises:
        Invalid: it does not say for whom tokens are, or a scope is none.

    >>> hospital = Issuer(issuer="https://id.example", audience="bedside",
    ...     roles={"nurse": frozenset({"infer/sepsis"})})
    >>> sorted(hospital.allowed({"scope": "user/*.rs", "roles": ["nurse", "cook"]}))
    ['infer/sepsis']
    """

    issuer: str
    audience: str
    client_id: str | None = None
    clients: frozenset[str] = frozenset()
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles_claim: str = "roles"
    scopes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    groups_claim: str = "groups"
    groups_scope: str = ""

    def __post_init__(self) -> None:
        told = (self.issuer, self.audience, self.roles_claim, self.groups_claim)
        if not all(told) or self.client_id == "":
            raise Invalid(
                "An issuer lacks its address, its audience or the name of a claim.",
                fix="give issuer, audience, roles_claim and groups_claim.",
                code="issuer",
            )
        for ours in (*self.roles.values(), *self.scopes.values()):
            check_scopes(ours)

    def allowed(self, claims: Mapping[str, object]) -> frozenset[str]:
        """What an access token may: what its scopes stand for, narrowed by its roles."""
        told = claims.get("scope", claims.get("scp", ""))
        named = told.split() if isinstance(told, str) else _texts(told)
        table = SMART | dict(self.scopes)
        by_scope = _union(table.get(scope, frozenset()) for scope in named)
        return common_scopes(by_scope, self.allowed_roles(claims)) if self.roles else by_scope

    def allowed_roles(self, claims: Mapping[str, object]) -> frozenset[str]:
        """What the roles of a person or of a token allow; nothing where none is known."""
        named = _claimed(claims, self.roles_claim)
        return _union(self.roles.get(role, frozenset()) for role in named)

    def roles_by_group(self, claims: Mapping[str, object]) -> dict[Role, str]:
        """The roles in the workspace that the groups of a person give, each with its group.

        Raises:
            Refused: there are too many groups to be looked at (code `too_many_groups`).

        >>> hospital = Issuer(issuer="https://id.example", audience="bedside",
        ...     groups={"icu-doctors": frozenset({Role.CLINICAL_REVIEWER})})
        >>> hospital.roles_by_group({"groups": ["icu-doctors", "choir"]})
        {<Role.CLINICAL_REVIEWER: 'clinical_reviewer'>: 'icu-doctors'}
        """
        if not self.groups:
            return {}
        named = _claimed(claims, self.groups_claim)
        if len(named) > MOST_GROUPS or any(len(one) > _LONGEST for one in named):
            raise Refused(
                f"The provider names more than {MOST_GROUPS} groups, or one with a very long name.",
                fix="let it send only the groups that are assigned to this application.",
                code="too_many_groups",
            )
        return {
            role: group
            for group in sorted(set(named), reverse=True)  # of several the first counts
            for role in sorted(self.groups.get(group, frozenset()))
        }


def _claimed(claims: Mapping[str, object], path: str) -> list[str]:
    """The texts of a claim; one that is a text alone counts as a list of it."""
    found: object = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return [found] if isinstance(found, str) else _texts(found)


def _texts(told: object) -> list[str]:
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)
