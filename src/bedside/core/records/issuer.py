"""Whose tokens are believed, and what its roles and scopes stand for here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bedside.core.errors import Invalid
from bedside.core.records.caller import check_scopes, common_scopes

__all__ = ["Issuer"]

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

    def __post_init__(self) -> None:
        if not (self.issuer and self.audience and self.roles_claim) or self.client_id == "":
            raise Invalid(
                "An issuer lacks its address, its audience or the name of its claim.",
                fix="give issuer, audience and roles_claim.",
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
        found: object = claims
        for part in self.roles_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        named = [found] if isinstance(found, str) else _texts(found)
        return _union(self.roles.get(role, frozenset()) for role in named)


def _texts(told: object) -> list[str]:
    return [one for one in told if isinstance(one, str)] if isinstance(told, list) else []


def _union(parts: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*parts)
