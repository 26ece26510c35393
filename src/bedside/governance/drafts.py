"""What an entry of the ledger must be before it is written."""

import json
from functools import lru_cache
from typing import Any

from bedside.core.errors import Invalid
from bedside.core.records.ledger import LedgerDraft
from bedside.governance.canonical import canonical_text
from bedside.governance.details import guard_details
from bedside.governance.predictions import check_indexed

__all__ = ["as_read_again", "checked_details"]

_PLAIN = frozenset({str, int, float, bool, type(None)})


def checked_details(draft: LedgerDraft) -> str:
    """The canonical text of the details, once everything about the draft is fit to be kept.

    Raises:
        Invalid: the actor, the purpose or the action is blank or no text; a detail speaks of an
            identity or has no JSON form, or does not fit the index that finds its entry; the
            sealed part is not bytes, or the subject no number.
    """
    actor = draft.actor
    _check_word("actor", actor.name)
    _check_word("purpose", actor.purpose)
    _check_word("action", draft.action)
    if not isinstance(draft.sealed, bytes | None):
        raise Invalid("The sealed part of a ledger entry is not bytes.", fix="encode it first.")
    if not isinstance(draft.subject, int | None) or isinstance(draft.subject, bool):
        raise Invalid("The subject of a ledger entry is no number.", fix="give the subject_id.")
    guard_details(draft.details)
    check_indexed(draft)
    try:
        return canonical_text(draft.details)
    except ValueError:
        raise Invalid(
            "A ledger entry holds what JSON cannot say (NaN, infinity or broken text).",
            fix="give null or a text instead.",
        ) from None


def as_read_again(details: dict[str, Any], text: str) -> dict[str, Any]:
    """What somebody gets who reads the canonical text of the details.

    Flat details need not be read again; what is given back shares nothing that could change.
    """
    if _PLAIN.issuperset(map(type, details.values())):
        return dict(details)
    read: dict[str, Any] = json.loads(text)
    return read


def _check_word(what: str, value: object) -> None:
    if not isinstance(value, str) or not _is_there(value):
        raise Invalid(f"A ledger entry needs its {what}.", fix=f"name the {what}.")
    if not _is_whole(value):
        raise Invalid(f"The {what} of a ledger entry is broken text.", fix="give plain text.")


@lru_cache(maxsize=1024)
def _is_there(value: str) -> bool:
    return bool(value.strip())


@lru_cache(maxsize=1024)
def _is_whole(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value
