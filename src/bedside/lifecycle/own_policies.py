"""A hospital's own policies: added, taken back, compared and tested."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports.policy import Policies
from bedside.core.records.decision import DecisionKind
from bedside.core.records.policy import Act, PolicyText, Resource
from bedside.core.records.policy_table import PolicyTable
from bedside.core.records.policy_version import PolicyVersion
from bedside.governance.policy_testing import TableRow, ask_table
from bedside.governance.shipped_policies import PolicySource, shipped_policies
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.signed_effects import HandAsked, signed_for

__all__ = ["PolicyChange", "add_policies", "compare_policies", "remove_policies"]

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Parse = Callable[[Sequence[PolicySource]], Policies]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What a new text would change.

    Args:
        added: The policies that are new.
        changed: Those that say something else under the same name.
        gone: Those that would be gone.
        decisions: The rows of a table that would be decided in another way.
    """

    added: tuple[PolicyText, ...]
    changed: tuple[PolicyText, ...]
    gone: tuple[PolicyText, ...]
    decisions: tuple[TableRow, ...]


def add_policies(
    platform: Platform,
    origin: str,
    text: str,
    *,
    decision: str,
    parse: Parse,
    hand: HandAsked | None = None,
) -> PolicyVersion:
    """Keep the next version of a file of policies; it counts from now on.

    What is shipped stays: a policy of a hospital can permit more or forbid more, and lift no limit.
    Where roles count, two people sign for it.

    Args:
        platform: The workspace.
        origin: The name of the file, without its ending.
        text: Cedar.
        decision: Which decision the change rests on, such as the number of a minute.
        parse: Makes policies of sources, or refuses them.
        hand: Asks for what the actor signs with.

    Raises:
        Invalid: the name, the decision or the text is none.
        Refused: the actor may not (code `not_allowed`), it says what it said (`same_policies`), or
            somebody must sign yet (`waits`).
    """
    enter(platform, Act.MANAGE_POLICIES, Resource(name=origin))
    _check(origin, decision)
    newest = {one.origin: one for one in platform.own_policies.all()}
    if origin in newest and newest[origin].text == text:
        raise Refused("These policies say this already.", fix="change them.", code="same_policies")
    parse(_with(platform, origin, text))
    return _kept(platform, "policy.add", origin, text, decision, hand)


def remove_policies(
    platform: Platform, origin: str, *, decision: str, hand: HandAsked | None = None
) -> PolicyVersion:
    """Take a file of policies back; its versions are kept. Where roles count, two people sign.

    Raises:
        Invalid: there is no decision.
        NotFound: there is no such file.
        Refused: the actor may not (code `not_allowed`), or somebody must sign yet (`waits`).
    """
    enter(platform, Act.MANAGE_POLICIES, Resource(name=origin))
    _check(origin, decision)
    newest = {one.origin: one for one in platform.own_policies.all()}
    if origin not in newest or not newest[origin].text:
        raise NotFound("There are no such policies.", fix="see them all: bedside policy show.")
    return _kept(platform, "policy.remove", origin, "", decision, hand)


def compare_policies(
    platform: Platform, origin: str, text: str, table: PolicyTable, *, parse: Parse
) -> PolicyChange:
    """What would be different with a new text of a file: policies, and decisions of a table.

    Raises:
        Invalid: the text is no policies.
    """
    now, then = platform.policies, parse(_with(platform, origin, text))
    before = {one.name: one for one in now.describe()}
    after = {one.name: one for one in then.describe()}
    moment = platform.clock.now()
    rows = zip(ask_table(now, table, moment), ask_table(then, table, moment), strict=True)
    return PolicyChange(
        added=tuple(one for name, one in after.items() if name not in before),
        changed=tuple(
            one for name, one in after.items() if name in before and before[name].text != one.text
        ),
        gone=tuple(one for name, one in before.items() if name not in after),
        decisions=tuple(new for old, new in rows if old.decision.allowed != new.decision.allowed),
    )


def _with(platform: Platform, origin: str, text: str) -> list[PolicySource]:
    """What counts in the workspace, with this text in the place of the file's own."""
    newest = {one.origin: one.text for one in platform.own_policies.all()} | {origin: text}
    own = [PolicySource(origin=name, text=told) for name, told in newest.items() if told]
    return [*shipped_policies(), *own]


def _kept(
    platform: Platform,
    action: str,
    origin: str,
    text: str,
    decision: str,
    hand: HandAsked | None,
) -> PolicyVersion:
    told = {"policies": origin, "decision": decision, "sha256": digest_bytes(text.encode())}
    signed = signed_for(
        platform,
        DecisionKind.POLICY_CHANGE,
        f"the policies of '{origin}'",
        {"action": action, **told},
        hand,
        shown={"text": text},
    )
    by, now = platform.actor.name, platform.clock.now()
    entry = told if signed is None else told | {"decision_id": signed}
    platform.ledger.append(platform.actor, action, entry)
    return platform.own_policies.add(origin, text, by=by, at=now, decision=decision)


def _check(origin: str, decision: str) -> None:
    if NAME.fullmatch(origin) is None:
        raise Invalid(
            "This is no name for policies.",
            fix="call the file by small letters, digits, - and _, such as ward.cedar.",
        )
    if not decision.strip():
        raise Invalid(
            "A change of policies rests on a decision.", fix="say which one with --decision."
        )
