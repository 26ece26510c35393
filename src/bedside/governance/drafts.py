"""What an entry of the ledger must be before it is written."""

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerDraft
from bedside.governance.details import guard_details

__all__ = ["checked_details"]


def checked_details(draft: LedgerDraft) -> str:
    """The canonical text of the details, once everything about the draft is fit to be kept.

    Raises:
        Invalid: the actor, the purpose or the action is blank or no text; a detail speaks of an
            identity or has no JSON form; the sealed part is not bytes, or the subject no number.
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
    try:
        return canonical_json(draft.details).decode()
    except ValueError:
        raise Invalid(
            "A ledger entry holds what JSON cannot say (NaN, infinity or broken text).",
            fix="give null or a text instead.",
        ) from None


def _check_word(what: str, value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise Invalid(f"A ledger entry needs its {what}.", fix=f"name the {what}.")
    if "\0" in value or not _can_be_encoded(value):
        raise Invalid(f"The {what} of a ledger entry is broken text.", fix="give plain text.")


def _can_be_encoded(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
