"""A decision in plain words, for the person who was refused and for the one who must answer."""

from collections.abc import Iterable, Mapping, Sequence

from bedside.core.records.policy import ACT_WORDS, ROLE_WORDS, Access, PolicyText, Role
from bedside.core.records.purpose import PURPOSE_WORDS

__all__ = ["question_words", "reasons_of"]


def question_words(access: Access) -> str:
    """What was asked, as a sentence.

    >>> from datetime import datetime, UTC
    >>> from bedside.core.records.policy import Act, Resource
    >>> from bedside.core.records.purpose import Purpose
    >>> question_words(Access(actor="user:ada", roles=frozenset({Role.AUDITOR}), act=Act.ERASE,
    ...     resource=Resource(name="ward"), purpose=Purpose.HMARKT, when=datetime.now(UTC)))
    'user:ada (auditor) asks to erase a patient: ward, for marketing (HMARKT).'
    """
    held = ", ".join(sorted(role.value for role in access.roles)) or "no role"
    if access.roles == frozenset(Role):
        held = "every role"
    zone = access.resource.zone
    what = access.resource.name if zone is None else f"{access.resource.name}, {zone.value} data"
    purpose = f"{PURPOSE_WORDS[access.purpose]} ({access.purpose.value})"
    return f"{access.actor} ({held}) asks to {ACT_WORDS[access.act]}: {what}, for {purpose}."


def reasons_of(
    access: Access,
    allowed: bool,
    decided: Sequence[PolicyText],
    faults: Sequence[str],
    policies: Mapping[str, PolicyText],
) -> tuple[str, ...]:
    """Why, one sentence after another.

    Args:
        access: What was asked.
        allowed: What was decided.
        decided: The policies that decided.
        faults: Those that could not be evaluated.
        policies: All of them, by name.
    """
    if faults:
        told = ", ".join(sorted(set(faults)))
        return (f"It could not be decided, so it is refused; what failed: {told}.",)
    if decided:
        return tuple(f"{one.words} [{one.name}]" for one in decided)
    could = [one for one in policies.values() if not one.forbids and access.act.value in one.acts]
    return (
        "No policy permits it.",
        *(f"What could permit it: {one.words} [{one.name}]" for one in could),
        *([] if access.roles else [_without_a_role()]),
    )


def _without_a_role() -> str:
    told: Iterable[str] = (f"{role.value} ({words})" for role, words in ROLE_WORDS.items())
    return f"You hold no role here. The roles are: {', '.join(told)}."
