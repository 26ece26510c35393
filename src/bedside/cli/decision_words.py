"""What `bedside decision` and `bedside sign` print; a signature shows name, time and meaning."""

from collections.abc import Sequence
from typing import Any

from bedside.core.clock import iso
from bedside.core.records.decision import (
    KIND_WORDS,
    Decision,
    DecisionRule,
    DecisionState,
    Signed,
    Signer,
    Standing,
)
from bedside.core.records.signature import MEANING_WORDS, Signing
from bedside.lifecycle.deciding import missing_words

__all__ = [
    "decision_json",
    "decision_words",
    "list_words",
    "rules_words",
    "signature_words",
    "signers_words",
]

Row = tuple[Decision, Standing, Sequence[Signed]]


def signature_words(one: Signed) -> str:
    """The printed name, date, time and zone, and the meaning (21 CFR 11.50)."""
    signature = one.signature
    said = f": {signature.words}" if signature.words else ""
    how = (
        "by the workspace's key; enrol to sign as a person"
        if signature.method is Signing.WORKSPACE
        else f"{signature.signer}, by passphrase"
    )
    when = f"{signature.signed_at[:10]} {signature.signed_at[11:19]} UTC (signer's zone "
    return (
        f"{signature.printed_name}, {when}{signature.zone}), {signature.meaning.value}: "
        f"{MEANING_WORDS[signature.meaning].lower()}{said}. [{how}]"
    ).replace(": i ", ": I ")


def decision_words(row: Row) -> str:
    """A decision, its record, its signatures, and what is missing."""
    decision, standing, signed = row
    lines = [
        f"{decision.id}  {KIND_WORDS[decision.kind]}: {decision.what}",
        f"  {_state(standing)}",
        f"  opened by {decision.opened_by} at {iso(decision.opened_at)[:19]}Z, entry "
        f"{decision.entry} of the ledger",
        f"  signed is the record {decision.record_sha256}:",
        *(f"    {name}: {_value(value)}" for name, value in sorted(decision.record.items())),
    ]
    counted = {one.sequence for one in standing.counted}
    for one in signed:
        why = "" if one.sequence in counted else f"  does not count: {_why(standing, one)}"
        lines.append(f"  {'✓' if one.sequence in counted else '✗'} {signature_words(one)}{why}")
    if standing.until is not None and standing.state is DecisionState.IN_FORCE:
        lines.append(f"  It counts until {iso(standing.until)[:16]}Z.")
    return "\n".join(lines)


def list_words(rows: Sequence[Row]) -> str:
    """Every decision, the open ones first."""
    if not rows:
        return "No decision yet."
    return "\n".join(
        f"{one.id}  {_state(standing):<12.60}  {KIND_WORDS[one.kind]}: {one.what}"
        for one, standing, _ in rows
    )


def rules_words(rules: Sequence[DecisionRule]) -> str:
    """Which decision needs what."""
    lines = []
    for rule in rules:
        places = ", then " if rule.ordered else " and "
        told = places.join(
            " or ".join(sorted(role.value for role in one)) if one else "anybody with the right"
            for one in rule.places
        )
        eyes = "; different people" if rule.four_eyes and len(rule.places) > 1 else ""
        alone = "; never its author alone" if rule.not_author_alone else ""
        lines.append(f"{rule.kind.value:<17} {told}{eyes}{alone}; counts for {_long(rule)}")
    return "\n".join(lines)


def signers_words(found: Sequence[Signer]) -> str:
    """Who may sign."""
    if not found:
        return "Nobody has a signing key. Make yours: bedside sign enrol --name NAME"
    return "\n".join(
        f"{one.who:<16} {one.printed_name:<24} {one.key[:16]}  {_key_state(one)}" for one in found
    )


def decision_json(row: Row) -> dict[str, Any]:
    """A decision for a program."""
    decision, standing, signed = row
    counted = {one.sequence for one in standing.counted}
    return {
        "id": decision.id,
        "kind": decision.kind.value,
        "what": decision.what,
        "state": standing.state.value,
        "missing": [sorted(role.value for role in one) for one in standing.missing],
        "record": dict(decision.record),
        "record_sha256": decision.record_sha256,
        "authors": list(decision.authors),
        "opened_by": decision.opened_by,
        "opened_at": iso(decision.opened_at),
        "entry": decision.entry,
        "entry_hash": decision.entry_hash,
        "signatures": [
            one.signature.as_json()
            | {
                "ledger_entry": one.sequence,
                "counts": one.sequence in counted,
                "why_not": None if one.sequence in counted else _why(standing, one),
            }
            for one in signed
        ],
    }


def _state(standing: Standing) -> str:
    if standing.state is DecisionState.OPEN:
        return f"open, {missing_words(standing)}"
    return standing.state.value


def _why(standing: Standing, one: Signed) -> str:
    return standing.why_not.get(one.sequence, "no place is left for it")


def _value(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _key_state(one: Signer) -> str:
    if one.revoked is not None:
        return f"taken back {iso(one.revoked)[:10]}"
    if one.granted is None:
        return "not granted yet"
    return f"granted {iso(one.granted)[:10]} by {one.granted_by}"


def _long(rule: DecisionRule) -> str:
    minutes = int(rule.counts.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 24 * 60 else f"{minutes // (24 * 60)} days"
