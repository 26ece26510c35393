"""The policies in Cedar: parsed once, kept to a schema, and anything that fails is a refusal.

Cedar ignores a policy that errors, so that a `forbid` which errors would let everything through.
Here an error refuses, whatever the other policies say. A policy whose scope names other actions
cannot decide about an action, so each action is asked of its own policies alone.

Source: Cedar policy language, authorization algorithm (docs.cedarpolicy.com/auth/authorization).
"""

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import cedarpy
from cedarpy import pst

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.policy import Access, Act, Decision, PolicyText
from bedside.core.records.purpose import Purpose
from bedside.governance.policy_words import reasons_of
from bedside.governance.shipped_policies import PolicySource, schema_text

__all__ = ["CedarPolicies"]

LARGEST = 1 << 20  # characters of one file
KEPT = 4096  # decisions
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    """One policy as it was parsed, and until when it counts."""

    node: Any
    told: PolicyText
    ends: datetime


class CedarPolicies:
    """The Policies port on Cedar.

    Args:
        sources: What counts together: what one forbids no other can permit.

    Raises:
        Invalid: a text is not Cedar or does not keep the schema, a policy has no name or no words,
            two have one name, or an end is no time (code `policy`).
    """

    def __init__(self, sources: Sequence[PolicySource]) -> None:
        self._policies = [one for source in sources for one in _parsed(source)]
        names = [one.told.name for one in self._policies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise _wrong(f"Two policies are called '{twice[0]}'.", "give each its own name in @id.")
        self._kept: OrderedDict[Access, Decision] = OrderedDict()
        self._sets: dict[Act, Any] = {}
        self._until = datetime.min.replace(tzinfo=UTC)

    def describe(self) -> Sequence[PolicyText]:
        """Every policy, in the order of its text; those that ended too."""
        return [one.told for one in self._policies]

    def decide(self, access: Access) -> Decision:
        """Whether it may be done, by which policies and why.

        A decision is the same until a policy ends, so it is kept and given again.
        """
        if access.when >= self._until:
            self._begin(access.when)
        kept = self._kept.get(access)
        if kept is None:
            kept = self._kept[access] = self._decided(access)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept

    def _begin(self, now: datetime) -> None:
        """Leave out what has ended, and note when the next one ends."""
        self._kept.clear()
        self._sets.clear()
        self._until = min((one.ends for one in self._policies if one.ends > now), default=NEVER)
        good = [one for one in self._policies if one.ends > now]
        for act in Act:
            nodes = {one.told.name: one.node for one in good if act.value in one.told.acts}
            parsed = pst.PolicySet(templates={}, static_policies=nodes, template_links=())
            self._sets[act] = cedarpy.PolicySet.from_pst(parsed)

    def _decided(self, access: Access) -> Decision:
        try:
            found = cedarpy.is_authorized(
                _request(access),
                self._sets[access.act],
                _entities(access.actor, tuple(sorted(access.roles))),
                _schema(),
            )
            faults = tuple(map(self._named, found.diagnostics.errors))
            names = () if faults else tuple(sorted(found.diagnostics.reasons))
            allowed = bool(found.allowed) and not faults
        except ValueError:  # a question that does not keep the schema
            faults, names, allowed = ("the question itself",), (), False
        told = {one.told.name: one.told for one in self._policies}
        return Decision(
            allowed=allowed,
            policies=names,
            reasons=reasons_of(access, allowed, [told[name] for name in names], faults, told),
            faults=faults,
        )

    def _named(self, error: str) -> str:
        """The policy that an error is about; the error's own text may repeat what was asked."""
        for one in self._policies:
            if f"`{one.told.name}`" in error:
                return one.told.name
        return "the question itself"


def _request(access: Access) -> dict[str, Any]:
    resource = access.resource
    return {
        "principal": {"type": "Person", "id": access.actor},
        "action": {"type": "Action", "id": access.act.value},
        "resource": {"type": "Thing", "id": resource.name},
        "context": {
            "purpose": {"__entity": {"type": "Purpose", "id": access.purpose.value}},
            "zone": "none" if resource.zone is None else resource.zone.value,
            "columns": sorted(resource.columns),
            "consent": resource.consent,
            "small_cells": resource.small_cells,
        },
    }


@lru_cache(maxsize=1)
def _schema() -> cedarpy.Schema:
    return cedarpy.Schema.from_str(schema_text())


@lru_cache(maxsize=1024)
def _entities(actor: str, roles: tuple[str, ...]) -> cedarpy.Entities:
    """One person with their roles, and the purposes; checked against the schema."""
    held = [{"type": "Role", "id": role} for role in roles]
    told = [
        {"uid": {"type": "Person", "id": actor}, "attrs": {}, "parents": held},
        *({"uid": role, "attrs": {}, "parents": []} for role in held),
        *(
            {
                "uid": {"type": "Purpose", "id": purpose.value},
                "attrs": {},
                "parents": (
                    []
                    if purpose.above is None
                    else [{"type": "Purpose", "id": purpose.above.value}]
                ),
            }
            for purpose in Purpose
        ),
    ]
    return cedarpy.Entities.from_json_str(json.dumps(told), _schema())


def _parsed(source: PolicySource) -> list[_Policy]:
    if len(source.text) > LARGEST:
        raise _wrong("The policies are too long.", "write less than a million characters.")
    try:
        parsed = cedarpy.policies_to_pst(source.text)
        checked = cedarpy.validate_policies(source.text, _schema())
    except ValueError as error:
        raise _wrong(
            f"This is not Cedar ({_first_line(error)}).", "see docs.cedarpolicy.com/policies."
        ) from None
    if parsed.templates or parsed.template_links:
        raise _wrong("A template decides nothing.", "write a policy without ?principal slots.")
    if not checked.validation_passed:
        raise _wrong(
            f"A policy does not keep the schema: {_first_line(checked.errors[0].error)}.",
            "use the words of bedside policy show --schema.",
        )
    numbered = sorted(parsed.static_policies.items(), key=lambda one: int(one[0][len("policy") :]))
    return [_policy(node, source.origin) for _, node in numbered]


def _policy(node: Any, origin: str) -> _Policy:
    notes = dict(node.annotations)
    name, words, expires = (notes.get(key) for key in ("id", "words", "expires"))
    if not name or not words:
        raise _wrong(
            "A policy has no name, or no words for people.", 'write @id("…") and @words("…").'
        )
    if expires is not None and len(expires) == len("2026-01-01"):
        expires += "T00:00:00Z"
    try:
        ends = NEVER if expires is None else parse_instant(expires)
    except (ValueError, Invalid):
        raise _wrong(f"The end of '{name}' is no time.", "write 2027-01-31.") from None
    named = replace(node, id=name)
    alone = pst.PolicySet(templates={}, static_policies={name: named}, template_links=())
    told = PolicyText(
        name=name,
        words=words,
        forbids=node.effect == "forbid",
        text=str(cedarpy.PolicySet.from_pst(alone)),
        origin=origin,
        acts=tuple(_acts(node.action)),
        expires=expires,
    )
    return _Policy(node=named, told=told, ends=ends)


def _acts(scope: Any) -> Iterable[str]:
    """The actions that a policy can decide about."""
    if isinstance(scope, pst.ActionEq):
        return [scope.entity.id]
    if isinstance(scope, pst.ActionIn):
        return [one.id for one in scope.entities]
    return [act.value for act in Act]


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [""])[0].rstrip(".")


def _wrong(problem: str, fix: str) -> Invalid:
    return Invalid(problem, fix=fix, code="policy")
